//! Evidence of the pretend AMD while it can still be changed.

use prism_core::manifest::platform::Product;

use crate::binding::ReportData;
use crate::platform::simulated::SimulatedVendor;
use crate::platform::simulated::certificate::{ListDraft, VekDraft};
use crate::platform::simulated::machine::SimulatedMachine;
use crate::platform::simulated::mutation::Change;
use crate::platform::snp::product::chip_id_len;
use crate::platform::snp::report::Fields;

/// Evidence in the making.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fault that a mutation switches on")]
pub(crate) struct Draft {
    pub(crate) report: Fields,
    pub(crate) vek: VekDraft,
    pub(crate) issuer: IssuerDraft,
    pub(crate) list: Option<ListDraft>,
    pub(crate) other_root: bool,
    pub(crate) signed_by_stranger: bool,
    pub(crate) after_signing: Vec<Change>,
    /// The root's key signs the machine's certificate in the intermediate's name.
    pub(crate) vek_by_root: bool,
    /// Nothing carries a mark, and AMD is named as the organisation.
    pub(crate) disguised: bool,
    pub(super) created: u64,
    pub(super) product: Product,
}

/// The intermediate certificate that goes with the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssuerDraft {
    AsKept,
    NotAuthority,
    Expired,
    Weak,
    UnderOtherRoot,
}

impl Draft {
    pub(crate) fn new(vendor: &SimulatedVendor, machine: &SimulatedMachine, report_data: &ReportData) -> Self {
        let mut chip = [0; 64];
        for (byte, value) in chip.iter_mut().zip(vendor.chip).take(chip_id_len(machine.product)) {
            *byte = value;
        }
        Self {
            report: machine.report(chip, *report_data.as_bytes()),
            vek: vendor.vek_draft(machine),
            issuer: IssuerDraft::AsKept,
            list: Some(vendor.list_draft()),
            other_root: false,
            signed_by_stranger: false,
            after_signing: Vec::new(),
            vek_by_root: false,
            disguised: false,
            created: vendor.created,
            product: machine.product,
        }
    }
}

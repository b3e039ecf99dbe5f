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
pub(in crate::platform::simulated) struct Draft {
    pub(in crate::platform::simulated) report: Fields,
    pub(in crate::platform::simulated) vek: VekDraft,
    pub(in crate::platform::simulated) issuer: IssuerDraft,
    pub(in crate::platform::simulated) list: Option<ListDraft>,
    pub(in crate::platform::simulated) other_root: bool,
    pub(in crate::platform::simulated) signed_by_stranger: bool,
    pub(in crate::platform::simulated) after_signing: Vec<Change>,
    pub(in crate::platform::simulated) vek_by_root: bool,
    pub(super) created: u64,
    pub(super) product: Product,
}

/// The intermediate certificate that goes with the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::platform::simulated) enum IssuerDraft {
    AsKept,
    NotAuthority,
    Expired,
    Weak,
    UnderOtherRoot,
}

impl Draft {
    pub(in crate::platform::simulated) fn new(vendor: &SimulatedVendor, machine: &SimulatedMachine, report_data: &ReportData) -> Self {
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
            created: vendor.created,
            product: machine.product,
        }
    }
}

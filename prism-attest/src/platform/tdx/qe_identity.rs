//! The identity of Intel's TD quoting enclave, version 2 (PCS API version 4, `enclaveIdentity`).

use std::cmp::Reverse;

use prism_core::hexadecimal::Hex as Shown;
use serde::Deserialize;

use super::certificates::Issuer;
use super::json::{self, Checks, Hex, Moment};
use super::quote::QeReport;
use super::status::{Level, ModuleWord};
use crate::endorsements::SignedJson;
use crate::finding::{Check, Notes, Stop};
use crate::window::Window;

const CHECKS: Checks =
    Checks { signature: Check::QeIdentitySignature, form: Check::QeIdentityForm, dates: Check::QeIdentityDates };

/// What the quoting enclave has to be.
#[derive(Clone, Debug)]
pub(super) struct QeIdentity {
    pub(super) evaluation_number: u32,
    pub(super) window: Window,
    misc_select: [u8; 4],
    misc_select_mask: [u8; 4],
    attributes: [u8; 16],
    attributes_mask: [u8; 16],
    signer: [u8; 32],
    product: u16,
    /// From the highest to the lowest.
    levels: Vec<(u16, Level)>,
}

impl QeIdentity {
    /// Verifies, reads and dates the document.
    pub(super) fn open(signed: &SignedJson, by: &Issuer, now: u64, notes: &mut Notes) -> Result<Self, Stop> {
        let document: Document = json::open(signed, by, CHECKS, notes)?;
        let known = document.id == "TD_QE" && document.version == 2 && !document.tcb_levels.is_empty();
        let found = format_args!("{} of version {}", document.id, document.version);
        notes.need(Check::QeIdentityForm, known, "TD_QE of version 2 with levels", found)?;
        let identity = document.read();
        identity.check_dates(now, notes)?;
        Ok(identity)
    }

    /// Notes whether `now` is between the dates.
    pub(super) fn check_dates(&self, now: u64, notes: &mut Notes) -> Result<(), Stop> {
        json::check_dates(self.window, now, CHECKS, notes)
    }

    /// Notes whether the report is by this enclave.
    pub(super) fn check(&self, report: &QeReport, notes: &mut Notes) -> Result<(), Stop> {
        let signer = report.mr_signer();
        notes.need(Check::QeSigner, signer == self.signer, Shown(&self.signer), Shown(&signer))?;
        notes.need(Check::QeProduct, report.product() == self.product, self.product, report.product())?;
        let misc = masked(report.misc_select(), self.misc_select_mask);
        notes.need(Check::QeMiscSelect, misc == self.misc_select, Shown(&self.misc_select), Shown(&misc))?;
        let attributes = masked(report.attributes(), self.attributes_mask);
        notes.need(Check::QeAttributes, attributes == self.attributes, Shown(&self.attributes), Shown(&attributes))
    }

    /// The highest level that the enclave reaches.
    pub(super) fn level(&self, svn: u16) -> Option<&Level> {
        self.levels.iter().find(|(least, _)| svn >= *least).map(|(_, level)| level)
    }
}

fn masked<const N: usize>(mut bytes: [u8; N], mask: [u8; N]) -> [u8; N] {
    bytes.iter_mut().zip(mask).for_each(|(byte, mask)| *byte &= mask);
    bytes
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    id: String,
    version: u32,
    issue_date: Moment,
    next_update: Moment,
    tcb_evaluation_data_number: u32,
    miscselect: Hex<4>,
    miscselect_mask: Hex<4>,
    attributes: Hex<16>,
    attributes_mask: Hex<16>,
    mrsigner: Hex<32>,
    isvprodid: u16,
    tcb_levels: Vec<LevelEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct LevelEntry {
    tcb: Tcb,
    tcb_date: Moment,
    tcb_status: ModuleWord,
    #[serde(default, rename = "advisoryIDs")]
    advisories: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tcb {
    isvsvn: u16,
}

impl Document {
    fn read(self) -> QeIdentity {
        let read =
            |entry: LevelEntry| (entry.tcb.isvsvn, Level::new(entry.tcb_status.0, entry.tcb_date, entry.advisories));
        let mut levels: Vec<_> = self.tcb_levels.into_iter().map(read).collect();
        levels.sort_by_key(|(svn, _)| Reverse(*svn));
        QeIdentity {
            evaluation_number: self.tcb_evaluation_data_number,
            window: Window::new(self.issue_date.0, self.next_update.0),
            misc_select: self.miscselect.0,
            misc_select_mask: self.miscselect_mask.0,
            attributes: self.attributes.0,
            attributes_mask: self.attributes_mask.0,
            signer: self.mrsigner.0,
            product: self.isvprodid,
            levels,
        }
    }
}

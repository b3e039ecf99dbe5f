//! TCB info of version 3: Intel's judgement of one kind of platform (PCS API version 4, `tcbInfo`).

use std::cmp::Reverse;

use serde::Deserialize;

use super::certificates::Issuer;
use super::json::{self, Checks, Hex, Moment};
use super::status::{Level, ModuleWord, PlatformWord};
use crate::endorsements::SignedJson;
use crate::finding::{Check, Notes, Stop};
use crate::window::Window;

const CHECKS: Checks =
    Checks { signature: Check::TcbInfoSignature, form: Check::TcbInfoForm, dates: Check::TcbInfoDates };

/// The judgement, by levels from the highest to the lowest.
#[derive(Clone, Debug)]
pub(super) struct TcbInfo {
    pub(super) fmspc: [u8; 6],
    pub(super) pce_id: [u8; 2],
    pub(super) evaluation_number: u32,
    pub(super) window: Window,
    /// What the TDX module of version 0 has to be.
    pub(super) module: Identity,
    /// What TDX modules of later versions have to be.
    pub(super) modules: Vec<Module>,
    pub(super) levels: Vec<PlatformLevel>,
}

/// Who signed a TDX module, and its attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    pub(super) signer: [u8; 48],
    pub(super) attributes: [u8; 8],
    pub(super) mask: [u8; 8],
}

/// A version of the TDX module.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub(super) version: u8,
    pub(super) identity: Identity,
    pub(super) levels: Vec<(u16, Level)>,
}

/// Security versions that a platform has to reach for a status.
#[derive(Clone, Debug)]
pub(super) struct PlatformLevel {
    pub(super) sgx: [u8; 16],
    pub(super) tdx: [u8; 16],
    pub(super) pce_svn: u16,
    pub(super) level: Level,
}

impl TcbInfo {
    /// Verifies, reads and dates the document.
    pub(super) fn open(signed: &SignedJson, by: &Issuer, now: u64, notes: &mut Notes) -> Result<Self, Stop> {
        let document: Document = json::open(signed, by, CHECKS, notes)?;
        let window = Window::new(document.issue_date.0, document.next_update.0);
        let found = format_args!("{} of version {}", document.id, document.version);
        let known = document.id == "TDX" && document.version == 3 && document.tcb_type == 0;
        notes.need(Check::TcbInfoForm, known, "TDX of version 3", found)?;
        json::check_dates(window, now, CHECKS, notes)?;
        let read = document.read(window);
        notes.need(Check::TcbInfoForm, read.is_some(), "levels, and each module once", form(read.is_some()))?;
        read.ok_or(Stop)
    }

    /// Notes again whether `now` is between the dates.
    pub(super) fn check_dates(&self, now: u64, notes: &mut Notes) -> Result<(), Stop> {
        json::check_dates(self.window, now, CHECKS, notes)
    }
}

fn form(ok: bool) -> &'static str {
    if ok { "levels, and each module once" } else { "another content" }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    id: String,
    version: u32,
    issue_date: Moment,
    next_update: Moment,
    fmspc: Hex<6>,
    pce_id: Hex<2>,
    tcb_type: u32,
    tcb_evaluation_data_number: u32,
    tdx_module: IdentityEntry,
    #[serde(default)]
    tdx_module_identities: Vec<ModuleEntry>,
    tcb_levels: Vec<PlatformEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct IdentityEntry {
    mrsigner: Hex<48>,
    attributes: Hex<8>,
    attributes_mask: Hex<8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ModuleEntry {
    id: String,
    mrsigner: Hex<48>,
    attributes: Hex<8>,
    attributes_mask: Hex<8>,
    tcb_levels: Vec<ModuleLevelEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ModuleLevelEntry {
    tcb: ModuleTcb,
    tcb_date: Moment,
    tcb_status: ModuleWord,
    #[serde(default, rename = "advisoryIDs")]
    advisories: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModuleTcb {
    isvsvn: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PlatformEntry {
    tcb: PlatformTcb,
    tcb_date: Moment,
    tcb_status: PlatformWord,
    #[serde(default, rename = "advisoryIDs")]
    advisories: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlatformTcb {
    sgxtcbcomponents: [Component; 16],
    pcesvn: u16,
    tdxtcbcomponents: [Component; 16],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    svn: u8,
    /// For people: who updates it.
    #[serde(default, rename = "category")]
    _category: Option<String>,
    /// For people: what it is.
    #[serde(default, rename = "type")]
    _kind: Option<String>,
}

impl Document {
    /// `None` unless there are levels and no module's version is named twice.
    fn read(self, window: Window) -> Option<TcbInfo> {
        let modules = self.tdx_module_identities.into_iter().map(ModuleEntry::read).collect::<Option<Vec<_>>>()?;
        let mut versions: Vec<_> = modules.iter().map(|module| module.version).collect();
        versions.sort_unstable();
        versions.dedup();
        let mut levels: Vec<_> = self.tcb_levels.into_iter().map(PlatformEntry::read).collect();
        levels.sort_by_key(|level| Reverse((level.sgx, level.tdx, level.pce_svn)));
        let whole = versions.len() == modules.len() && !levels.is_empty();
        whole.then_some(TcbInfo {
            fmspc: self.fmspc.0,
            pce_id: self.pce_id.0,
            evaluation_number: self.tcb_evaluation_data_number,
            window,
            module: Identity {
                signer: self.tdx_module.mrsigner.0,
                attributes: self.tdx_module.attributes.0,
                mask: self.tdx_module.attributes_mask.0,
            },
            modules,
            levels,
        })
    }
}

impl ModuleEntry {
    fn read(self) -> Option<Module> {
        let mut version = [0];
        hex::decode_to_slice(self.id.strip_prefix("TDX_")?, &mut version).ok()?;
        let mut levels: Vec<_> = self.tcb_levels.into_iter().map(ModuleLevelEntry::read).collect();
        levels.sort_by_key(|(svn, _)| Reverse(*svn));
        let identity =
            Identity { signer: self.mrsigner.0, attributes: self.attributes.0, mask: self.attributes_mask.0 };
        let [version] = version;
        (!levels.is_empty()).then_some(Module { version, identity, levels })
    }
}

impl ModuleLevelEntry {
    fn read(self) -> (u16, Level) {
        (self.tcb.isvsvn, Level::new(self.tcb_status.0, self.tcb_date, self.advisories))
    }
}

impl PlatformEntry {
    fn read(self) -> PlatformLevel {
        PlatformLevel {
            sgx: self.tcb.sgxtcbcomponents.map(|component| component.svn),
            tdx: self.tcb.tdxtcbcomponents.map(|component| component.svn),
            pce_svn: self.tcb.pcesvn,
            level: Level::new(self.tcb_status.0, self.tcb_date, self.advisories),
        }
    }
}

//! One status from what Intel says about platform, TDX module and quoting enclave, as Intel's quote verification
//! library converges them (QVL, sections 4.1.2.4.15 to 4.1.2.4.17 of its design).

use prism_core::hexadecimal::Hex;
use prism_core::manifest::platform::TdxStatus;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::json::Moment;
use super::pck::Pck;
use super::quote::Body;
use super::tcb_info::{Identity, Module, PlatformLevel, TcbInfo};
use crate::finding::{Check, Notes, Stop};

/// What Intel says about one level.
#[derive(Clone, Debug)]
pub(super) struct Level {
    /// `None`: revoked.
    pub(super) status: Option<TdxStatus>,
    /// Unix seconds of the day when the level was the newest.
    pub(super) date: u64,
    pub(super) advisories: Vec<String>,
}

impl Level {
    pub(super) fn new(status: Option<TdxStatus>, date: Moment, advisories: Vec<String>) -> Self {
        Self { status, date: date.0, advisories }
    }
}

/// The status of a platform's level in the TCB info; `None`: revoked.
pub(super) struct PlatformWord(pub(super) Option<TdxStatus>);

/// The status of a module's or the quoting enclave's level; `None`: revoked.
pub(super) struct ModuleWord(pub(super) Option<TdxStatus>);

impl<'de> Deserialize<'de> for PlatformWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        let relaunch = [TdxStatus::TdRelaunchAdvised, TdxStatus::TdRelaunchAdvisedConfigurationNeeded];
        if word == "Revoked" {
            return Ok(Self(None));
        }
        let status = word.parse().ok().filter(|status| !relaunch.contains(status));
        status
            .map(|status| Self(Some(status)))
            .ok_or_else(|| D::Error::custom("expected a known status, found another"))
    }
}

impl<'de> Deserialize<'de> for ModuleWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "UpToDate" => Ok(Self(Some(TdxStatus::UpToDate))),
            "OutOfDate" => Ok(Self(Some(TdxStatus::OutOfDate))),
            "Revoked" => Ok(Self(None)),
            _ => Err(D::Error::custom("expected UpToDate, OutOfDate or Revoked, found another status")),
        }
    }
}

/// The levels that a machine reaches, and what follows from them together.
pub(super) struct Standing<'t> {
    /// All of it.
    pub(super) status: TdxStatus,
    pub(super) platform: &'t Level,
    /// `None` for modules of version 0, whose versions are among the platform's.
    pub(super) module: Option<&'t Level>,
    pub(super) qe: &'t Level,
    /// What runs now, where the quote says that (TDX 1.5).
    pub(super) now: Option<Now<'t>>,
}

/// The levels that the machine reaches with the module that runs now.
#[derive(Clone, Copy)]
pub(super) struct Now<'t> {
    pub(super) platform: &'t Level,
    /// `None` for modules of version 0, whose versions are among the platform's.
    pub(super) module: Option<&'t Level>,
}

/// Finds the levels that the machine reaches; a machine without one, or with a revoked one, ends verification.
pub(super) fn stand<'t>(
    info: &'t TcbInfo,
    qe: Option<&'t Level>,
    pck: &Pck,
    body: &Body,
    notes: &mut Notes,
) -> Result<Standing<'t>, Stop> {
    check_module(info, body, notes)?;
    let (sgx, tdx) = platform_levels(info, pck, &body.tee_tcb_svn);
    let found = if tdx.is_some() { "a level that the platform reaches" } else { "no level as low as the platform" };
    notes.need(Check::TcbPlatformLevel, tdx.is_some(), "a level that the platform reaches", found)?;
    let module = module_level(info, &body.tee_tcb_svn, notes)?;
    let now = levels_now(info, pck, body, notes)?;
    let expected = "a level that the quoting enclave reaches";
    let found = if qe.is_some() { expected } else { "no level as low as the quoting enclave" };
    notes.need(Check::TcbQeLevel, qe.is_some(), expected, found)?;
    let (sgx, platform, qe) = (sgx.ok_or(Stop)?, tdx.ok_or(Stop)?, qe.ok_or(Stop)?);
    let (platform_now, module_now) = (now.map(|now| now.platform), now.and_then(|now| now.module));
    let levels = [Some(&sgx.level), Some(&platform.level), module, platform_now, module_now, Some(qe)];
    let revoked = levels.iter().flatten().any(|level| level.status.is_none());
    let found = if revoked { "a revoked level" } else { "no revoked level" };
    notes.need(Check::TcbNotRevoked, !revoked, "no revoked level", found)?;
    let status_of = |level: &Level| level.status.ok_or(Stop);
    let module_status = module.map_or(Ok(TdxStatus::UpToDate), status_of)?;
    let launch = converge(status_of(&platform.level)?, module_status);
    let parts = Parts { sgx: status_of(&sgx.level)?, launch, module: module_status, qe: status_of(qe)? };
    let is_old = |level: Option<&Level>| level.and_then(|level| level.status).is_some_and(TdxStatus::is_out_of_date);
    let old_now = is_old(platform_now) || is_old(module_now);
    let helps = !old_now && relaunch_helps(info, body, &parts);
    let advised = if helps { parts.relaunch() } else { launch };
    let current = if old_now { TdxStatus::OutOfDate } else { TdxStatus::UpToDate };
    let status = converge(converge(advised, current), parts.qe);
    Ok(Standing { status, platform: &platform.level, module, qe, now })
}

struct Parts {
    sgx: TdxStatus,
    launch: TdxStatus,
    module: TdxStatus,
    qe: TdxStatus,
}

impl Parts {
    fn relaunch(&self) -> TdxStatus {
        if needs_configuration(self.sgx) || needs_configuration(self.launch) {
            TdxStatus::TdRelaunchAdvisedConfigurationNeeded
        } else {
            TdxStatus::TdRelaunchAdvised
        }
    }
}

const fn needs_configuration(status: TdxStatus) -> bool {
    matches!(
        status,
        TdxStatus::ConfigurationNeeded
            | TdxStatus::ConfigurationAndSwHardeningNeeded
            | TdxStatus::OutOfDateConfigurationNeeded
    )
}

/// What an out-of-date part makes of the whole.
const fn converge(whole: TdxStatus, part: TdxStatus) -> TdxStatus {
    match (part, whole) {
        (TdxStatus::OutOfDate, TdxStatus::UpToDate | TdxStatus::SwHardeningNeeded) => TdxStatus::OutOfDate,
        (TdxStatus::OutOfDate, TdxStatus::ConfigurationNeeded | TdxStatus::ConfigurationAndSwHardeningNeeded) => {
            TdxStatus::OutOfDateConfigurationNeeded
        }
        _ => whole,
    }
}

/// Whether launching anew, on the module that runs now, would bring the trust domain up to date (TDX 1.5).
fn relaunch_helps(info: &TcbInfo, body: &Body, parts: &Parts) -> bool {
    let Some(now) = body.td15.map(|td15| td15.tee_tcb_svn2) else { return false };
    let Some(newest) = info.levels.first() else { return false };
    let platform_is_current = !parts.sgx.is_out_of_date();
    let module_was_old = parts.launch.is_out_of_date() && parts.module == TdxStatus::OutOfDate;
    let [svn, version, late, ..] = now;
    let [least, _, least_late, ..] = newest.tdx;
    let reached = match module_of(info, version) {
        _ if version == 0 => u16::from(svn) >= u16::from(least),
        Some(module) => module.levels.first().is_some_and(|(newest, _)| u16::from(svn) >= *newest),
        None => false,
    };
    parts.qe != TdxStatus::OutOfDate && platform_is_current && module_was_old && reached && late >= least_late
}

/// The first level that the processors reach, and the first that the trust domain's module reaches too.
fn platform_levels<'t>(
    info: &'t TcbInfo,
    pck: &Pck,
    tee_tcb_svn: &[u8; 16],
) -> (Option<&'t PlatformLevel>, Option<&'t PlatformLevel>) {
    let processors = |level: &&PlatformLevel| reaches(&pck.components, &level.sgx) && pck.pce_svn >= level.pce_svn;
    let sgx = info.levels.iter().find(processors);
    let tdx = info.levels.iter().filter(processors).find(|level| module_reaches(tee_tcb_svn, &level.tdx));
    (sgx, tdx)
}

fn reaches(found: &[u8], least: &[u8]) -> bool {
    found.iter().zip(least).all(|(found, least)| found >= least)
}

/// Modules from version 1 are judged by their own levels, so that their two bytes do not count for the platform.
fn module_reaches(tee_tcb_svn: &[u8; 16], least: &[u8; 16]) -> bool {
    let [_, version, late @ ..] = tee_tcb_svn;
    let [_, _, least_late @ ..] = least;
    if *version > 0 { reaches(late, least_late) } else { reaches(tee_tcb_svn, least) }
}

fn module_of(info: &TcbInfo, version: u8) -> Option<&Module> {
    info.modules.iter().find(|module| module.version == version)
}

/// Notes who signed the module and that it runs without attributes, such as debugging.
fn check_module(info: &TcbInfo, body: &Body, notes: &mut Notes) -> Result<(), Stop> {
    let [_, version, ..] = body.tee_tcb_svn;
    let known = if version == 0 { Some(info.module) } else { module_of(info, version).map(|module| module.identity) };
    let found = format_args!("version {version}");
    notes.need(Check::TcbModule, known.is_some(), "a version of the TDX module that Intel lists", found)?;
    let Identity { signer, attributes, mask } = known.ok_or(Stop)?;
    let ok = body.mr_signer_seam == signer;
    let found = if ok { "that signer" } else { "another signer" };
    notes.need(Check::TcbModuleSigner, ok, "the signer of the TDX module that Intel lists", found)?;
    let masked = body.seam_attributes.iter().zip(mask).map(|(byte, mask)| byte & mask);
    let ok = masked.eq(attributes) && body.seam_attributes == [0; 8];
    notes.need(Check::TcbModuleAttributes, ok, "no attributes", Hex(&body.seam_attributes))
}

/// The highest level that the module reaches; none for version 0.
fn module_level<'t>(info: &'t TcbInfo, svns: &[u8; 16], notes: &mut Notes) -> Result<Option<&'t Level>, Stop> {
    let [svn, version, ..] = *svns;
    if version == 0 {
        return Ok(None);
    }
    let levels = module_of(info, version).map(|module| module.levels.iter());
    let level = levels.and_then(|mut levels| levels.find(|(least, _)| u16::from(svn) >= *least));
    let found = format_args!("version {version}.{svn}");
    notes.need(Check::TcbModuleLevel, level.is_some(), "a version of the TDX module with a level", found)?;
    Ok(level.map(|(_, level)| level))
}

/// What runs now has to be known too (TDX 1.5): the module that it replaced cannot speak for it.
fn levels_now<'t>(info: &'t TcbInfo, pck: &Pck, body: &Body, notes: &mut Notes) -> Result<Option<Now<'t>>, Stop> {
    let Some(now) = body.td15.map(|td15| td15.tee_tcb_svn2) else { return Ok(None) };
    let module = module_level(info, &now, notes)?;
    let platform = platform_levels(info, pck, &now).1;
    let found = if platform.is_some() { "a level" } else { "no level as low" };
    notes.need(Check::TcbPlatformLevel, platform.is_some(), "a level that the platform reaches now", found)?;
    let platform = &platform.ok_or(Stop)?.level;
    Ok(Some(Now { platform, module }))
}

#[cfg(test)]
mod tests;

//! The way to a signature that this machine has, the kernel's common interface first.

use prism_attest::evidence::Platform;

use super::probe::ProbePaths;
use super::{AttesterError, Machine, azure, sev_guest, tdx_attest, tsm};

/// A way, and whose evidence it gives.
type Found = (Machine, Platform);

/// The privilege level of a guest that has a virtual machine to itself.
const WHOLE_MACHINE: u8 = 0;

/// SEV-SNP: configfs-tsm, or the guest device of older kernels.
pub(super) fn snp(paths: &ProbePaths, vmpl: Option<u8>) -> Result<Found, AttesterError> {
    if let Some(tsm) = tsm_of(paths, Some(Platform::Snp))? {
        if let Some(level) = vmpl {
            tsm.ask_for_level(level)?;
        }
        return Ok((Machine::Tsm(tsm), Platform::Snp));
    }
    let device = device(paths, vmpl)?;
    device.ok_or(AttesterError::NoHardware { expected: "an SEV-SNP guest" })
}

/// TDX: configfs-tsm, or Intel's library on older kernels.
pub(super) fn tdx(paths: &ProbePaths) -> Result<Found, AttesterError> {
    if let Some(tsm) = tsm_of(paths, Some(Platform::Tdx))? {
        return Ok((Machine::Tsm(tsm), Platform::Tdx));
    }
    library(paths)?.ok_or(AttesterError::NoHardware { expected: "a TDX guest" })
}

/// Azure's virtual TPM, of this processor if one is named.
pub(super) fn azure(paths: &ProbePaths, expected: Option<Platform>) -> Result<Found, AttesterError> {
    if !paths.tpm.exists() {
        return Err(AttesterError::NoHardware { expected: "a confidential VM of Azure" });
    }
    let azure = azure::Azure::open(&paths.tpm, paths.metadata_service)?;
    let found = azure.platform();
    match expected.filter(|expected| *expected != found) {
        Some(expected) => Err(AttesterError::OtherPlatform { expected, found }),
        None => Ok((Machine::Azure(Box::new(azure)), found)),
    }
}

/// Whatever this machine has.
pub(super) fn any(paths: &ProbePaths) -> Result<Found, AttesterError> {
    if let Some(tsm) = tsm_of(paths, None)? {
        let platform = tsm.platform();
        return Ok((Machine::Tsm(tsm), platform));
    }
    if let Some(found) = device(paths, None)? {
        return Ok(found);
    }
    if let Some(found) = library(paths)? {
        return Ok(found);
    }
    if paths.tpm.exists() {
        return azure(paths, None);
    }
    Err(AttesterError::NoHardware { expected: "a confidential VM" })
}

/// The kernel's interface; `None` where it does not exist or nothing signs behind it.
fn tsm_of(paths: &ProbePaths, expected: Option<Platform>) -> Result<Option<tsm::Tsm>, AttesterError> {
    if !paths.tsm.is_dir() {
        return Ok(None);
    }
    let tsm = match tsm::Tsm::open(&paths.tsm) {
        Err(AttesterError::NoProvider) => return Ok(None),
        opened => opened?,
    };
    let found = tsm.platform();
    match expected.filter(|expected| *expected != found) {
        Some(expected) => Err(AttesterError::OtherPlatform { expected, found }),
        None => Ok(Some(tsm)),
    }
}

fn device(paths: &ProbePaths, vmpl: Option<u8>) -> Result<Option<Found>, AttesterError> {
    if !paths.sev_guest.exists() {
        return Ok(None);
    }
    let device = sev_guest::SevGuest::open(vmpl.unwrap_or(WHOLE_MACHINE))?;
    Ok(Some((Machine::SevGuest(device), Platform::Snp)))
}

/// Intel's library, on a machine that has the device which it needs.
fn library(paths: &ProbePaths) -> Result<Option<Found>, AttesterError> {
    if !paths.tdx_guest.iter().any(|device| device.exists()) {
        return Ok(None);
    }
    let library = tdx_attest::TdxAttest::open(&paths.tdx_attest)?;
    Ok(Some((Machine::TdxAttest(library), Platform::Tdx)))
}

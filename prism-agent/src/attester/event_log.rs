//! The log of what was measured into this machine's registers before the agent ran.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use prism_attest::evidence::Platform;
use prism_core::manifest::platform::{EventLogRule, PlatformPolicy, Profile};

use super::{AttesterError, io_error};

/// Longest event log that an agent sends, in bytes: it travels in one message. Real ones have 10 to 100 KiB.
pub const EVENT_LOG_SENT_MAX: usize = 512 * 1024;

/// Where Linux has the log of a TDX guest (ACPI table CCEL).
pub(super) const CCEL: &str = "/sys/firmware/acpi/tables/data/CCEL";

/// Where Linux has the log of a TPM.
pub(super) const TPM_LOG: &str = "/sys/kernel/security/tpm0/binary_bios_measurements";

/// Whether a profile for this platform demands a log. Without a demand none is shown: one that is shown has to be true,
/// and would be one more thing that can be wrong.
pub(crate) fn is_demanded(policy: &PlatformPolicy, platform: Platform) -> bool {
    let of_platform = policy.accept.iter().filter(|profile| profile.platform() == platform.name());
    of_platform.filter_map(rule).any(|rule| rule == EventLogRule::Require)
}

fn rule(profile: &Profile) -> Option<EventLogRule> {
    match profile {
        Profile::Tdx(tdx) => Some(tdx.event_log),
        Profile::SimulatedTdx(simulated) => Some(simulated.tdx.event_log),
        Profile::AzureSnp(azure) => Some(azure.vtpm.event_log),
        Profile::AzureTdx(azure) => Some(azure.vtpm.event_log),
        _ => None,
    }
}

/// The log of a platform that has one below `paths`.
pub(super) fn read(platform: Platform, ccel: &Path, tpm_log: &Path) -> Result<Vec<u8>, AttesterError> {
    let path = match platform {
        Platform::Tdx => ccel,
        Platform::AzureSnp | Platform::AzureTdx => tpm_log,
        other => return Err(AttesterError::NoEventLog { platform: other }),
    };
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => AttesterError::NoEventLog { platform },
        _ => io_error("read", path)(error),
    })?;
    let mut log = Vec::new();
    // Files of the kernel do not know their length before they are read.
    file.take(EVENT_LOG_SENT_MAX as u64 + 1).read_to_end(&mut log).map_err(io_error("read", path))?;
    if log.len() > EVENT_LOG_SENT_MAX {
        return Err(AttesterError::EventLogTooLarge { path: path.to_owned() });
    }
    Ok(log)
}

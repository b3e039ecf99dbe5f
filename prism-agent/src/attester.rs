//! Evidence from this machine: the kernel's configfs-tsm, the SNP guest device, or the simulator.
//!
//! Everything here blocks: hardware takes its time. No function takes raw report data; only what
//! [`ReportData::compose`] made can be signed.

mod cert_table;
mod sev_guest;
#[cfg(feature = "simulator")]
mod simulated;
mod tsm;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prism_attest::binding::ReportData;
use prism_attest::endorsements::{Endorsements, EndorsementsError};
use prism_attest::evidence::{Evidence, EvidenceError, Platform};
use prism_core::code::{Code, Coded};

use crate::server::PlatformChoice;

#[cfg(feature = "simulator")]
pub use simulated::{VendorError, simulated_root};

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttesterError {
    /// The machine is none of the kind that was asked for.
    #[error("expected an SEV-SNP guest, found neither {tsm} nor {device}; start the agent in a confidential VM")]
    NoHardware {
        /// Where the kernel's interface would be.
        tsm: PathBuf,
        /// Where the guest's device would be.
        device: PathBuf,
    },
    /// A file of the machine or of the configuration could not be used.
    #[error("expected to {step} {path}, found an error of the system")]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The kernel's provider is for another platform.
    #[error("expected the kernel's report provider sev_guest, found {found}; name the machine's own platform")]
    OtherProvider {
        /// What the kernel says.
        found: String,
    },
    /// The report interface was busy or was disturbed again and again.
    #[error("expected a report from the machine, found its interface busy {attempts} times; try again")]
    Busy {
        /// How often it was tried.
        attempts: u32,
    },
    /// The guest device refused.
    #[error("expected a report from the guest device, found a refusal of its firmware; see the kernel's log")]
    Firmware,
    /// The host gave no certificates and none are configured.
    #[error("expected the vendor's certificates from the host or a file, found neither; give --endorsements FILE")]
    NoEndorsements,
    /// The certificates cannot be used.
    #[error(transparent)]
    Endorsements(#[from] EndorsementsError),
    /// The machine's report cannot be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The pretend vendor cannot be used.
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    Simulator(#[from] VendorError),
}

impl Coded for AttesterError {
    fn code(&self) -> Code {
        match self {
            Self::NoHardware { .. } | Self::OtherProvider { .. } => Code::PlatformUnsupported,
            Self::Io { .. } => Code::FileIo,
            Self::Busy { .. } => Code::AgentBusy,
            Self::Firmware => Code::Internal,
            Self::NoEndorsements => Code::FileMissing,
            Self::Endorsements(error) => error.code(),
            Self::Evidence(error) => error.code(),
            #[cfg(feature = "simulator")]
            Self::Simulator(error) => error.code(),
        }
    }
}

fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AttesterError {
    move |source| AttesterError::Io { step, path: path.to_owned(), source }
}

/// What signs this machine's evidence.
pub(crate) enum Attester {
    /// The kernel's configfs-tsm.
    Tsm { tsm: tsm::Tsm, endorsements: Option<Endorsements> },
    /// The SNP guest device.
    SevGuest { device: sev_guest::SevGuest, endorsements: Endorsements },
    /// A pretend AMD.
    #[cfg(feature = "simulator")]
    Simulated(Box<simulated::Simulated>),
}

impl Attester {
    /// Finds what the configuration asks for; on hardware, the kernel's common interface first.
    #[cfg_attr(not(feature = "simulator"), expect(unused_variables, reason = "only a pretend vendor is made here"))]
    pub(crate) fn open(choice: &PlatformChoice, now: u64) -> Result<Self, AttesterError> {
        match choice {
            PlatformChoice::Snp { endorsements } => Self::open_snp(endorsements.as_deref()),
            #[cfg(feature = "simulator")]
            PlatformChoice::Simulated { vendor } => {
                Ok(Self::Simulated(Box::new(simulated::Simulated::open(vendor, now)?)))
            }
        }
    }

    fn open_snp(file: Option<&Path>) -> Result<Self, AttesterError> {
        let endorsements = file.map(read_endorsements).transpose()?;
        let (tsm, device) = (Path::new(tsm::REPORTS), Path::new(sev_guest::DEVICE));
        if tsm.is_dir() {
            return Ok(Self::Tsm { tsm: tsm::Tsm::open(tsm)?, endorsements });
        }
        if device.exists() {
            let endorsements = endorsements.ok_or(AttesterError::NoEndorsements)?;
            return Ok(Self::SevGuest { device: sev_guest::SevGuest::open()?, endorsements });
        }
        Err(AttesterError::NoHardware { tsm: tsm.to_owned(), device: device.to_owned() })
    }

    /// The kind of machine.
    pub(crate) fn platform(&self) -> Platform {
        match self {
            Self::Tsm { .. } | Self::SevGuest { .. } => Platform::Snp,
            #[cfg(feature = "simulator")]
            Self::Simulated(_) => Platform::Simulated,
        }
    }

    /// Has the machine sign; takes milliseconds to seconds.
    pub(crate) fn attest(&mut self, data: &ReportData) -> Result<(Evidence, Endorsements), AttesterError> {
        match self {
            Self::Tsm { tsm, endorsements } => {
                let report = tsm.report(data)?;
                let endorsements = match endorsements {
                    Some(configured) => configured.clone(),
                    None => cert_table::endorsements(&report.auxiliary)?,
                };
                Ok((Evidence::new(Platform::Snp, report.evidence)?, endorsements))
            }
            Self::SevGuest { device, endorsements } => {
                Ok((Evidence::new(Platform::Snp, device.report(data)?)?, endorsements.clone()))
            }
            #[cfg(feature = "simulator")]
            Self::Simulated(simulated) => Ok(simulated.attest(data)?),
        }
    }
}

fn read_endorsements(path: &Path) -> Result<Endorsements, AttesterError> {
    let bytes = fs::read(path).map_err(io_error("read", path))?;
    Ok(Endorsements::read(&bytes)?)
}

#[cfg(test)]
mod tests;

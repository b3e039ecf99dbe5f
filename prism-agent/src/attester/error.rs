//! Why there is no evidence.

use std::io;
use std::path::{Path, PathBuf};

use prism_attest::endorsements::bundle::SelectError;
use prism_attest::endorsements::{EndorsementsError, OfferedError};
use prism_attest::evidence::{EVIDENCE_MAX, EvidenceError, Platform};
use prism_core::code::{Code, Coded};

use super::azure::AzureError;
use super::busy::{Tried, is_busy};
use super::event_log::EVENT_LOG_SENT_MAX;
#[cfg(feature = "simulator")]
use super::simulated::VendorError;
use super::tdx_attest::TdxAttestError;

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttesterError {
    /// The machine is none of the kind that was asked for.
    #[error("expected {expected}, found none of its interfaces; `prism attester probe` says what is missing")]
    NoHardware {
        /// What was asked for.
        expected: &'static str,
    },
    /// The kernel has its report interface, but nothing that signs.
    #[error("expected a report provider in the kernel, found none; load the module sev-guest or tdx-guest")]
    NoProvider,
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
    #[error("expected the machine to sign for {expected}, found {found}; name the machine's own platform")]
    OtherPlatform {
        /// What was asked for.
        expected: Platform,
        /// What the machine has.
        found: Platform,
    },
    /// The kernel's provider is of a kind that this version of Prism does not know.
    #[error("expected the report provider sev_guest or tdx_guest, found {found}; a newer Prism may know it")]
    UnknownProvider {
        /// What the kernel says.
        found: String,
    },
    /// The machine signed something else than its interface is for.
    #[error("expected {expected} evidence from the machine, found {found}; a newer Prism may read it")]
    OtherEvidence {
        /// What the interface is for.
        expected: Platform,
        /// What came.
        found: &'static str,
    },
    /// The machine's evidence does not fit: the kernel says so (EFBIG), or it is more than Prism sends.
    #[error("expected at most {EVIDENCE_MAX} bytes in {path}, found more; this is no report or quote that Prism knows")]
    TooLarge {
        /// Where it was read.
        path: PathBuf,
    },
    /// Reports for a privilege level that this guest does not have.
    #[error(
        "expected a privilege level of at least {floor}, which is this guest's own, found {asked}; ask for {floor}"
    )]
    Privilege {
        /// What was asked for.
        asked: u8,
        /// The kernel's lowest.
        floor: u64,
    },
    /// Only SEV-SNP has privilege levels.
    #[error("expected no privilege level, found one for a platform without; leave it out")]
    NoPrivilegeLevels,
    /// The report interface was busy or was disturbed again and again.
    #[error("expected a report from the machine, found its interface busy {attempts} times; try again")]
    Busy {
        /// How often it was tried.
        attempts: u32,
    },
    /// The guest device refused.
    #[error("expected a report from the guest device, found a refusal of its firmware ({found}); see the kernel's log")]
    Firmware {
        /// What the firmware or the host says.
        found: String,
    },
    /// Intel's library refused.
    #[error(transparent)]
    TdxAttest(#[from] TdxAttestError),
    /// Azure's virtual TPM or its metadata service refused.
    #[error(transparent)]
    Azure(#[from] AzureError),
    /// The host gave no certificates and none are configured.
    #[error("expected the vendor's endorsements from the host or a file, found neither; give --endorsements FILE")]
    NoEndorsements,
    /// The configured endorsements are those of another vendor.
    #[error("expected endorsements of {expected}, found those of another platform; give the file of this machine")]
    OtherEndorsements {
        /// What the machine is.
        expected: Platform,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Endorsements(#[from] EndorsementsError),
    /// The configured file cannot be used.
    #[error(transparent)]
    Offered(#[from] OfferedError),
    /// The configured bundle has nothing for this machine.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The machine's report cannot be used.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The manifest demands an event log, and this machine has none.
    #[error(
        "expected an event log, which the manifest demands of {platform}, found none; measured boot writes one, and \
         only root may read it"
    )]
    NoEventLog {
        /// The kind of machine.
        platform: Platform,
    },
    /// The event log does not fit into a message.
    #[error(
        "expected at most {EVENT_LOG_SENT_MAX} bytes of event log in {path}, found more; it cannot be sent, and the \
         manifest demands it"
    )]
    EventLogTooLarge {
        /// Where it is.
        path: PathBuf,
    },
    /// The pretend vendor cannot be used.
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    Simulator(#[from] VendorError),
}

impl Tried for AttesterError {
    fn is_busy(&self) -> bool {
        match self {
            Self::Io { source, .. } => is_busy(source),
            Self::TdxAttest(error) => matches!(error, TdxAttestError::Busy),
            _ => false,
        }
    }

    fn gave_up(attempts: u32) -> Self {
        Self::Busy { attempts }
    }
}

impl Coded for AttesterError {
    fn code(&self) -> Code {
        match self {
            Self::NoHardware { .. }
            | Self::NoProvider
            | Self::OtherPlatform { .. }
            | Self::UnknownProvider { .. }
            | Self::OtherEvidence { .. }
            | Self::TooLarge { .. }
            | Self::EventLogTooLarge { .. } => Code::PlatformUnsupported,
            Self::Io { .. } => Code::FileIo,
            Self::Privilege { .. } | Self::NoPrivilegeLevels => Code::Usage,
            Self::Busy { .. } => Code::AgentBusy,
            Self::Firmware { .. } => Code::Internal,
            Self::TdxAttest(TdxAttestError::Load { .. } | TdxAttestError::Unsupported) => Code::PlatformUnsupported,
            Self::TdxAttest(TdxAttestError::Busy) => Code::AgentBusy,
            Self::TdxAttest(_) => Code::Internal,
            Self::Azure(error) => error.code(),
            Self::NoEndorsements | Self::NoEventLog { .. } => Code::FileMissing,
            Self::OtherEndorsements { .. } => Code::FileMalformed,
            Self::Endorsements(error) => error.code(),
            Self::Offered(error) => error.code(),
            Self::Select(error) => error.code(),
            Self::Evidence(error) => error.code(),
            #[cfg(feature = "simulator")]
            Self::Simulator(error) => error.code(),
        }
    }
}

pub(super) fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AttesterError {
    move |source| AttesterError::Io { step, path: path.to_owned(), source }
}

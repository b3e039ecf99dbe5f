//! Azure's confidential machines: a virtual TPM stands between the processor and the guest (Microsoft, "Guest
//! attestation design detail").
//!
//! The paravisor below the guest had the processor sign for the TPM's attestation key (AK) at boot and left that report
//! in the TPM, so report data cannot go into it: their digest goes into a quote of the TPM, signed by the AK.

mod hcl;
mod http;
mod imds;

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use prism_attest::binding::ReportData;
use prism_attest::evidence::Platform;
use prism_attest::{AzureEvidence, AzureQuote};
use prism_core::code::{Code, Coded};

pub use self::http::HttpError;
pub use self::imds::ImdsError;
pub(super) use self::imds::SERVICE;
use super::busy::Patience;
use super::tpm::{Tpm, TpmError};

/// Where the paravisor leaves its report.
const REPORT_INDEX: u32 = 0x0140_0001;

/// What is written here goes into the paravisor's next report, which it makes when [`REPORT_INDEX`] is read, but not
/// twice within two seconds.
const USER_DATA_INDEX: u32 = 0x0140_0002;

/// The attestation key.
const ATTESTATION_KEY: u32 = 0x8100_0003;

/// Why Azure's virtual TPM gave no evidence.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AzureError {
    /// The TPM's device could not be opened.
    #[error("expected to open the TPM {path}, found an error of the system; run as root or in the group tss")]
    Open {
        /// The device.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The TPM refused.
    #[error(transparent)]
    Tpm(#[from] TpmError),
    /// The metadata service gave no quote.
    #[error(transparent)]
    Imds(#[from] ImdsError),
    /// What the paravisor left is not its report.
    #[error("expected the paravisor's report in the TPM, found {found}; is this an Azure confidential VM?")]
    Report {
        /// What is there.
        found: &'static str,
    },
}

impl Coded for AzureError {
    fn code(&self) -> Code {
        match self {
            Self::Open { .. } => Code::FileIo,
            Self::Tpm(TpmError::Busy { .. } | TpmError::Retry { .. }) => Code::AgentBusy,
            Self::Imds(error) => error.code(),
            Self::Tpm(_) | Self::Report { .. } => Code::PlatformUnsupported,
        }
    }
}

/// An Azure confidential machine.
pub(crate) struct Azure {
    tpm: Tpm,
    service: SocketAddr,
    platform: Platform,
    patience: Patience,
    reuse: Duration,
    known: Option<Known>,
}

/// How long a TDX machine's quote is used again. It says nothing that changes with a session, and the host's quoting
/// service is slow and asked by everybody.
const QUOTE_REUSE: Duration = Duration::from_mins(10);

/// A paravisor's report and its quote.
#[derive(Clone)]
struct Known {
    report: Vec<u8>,
    quote: Vec<u8>,
    since: Instant,
}

impl Azure {
    /// Opens the TPM's device and looks whose report the paravisor left there.
    pub(super) fn open(device: &Path, service: SocketAddr) -> Result<Self, AzureError> {
        let opened = OpenOptions::new().read(true).write(true).open(device);
        let file = opened.map_err(|source| AzureError::Open { path: device.to_owned(), source })?;
        Self::new(Tpm::new(Box::new(file), Patience::STANDARD), service, Patience::STANDARD)
    }

    pub(super) fn new(mut tpm: Tpm, service: SocketAddr, patience: Patience) -> Result<Self, AzureError> {
        let platform = hcl::platform(&tpm.nv_read(REPORT_INDEX)?)?;
        Ok(Self { tpm, service, platform, patience, reuse: QUOTE_REUSE, known: None })
    }

    /// Has every quote made afresh.
    #[cfg(test)]
    pub(super) fn without_reuse(self) -> Self {
        Self { reuse: Duration::ZERO, ..self }
    }

    /// Whose processor signed the paravisor's report.
    pub(super) const fn platform(&self) -> Platform {
        self.platform
    }

    /// Has the TPM sign `data` and its registers, and puts the evidence together.
    pub(super) fn attest(&mut self, data: &ReportData) -> Result<Vec<u8>, AzureError> {
        let (report, td_quote) = match self.platform {
            Platform::AzureTdx => self.known(data).map(|known| (known.report, Some(known.quote)))?,
            _ => (self.report()?, None),
        };
        let quote = self.tpm.quote(ATTESTATION_KEY, data.digest().as_bytes())?;
        let quote = AzureQuote { message: quote.message, signature: quote.signature, registers: quote.pcrs };
        let report_data = Some(*data.as_bytes());
        Ok(AzureEvidence { hcl_report: report, quote, td_quote, report_data }.to_json())
    }

    /// The paravisor's report as it is now.
    fn report(&mut self) -> Result<Vec<u8>, AzureError> {
        let report = self.tpm.nv_read(REPORT_INDEX)?;
        if hcl::platform(&report)? == self.platform {
            return Ok(report);
        }
        Err(AzureError::Report { found: "one of another processor than before" })
    }

    /// The quote of a recent report, or of a fresh one where the host does not accept the report in hand.
    fn known(&mut self, data: &ReportData) -> Result<Known, AzureError> {
        if let Some(known) = self.known.as_ref().filter(|known| known.since.elapsed() < self.reuse) {
            return Ok(known.clone());
        }
        let report = self.report()?;
        let (report, quote) = match self.ask_for_quote(&report) {
            Ok(quote) => (report, quote),
            Err(refused @ AzureError::Imds(ImdsError::Refused { .. })) => {
                let fresh = self.fresh_report(&report, data).map_err(|_| refused)?;
                let quote = self.ask_for_quote(&fresh)?;
                (fresh, quote)
            }
            Err(error) => return Err(error),
        };
        Ok(self.known.insert(Known { report, quote, since: Instant::now() }).clone())
    }

    fn ask_for_quote(&self, report: &[u8]) -> Result<Vec<u8>, AzureError> {
        let td_report = hcl::td_report(report)?;
        Ok(self.patience.ask(|| imds::td_quote(self.service, td_report).map(Some))?)
    }

    /// A report that differs from the old one.
    fn fresh_report(&mut self, old: &[u8], data: &ReportData) -> Result<Vec<u8>, AzureError> {
        // Older paravisors wait for this; newer ones need no index for it, and time alone makes the report afresh.
        let _ = self.tpm.nv_write(USER_DATA_INDEX, data.as_bytes());
        let (patience, tpm) = (self.patience.longer(), &mut self.tpm);
        Ok(patience.ask(|| tpm.nv_read(REPORT_INDEX).map(|fresh| (fresh != old).then_some(fresh)))?)
    }
}

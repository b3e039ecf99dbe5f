//! Azure's confidential machines: a virtual TPM stands between the processor and the guest (Microsoft, "Guest
//! attestation design detail").
//!
//! The paravisor below the guest had the processor sign for the TPM's attestation key (AK) at boot and left that report
//! in the TPM, so report data cannot go into it: they go into a quote of the TPM, signed by the AK.

mod hcl;
mod http;
mod imds;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prism_attest::binding::ReportData;
use prism_attest::evidence::Platform;
use prism_core::code::{Code, Coded};
use serde::Serialize;

pub use self::http::HttpError;
pub use self::imds::ImdsError;
pub(super) use self::imds::SERVICE;
use super::busy::Patience;
use super::tpm::{Quote, Tpm, TpmError};

/// Where the paravisor leaves its report.
const REPORT_INDEX: u32 = 0x0140_0001;

/// Writing here makes the paravisor ask the processor for a fresh report.
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
    /// The evidence could not be written down.
    #[error("expected printable evidence, found something else; this is a fault of Prism")]
    Container,
}

impl Coded for AzureError {
    fn code(&self) -> Code {
        match self {
            Self::Open { .. } => Code::FileIo,
            Self::Tpm(TpmError::Busy { .. } | TpmError::Retry { .. }) => Code::AgentBusy,
            Self::Imds(error) => error.code(),
            Self::Tpm(_) | Self::Report { .. } => Code::PlatformUnsupported,
            Self::Container => Code::Internal,
        }
    }
}

/// An Azure confidential machine.
pub(crate) struct Azure {
    tpm: Tpm,
    service: SocketAddr,
    platform: Platform,
    patience: Patience,
    known: Option<Known>,
}

/// A TDX machine's quote, which stays the same for as long as the paravisor's report does.
struct Known {
    report: Vec<u8>,
    quote: Vec<u8>,
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
        Ok(Self { tpm, service, platform, patience, known: None })
    }

    /// Whose processor signed the paravisor's report.
    pub(super) const fn platform(&self) -> Platform {
        self.platform
    }

    /// Has the TPM sign `data` and its registers, and puts the evidence together.
    pub(super) fn attest(&mut self, data: &ReportData) -> Result<Vec<u8>, AzureError> {
        let report = self.tpm.nv_read(REPORT_INDEX)?;
        if hcl::platform(&report)? != self.platform {
            return Err(AzureError::Report { found: "one of another processor than before" });
        }
        let (report, td_quote) = match self.platform {
            Platform::AzureTdx => self.td_quote(report, data).map(|(report, quote)| (report, Some(quote)))?,
            _ => (report, None),
        };
        let quote = self.tpm.quote(ATTESTATION_KEY, data.as_bytes())?;
        container(&report, &quote, td_quote.as_deref())
    }

    /// The quote of the report in hand, or of a fresh one where the host no longer accepts that.
    fn td_quote(&mut self, report: Vec<u8>, data: &ReportData) -> Result<(Vec<u8>, Vec<u8>), AzureError> {
        if let Some(known) = self.known.as_ref().filter(|known| known.report == report) {
            return Ok((report, known.quote.clone()));
        }
        let (report, quote) = match self.ask_for_quote(&report) {
            Ok(quote) => (report, quote),
            Err(refused @ AzureError::Imds(ImdsError::Refused { .. })) => {
                let fresh = self.fresh_report(&report, data).map_err(|_| refused)?;
                let quote = self.ask_for_quote(&fresh)?;
                (fresh, quote)
            }
            Err(error) => return Err(error),
        };
        self.known = Some(Known { report: report.clone(), quote: quote.clone() });
        Ok((report, quote))
    }

    fn ask_for_quote(&self, report: &[u8]) -> Result<Vec<u8>, AzureError> {
        let td_report = hcl::td_report(report)?;
        Ok(self.patience.ask(|| imds::td_quote(self.service, td_report).map(Some))?)
    }

    /// A report that differs from the old one, made because user data were written.
    fn fresh_report(&mut self, old: &[u8], data: &ReportData) -> Result<Vec<u8>, AzureError> {
        self.tpm.nv_write(USER_DATA_INDEX, data.as_bytes())?;
        let (patience, tpm) = (self.patience, &mut self.tpm);
        Ok(patience.ask(|| tpm.nv_read(REPORT_INDEX).map(|fresh| (fresh != old).then_some(fresh)))?)
    }
}

/// The evidence of `azure-snp` and `azure-tdx`.
#[derive(Serialize)]
struct Container {
    v: u32,
    hcl_report: String,
    quote: QuotePart,
    #[serde(skip_serializing_if = "Option::is_none")]
    td_quote: Option<String>,
}

#[derive(Serialize)]
struct QuotePart {
    message: String,
    signature: String,
    pcrs: BTreeMap<u8, String>,
}

fn container(report: &[u8], quote: &Quote, td_quote: Option<&[u8]>) -> Result<Vec<u8>, AzureError> {
    let container = Container {
        v: 1,
        hcl_report: BASE64_STANDARD.encode(report),
        quote: QuotePart {
            message: BASE64_STANDARD.encode(&quote.message),
            signature: BASE64_STANDARD.encode(&quote.signature),
            pcrs: quote.pcrs.iter().map(|(register, value)| (*register, hex::encode(value))).collect(),
        },
        td_quote: td_quote.map(|quote| BASE64_STANDARD.encode(quote)),
    };
    serde_json::to_vec(&container).map_err(|_| AzureError::Container)
}

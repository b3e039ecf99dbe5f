//! The container in which Azure's evidence travels: strict JSON with base64.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_core::code::{Code, Coded};
use prism_core::manifest::platform::HexBytes;
use prism_core::strict::{self, JsonError};
use serde::{Deserialize, Serialize};

use crate::evidence::EVIDENCE_MAX;
use crate::tpm::REGISTERS;

/// What a confidential machine on Azure gives as evidence, as it came: the bytes of [`Evidence`](crate::Evidence) for
/// `azure-snp` and `azure-tdx`. Nothing in it is believed yet.
///
/// ```
/// use prism_attest::{AzureEvidence, AzureQuote, Evidence, Platform};
///
/// let registers = (0..24).map(|number| (number, "00".repeat(32).parse().unwrap())).collect();
/// let quote = AzureQuote { message: vec![0xff; 122], signature: vec![1; 256], registers };
/// let parts = AzureEvidence { report_data: Some([7; 64]), hcl_report: vec![b'H'; 2600], quote, td_quote: None };
/// let evidence = Evidence::new(Platform::AzureSnp, parts.to_json())?;
/// assert_eq!(AzureEvidence::read(evidence.bytes())?, parts);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureEvidence {
    /// The bytes whose SHA-256 is the quote's nonce: a TPM takes no more than a digest, Azure's at most 50 bytes. Without
    /// them, the nonce stands for itself.
    pub report_data: Option<[u8; 64]>,
    /// The paravisor's report: what the virtual TPM keeps at index 0x01400001.
    pub hcl_report: Vec<u8>,
    /// What the virtual TPM signed.
    pub quote: AzureQuote,
    /// The processor's quote over the paravisor's report, on TDX.
    pub td_quote: Option<Vec<u8>>,
}

/// What a virtual TPM signed, and the registers that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureQuote {
    /// `TPMS_ATTEST` without the length before it, exactly as signed.
    pub message: Vec<u8>,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), big-endian.
    pub signature: Vec<u8>,
    /// Every quoted register of the bank SHA-256 by its number, 0 to 23.
    pub registers: BTreeMap<u8, HexBytes<32>>,
}

/// Why some bytes are not evidence of a machine on Azure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AzureEvidenceError {
    /// Not the strict JSON of this form.
    #[error("expected Azure's evidence, found something else ({0}); collect it again")]
    Json(#[from] JsonError),
    /// Another version of the form.
    #[error("expected version 1 of Azure's evidence, found version {found}; a newer Prism may read it")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A part is not base64.
    #[error("expected the {part} in base64, found something else; collect the evidence again")]
    Base64 {
        /// Which part.
        part: &'static str,
    },
    /// Report data of another length.
    #[error("expected 64 bytes of report data, found {found}; collect the evidence again")]
    ReportData {
        /// The number of bytes found.
        found: usize,
    },
    /// A register that a TPM does not have.
    #[error("expected registers from 0 to 23, found {found}; collect the evidence again")]
    Register {
        /// The number found.
        found: u8,
    },
}

impl Coded for AzureEvidenceError {
    fn code(&self) -> Code {
        Code::EvidenceRefused
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    report_data: Option<String>,
    hcl_report: String,
    quote: QuoteFile,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    td_quote: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuoteFile {
    message: String,
    signature: String,
    pcrs: BTreeMap<u8, HexBytes<32>>,
}

impl AzureEvidence {
    /// Reads the container.
    ///
    /// # Errors
    /// [`AzureEvidenceError`] for anything that is not exactly that form.
    pub fn read(bytes: &[u8]) -> Result<Self, AzureEvidenceError> {
        let file: File = strict::read(bytes, EVIDENCE_MAX)?;
        if file.v != 1 {
            return Err(AzureEvidenceError::Version { found: file.v });
        }
        let QuoteFile { message, signature, pcrs: registers } = file.quote;
        if let Some(found) = registers.keys().copied().find(|number| *number >= REGISTERS) {
            return Err(AzureEvidenceError::Register { found });
        }
        let (message, signature) = (decode("message", &message)?, decode("signature", &signature)?);
        Ok(Self {
            report_data: file.report_data.as_deref().map(report_data).transpose()?,
            hcl_report: decode("hcl_report", &file.hcl_report)?,
            quote: AzureQuote { message, signature, registers },
            td_quote: file.td_quote.map(|quote| decode("td_quote", &quote)).transpose()?,
        })
    }

    /// The container.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let AzureQuote { message, signature, registers } = &self.quote;
        let file = File {
            v: 1,
            report_data: self.report_data.map(|bytes| STANDARD.encode(bytes)),
            hcl_report: STANDARD.encode(&self.hcl_report),
            quote: QuoteFile {
                message: STANDARD.encode(message),
                signature: STANDARD.encode(signature),
                pcrs: registers.clone(),
            },
            td_quote: self.td_quote.as_ref().map(|quote| STANDARD.encode(quote)),
        };
        serde_json::to_vec(&file).unwrap_or_default()
    }
}

fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, AzureEvidenceError> {
    STANDARD.decode(text).map_err(|_| AzureEvidenceError::Base64 { part })
}

fn report_data(text: &str) -> Result<[u8; 64], AzureEvidenceError> {
    let bytes = decode("report_data", text)?;
    <[u8; 64]>::try_from(bytes).map_err(|bytes| AzureEvidenceError::ReportData { found: bytes.len() })
}

//! Who vouches for the attestation key: the quoting enclave's report, signed by the machine's certified key.

use super::reader::{Reader, whole};
use crate::finding::{Check, Notes, Stop};

/// Certification data with the quoting enclave's report.
const QE_REPORT: u16 = 6;
/// Certification data with the chain of the machine's certificate as text.
const PCK_CHAIN: u16 = 5;

/// Report, its signature, and what the report's data name.
pub(crate) struct Certification<'a> {
    pub(crate) qe_report: QeReport<'a>,
    /// Signature over the report by the machine's certified key.
    pub(crate) signature: &'a [u8; 64],
    /// Data that the quoting enclave authenticates together with the attestation key; any length.
    pub(crate) auth_data: &'a [u8],
    /// The chain of the machine's certificate (PEM), if the quote has it.
    pub(crate) chain: Option<&'a [u8]>,
}

/// The quoting enclave's report (SGX `REPORTBODY`).
pub(crate) struct QeReport<'a>(&'a [u8; 384]);

impl<'a> Certification<'a> {
    pub(super) fn read(mut rest: Reader<'a>, has_chain: bool, notes: &mut Notes) -> Result<Self, Stop> {
        let mut data = Reader::new(sized(&mut rest, QE_REPORT, notes)?.1);
        let qe_report = QeReport(whole("the quoting enclave's report", data.array(), notes)?);
        let signature = whole("the report's signature", data.array(), notes)?;
        let length = whole("the length of the authentication data", data.u16(), notes)?;
        let auth_data = whole("the authentication data", data.take(usize::from(length)), notes)?;
        let (kind, bytes) = sized(&mut data, PCK_CHAIN, notes)?;
        let chain = (kind == PCK_CHAIN).then_some(bytes);
        let usable = chain.is_some() || has_chain;
        let expected = "the chain of the machine's certificate in the quote or in the endorsements";
        notes.need(Check::QuoteCertification, usable, expected, format_args!("certification data of type {kind}"))?;
        Ok(Self { qe_report, signature, auth_data, chain })
    }
}

/// Type, size and exactly that many bytes, to the end.
fn sized<'a>(rest: &mut Reader<'a>, expected: u16, notes: &mut Notes) -> Result<(u16, &'a [u8]), Stop> {
    let kind = whole("the type of certification data", rest.u16(), notes)?;
    if expected == QE_REPORT {
        notes.need(Check::QuoteCertification, kind == QE_REPORT, "certification data of type 6", kind)?;
    }
    let length = whole("the size of certification data", rest.length(), notes)?;
    let bytes = whole("the certification data", rest.take(length), notes)?;
    let exact = rest.is_empty();
    if !exact {
        notes.check(
            Check::QuoteLength,
            false,
            "nothing after the certification data",
            format_args!("{} bytes", rest.len()),
        );
    }
    if exact { Ok((kind, bytes)) } else { Err(Stop) }
}

impl<'a> QeReport<'a> {
    /// The bytes that the machine's key signed.
    pub(crate) const fn bytes(&self) -> &'a [u8; 384] {
        self.0
    }

    pub(crate) fn misc_select(&self) -> [u8; 4] {
        self.field(16)
    }

    pub(crate) fn attributes(&self) -> [u8; 16] {
        self.field(48)
    }

    pub(crate) fn mr_signer(&self) -> [u8; 32] {
        self.field(128)
    }

    pub(crate) fn product(&self) -> u16 {
        u16::from_le_bytes(self.field(256))
    }

    pub(crate) fn svn(&self) -> u16 {
        u16::from_le_bytes(self.field(258))
    }

    pub(crate) fn report_data(&self) -> [u8; 64] {
        self.field(320)
    }

    /// Every offset above leaves room for its field in the report's 384 bytes.
    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }
}

//! Confidential machines on Azure, where a paravisor stands between the processor and the guest.
//!
//! The processor's report vouches for the paravisor and holds the digest of its runtime claims; the claims name the key
//! of a virtual TPM; that key signs the guest's registers and the bytes that the guest gave. So the order: layouts →
//! processor's evidence → runtime claims → TPM's signature → registers. What binds a machine to a channel is the TPM's
//! nonce: the digest of the report data beside it.
//!
//! All of this is worth as much as the paravisor: a program of anyone's can name any key. A policy that does not pin
//! the paravisor (by measurement or identity key) accepts whatever registers a machine claims to have.

mod appraise;
mod claims;
mod draft;
mod evidence;
mod hcl;
mod runtime;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use prism_core::digest::Digest;
use prism_core::hexadecimal::Hex;

pub(crate) use self::appraise::appraise;
pub use self::claims::{AzureSnpClaims, AzureTdxClaims, VtpmClaims};
pub(crate) use self::draft::draft;
pub use self::evidence::{AzureEvidence, AzureEvidenceError, AzureQuote};
use self::hcl::HclReport;
pub use self::runtime::AzureVm;
use self::runtime::RuntimeClaims;
use crate::evidence::{Evidence, Platform};
use crate::finding::{Check, Notes, Stop};
use crate::platform::snp::SnpClaims;
use crate::platform::tdx::TdxClaims;
use crate::tpm::{self, Attest};

/// `REPORTDATA` in `TDREPORT_STRUCT` (Intel TDX module ABI, document 348551, `REPORTMACSTRUCT`).
const TD_REPORT_DATA: Range<usize> = 128..192;

/// The processor under the paravisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hardware {
    Snp,
    Tdx,
}

impl Hardware {
    /// Its number in the paravisor's report.
    const fn hcl_kind(self) -> u32 {
        match self {
            Self::Snp => 2,
            Self::Tdx => 4,
        }
    }

    /// Bytes of its own report: `ATTESTATION_REPORT` or `TDREPORT_STRUCT`.
    const fn report_len(self) -> usize {
        match self {
            Self::Snp => 1184,
            Self::Tdx => 1024,
        }
    }
}

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snp => "SEV-SNP",
            Self::Tdx => "TDX",
        })
    }
}

/// Verifies evidence of SEV-SNP under a paravisor. `report` verifies the processor's report, and may say more than it.
pub(crate) fn verify_snp<T>(
    evidence: &[u8],
    report: impl FnOnce(&[u8], &mut Notes) -> Result<(SnpClaims, T), Stop>,
    notes: &mut Notes,
) -> Result<(AzureSnpClaims, T), Stop> {
    let parts = open(evidence, Hardware::Snp, notes)?;
    let layouts = Layouts::read(&parts, Hardware::Snp, notes)?;
    let (snp, more) = report(layouts.hcl.hardware, notes)?;
    // At another level the guest itself could have asked for the report, with claims of its own.
    let found = format!("VMPL {}", snp.vmpl());
    notes.need(Check::ParavisorLevel, snp.vmpl() == 0, "a report asked for at VMPL 0, the paravisor's", found)?;
    let vtpm = layouts.tie(snp.report_data(), notes)?;
    Ok((AzureSnpClaims { snp, vtpm }, more))
}

/// Verifies evidence of TDX under a paravisor. `quote` verifies the processor's quote, and may say more than it.
pub(crate) fn verify_tdx<T>(
    evidence: &[u8],
    quote: impl FnOnce(&[u8], &mut Notes) -> Result<(TdxClaims, T), Stop>,
    notes: &mut Notes,
) -> Result<(AzureTdxClaims, T), Stop> {
    let parts = open(evidence, Hardware::Tdx, notes)?;
    let layouts = Layouts::read(&parts, Hardware::Tdx, notes)?;
    let (tdx, more) = quote(parts.td_quote.as_deref().unwrap_or_default(), notes)?;
    // The report is only good inside its machine; what can be looked at is that both are about the same claims.
    let reported = layouts.hcl.hardware.get(TD_REPORT_DATA).unwrap_or_default();
    let same = verify_slices_are_equal(reported, tdx.report_data()).is_ok();
    notes.need(Check::TdReport, same, Hex(tdx.report_data()), Hex(reported))?;
    let vtpm = layouts.tie(tdx.report_data(), notes)?;
    Ok((AzureTdxClaims { tdx, vtpm }, more))
}

/// The processor's quote in TDX evidence, on Azure or not.
pub(crate) fn processor_quote<'e>(evidence: &'e Evidence, notes: &mut Notes) -> Result<Cow<'e, [u8]>, Stop> {
    if evidence.platform() != Platform::AzureTdx {
        return Ok(evidence.bytes().into());
    }
    let parts = open(evidence.bytes(), Hardware::Tdx, notes)?;
    Ok(parts.td_quote.unwrap_or_default().into())
}

fn open(evidence: &[u8], hardware: Hardware, notes: &mut Notes) -> Result<AzureEvidence, Stop> {
    let parts = AzureEvidence::read(evidence);
    let found = parts.as_ref().map_or_else(ToString::to_string, |parts| describe(parts).to_owned());
    let complete = parts.as_ref().is_ok_and(|parts| parts.td_quote.is_some() == (hardware == Hardware::Tdx));
    let with = if hardware == Hardware::Tdx { "with" } else { "without" };
    notes.need(Check::AzureForm, complete, format_args!("Azure's evidence {with} a TDX quote"), found)?;
    parts.map_err(|_| Stop)
}

const fn describe(parts: &AzureEvidence) -> &'static str {
    if parts.td_quote.is_some() { "Azure's evidence with a TDX quote" } else { "Azure's evidence without a TDX quote" }
}

/// The parts whose lengths and numbers fit. Nothing in them is believed yet.
struct Layouts<'a> {
    parts: &'a AzureEvidence,
    hcl: HclReport<'a>,
    attest: Attest<'a>,
}

impl<'a> Layouts<'a> {
    fn read(parts: &'a AzureEvidence, hardware: Hardware, notes: &mut Notes) -> Result<Self, Stop> {
        let hcl = HclReport::read(&parts.hcl_report, hardware, notes)?;
        let attest = Attest::read(&parts.quote.message, notes)?;
        Ok(Self { parts, hcl, attest })
    }

    /// Ties the TPM's quote to report data that the processor signed: their first half is the digest of the claims,
    /// their second half zeros.
    fn tie(&self, report_data: &[u8; 64], notes: &mut Notes) -> Result<VtpmClaims, Stop> {
        let claimed = claimed_report_data(self.hcl.claims);
        let same = verify_slices_are_equal(&claimed, report_data).is_ok();
        notes.need(Check::RuntimeClaims, same, Hex(&claimed), Hex(report_data))?;
        let claims = RuntimeClaims::read(self.hcl.claims, notes)?;
        let AzureEvidence { quote, report_data, .. } = self.parts;
        tpm::verify(&self.attest, (&claims.modulus, &quote.signature), &quote.registers, notes)?;
        self.check_nonce(notes)?;
        Ok(VtpmClaims::new(&self.attest, quote, *report_data, claims.vm))
    }

    /// A nonce that stands for report data is their digest.
    fn check_nonce(&self, notes: &mut Notes) -> Result<(), Stop> {
        let Some(report_data) = &self.parts.report_data else { return Ok(()) };
        let (digest, nonce) = (Digest::sha256(report_data), self.attest.nonce());
        let same = verify_slices_are_equal(digest.as_bytes(), nonce).is_ok();
        notes.need(Check::BindingNonce, same, Hex(digest.as_bytes()), Hex(nonce))
    }
}

/// The report data that vouch for these runtime claims.
fn claimed_report_data(claims: &[u8]) -> [u8; 64] {
    let digest = Digest::sha256(claims);
    let mut bytes = [0; 64];
    bytes.iter_mut().zip(digest.as_bytes()).for_each(|(byte, value)| *byte = *value);
    bytes
}

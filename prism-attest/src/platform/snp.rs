//! AMD SEV-SNP: reports (firmware ABI, publication 56860) under VCEK or VLEK certificates (publication 57230).
//!
//! The order: layout → certificates → signature → revocation. The first of these that fails ends verification, because
//! nothing after it could be believed.

mod appraise;
mod chain;
mod claims;
pub(crate) mod product;
pub(crate) mod report;
mod revocation;

use prism_core::digest::Digest;

pub(crate) use self::appraise::appraise;
pub use self::claims::{ChipId, SnpClaims};
use self::report::Report;
use crate::crypto;
use crate::endorsements::SnpEndorsements;
use crate::evidence::Platform;
use crate::finding::{Check, Notes, Stop};
use crate::roots::{Assurance, Roots};

/// Bytes in `FAMILY_ID` that mark every report of the simulator.
pub(crate) const SIMULATOR_FAMILY: &[u8; 16] = b"PRISM-SIMULATED\0";

/// One question: these bytes under these certificates, at this time.
pub(crate) struct Question<'a> {
    pub(crate) platform: Platform,
    pub(crate) report: &'a [u8],
    pub(crate) endorsements: &'a SnpEndorsements,
    pub(crate) roots: &'a Roots,
    /// Unix seconds.
    pub(crate) now: u64,
}

/// Verifies that the machine is genuine.
pub(crate) fn verify(question: &Question, notes: &mut Notes) -> Result<(SnpClaims, Assurance), Stop> {
    let report = Report::read(question.report, notes)?;
    let chain = chain::verify(question, &report, notes)?;
    report.check_layout(chain.product, notes)?;
    let signature = report.signature();
    let signed = crypto::ecdsa_p384_sha384(chain.vek_key(), report.signed_bytes(), &signature);
    notes.need(Check::ReportSignature, signed, "a signature by the machine's key", verdict(signed))?;
    revocation::verify(question, &chain, notes)?;
    let claims = SnpClaims::new(&report, chain.product, chain.key, question.endorsements.crl.is_some());
    Ok((claims, chain.assurance))
}

fn verdict(holds: bool) -> &'static str {
    if holds { "a signature that holds" } else { "a signature that does not hold" }
}

fn sha256(der: &[u8]) -> Digest {
    Digest::sha256(der)
}

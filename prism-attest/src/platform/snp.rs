//! AMD SEV-SNP: reports (firmware ABI, publication 56860) under VCEK or VLEK certificates (publication 57230).
//!
//! The order: layout → certificates → revocation → what ties them to the report → signature. The first of these that fails ends verification, because
//! nothing after it could be believed.

mod appraise;
mod chain;
mod claims;
mod draft;
mod extensions;
mod prepared;
pub(crate) mod product;
pub(crate) mod report;
mod revocation;

use prism_core::digest::Digest;

pub(crate) use self::appraise::appraise;
pub use self::claims::{ChipId, SnpClaims};
pub(crate) use self::draft::draft;
pub(crate) use self::extensions::{certified_product, chip_and_tcb, provider_tcb};
pub(crate) use self::prepared::{Prepared, Source};
pub(crate) use self::report::Report;
use crate::endorsements::{Endorsements, SnpEndorsements};
use crate::evidence::Platform;
use crate::finding::{Check, Notes, Stop};
use crate::roots::{Assurance, Roots};
use crate::window::Window;

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

/// Verifies that the machine is genuine, and says until when what vouches for it is current.
pub(crate) fn verify(question: &Question, notes: &mut Notes) -> Result<(SnpClaims, Assurance, Window), Stop> {
    let report = Report::read(question.report, notes)?;
    let Question { platform, endorsements, roots, now, .. } = *question;
    let prepared = Prepared::new(Source { platform, endorsements, roots, now }, notes)?;
    Ok((prepared.verify(&report, now, notes)?, prepared.assurance(), prepared.window()))
}

/// The endorsements, if they are an SEV-SNP machine's.
pub(crate) fn endorsements<'e>(from: &'e Endorsements, notes: &mut Notes) -> Result<&'e SnpEndorsements, Stop> {
    let parts = from.as_snp();
    let found = if parts.is_some() { "certificates of SEV-SNP" } else { "those of another platform" };
    notes.need(Check::EndorsementsKind, parts.is_some(), "certificates of SEV-SNP", found)?;
    parts.ok_or(Stop)
}

fn verdict(holds: bool) -> &'static str {
    if holds { "a signature that holds" } else { "a signature that does not hold" }
}

fn sha256(der: &[u8]) -> Digest {
    Digest::sha256(der)
}

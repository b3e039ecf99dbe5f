//! Intel TDX: quotes of versions 4 and 5 under PCK certificates, TCB info of version 3 and the quoting enclave's identity
//! of version 2, by the rules of Intel's quote verification library (DCAP).
//!
//! The order: layout → certificates → revocation → TCB data → the machine's certificate → signatures → quoting enclave →
//! security versions. The first of these that fails ends verification, because nothing after it could be believed.

mod appraise;
mod certificates;
mod claims;
mod draft;
mod json;
mod machine;
mod pck;
mod prepared;
mod qe_identity;
pub(crate) mod quote;
mod revocation;
mod status;
mod tcb_info;

pub(crate) use self::appraise::{appraise, grace};
pub use self::claims::{TdxClaims, TdxLevel, TdxTcb};
pub(crate) use self::draft::draft;
pub(crate) use self::prepared::{Prepared, Source};
pub(crate) use self::quote::Quote;
use crate::endorsements::{Endorsements, TdxEndorsements};
use crate::evidence::Platform;
use crate::finding::{Check, Notes, Stop};
use crate::roots::{Assurance, Roots};
use crate::window::Window;

/// One question: these bytes under these endorsements, at this time.
pub(crate) struct Question<'a> {
    pub(crate) platform: Platform,
    pub(crate) quote: &'a [u8],
    pub(crate) endorsements: &'a TdxEndorsements,
    pub(crate) roots: &'a Roots,
    /// Unix seconds.
    pub(crate) now: u64,
}

/// Verifies that the machine is genuine, and says until when what vouches for it is current.
pub(crate) fn verify(question: &Question, notes: &mut Notes) -> Result<(TdxClaims, Assurance, Window), Stop> {
    let Question { platform, endorsements, roots, now, .. } = *question;
    let quote = Quote::read(question.quote, endorsements.pck_chain.is_some(), notes)?;
    let prepared = Prepared::new(Source { platform, endorsements, roots, now }, notes)?;
    let (claims, window) = prepared.verify(&quote, now, notes)?;
    Ok((claims, prepared.assurance(), window))
}

/// The endorsements, if they are a TDX machine's.
pub(crate) fn endorsements<'e>(from: &'e Endorsements, notes: &mut Notes) -> Result<&'e TdxEndorsements, Stop> {
    let parts = from.as_tdx();
    let found = if parts.is_some() { "TCB data of TDX" } else { "those of another platform" };
    notes.need(Check::EndorsementsKind, parts.is_some(), "TCB data of TDX", found)?;
    parts.ok_or(Stop)
}

const fn verdict(holds: bool) -> &'static str {
    if holds { "a signature that holds" } else { "a signature that does not hold" }
}

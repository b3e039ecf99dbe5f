//! AMD's revocation list of a product: signed by its ARK, about its ASK and ASVK. Leaves have no serial numbers.

use super::chain::Chain;
use super::{Question, verdict};
use crate::crypto;
use crate::finding::{Check, Notes, Stop};
use crate::x509::{RevocationList, time_text};

/// Checks the list if there is one; whether one is needed is for the policy to say.
pub(crate) fn verify(question: &Question, chain: &Chain, notes: &mut Notes) -> Result<(), Stop> {
    let Some(der) = &question.endorsements.crl else { return Ok(()) };
    let list = parse(der, notes)?;
    let issued = list.issuer_der() == chain.ark.subject_der() && chain.ark.may_sign_lists();
    let found = if issued { "the product's root" } else { "another issuer" };
    notes.need(Check::CrlIssuer, issued, format_args!("the root of {}", chain.product), found)?;
    let key = chain.ark.rsa_key().unwrap_or_default();
    let holds = crypto::rsa_pss_sha384(key, list.tbs(), list.signature());
    notes.need(Check::CrlSignature, holds, "a signature by the root", verdict(holds))?;
    notes.need(Check::CrlDates, list.is_current(question.now), time_text(question.now), list.dates())?;
    let serials = [chain.ask.serial(), chain.ark.serial()];
    let revoked = serials.iter().any(|serial| list.revokes(serial));
    let found = format!("{} {}", hex::encode(chain.ask.serial()), if revoked { "revoked" } else { "not revoked" });
    notes.need(Check::NotRevoked, !revoked, "an intermediate certificate that is not revoked", found)
}

fn parse<'a>(der: &'a [u8], notes: &mut Notes) -> Result<RevocationList<'a>, Stop> {
    let parsed = RevocationList::parse(der);
    let found = parsed.as_ref().map_or_else(|problem| *problem, |_| "a revocation list of version 2");
    let expected = "a revocation list of version 2 in DER, signed with RSASSA-PSS";
    notes.need(Check::CrlForm, parsed.is_ok(), expected, found)?;
    parsed.map_err(|_| Stop)
}

//! AMD's revocation list of a product: signed by its ARK, about its ASK and ASVK. Leaves have no serial numbers.

use prism_core::manifest::platform::Product;

use super::chain::Links;
use super::prepared::Source;
use super::verdict;
use crate::crypto;
use crate::finding::{Check, Notes, Stop};
use crate::window::Window;
use crate::x509::{RevocationList, Scheme, time_text};

/// Checks the list if there is one; whether one is needed is for the policy to say.
pub(super) fn verify(
    source: Source,
    links: &Links,
    product: Product,
    notes: &mut Notes,
) -> Result<Option<Window>, Stop> {
    let Some(der) = &source.endorsements.crl else { return Ok(None) };
    let list = parse(der, notes)?;
    let Links { ark, ask, .. } = links;
    let issued = list.issuer_der() == ark.subject_der() && ark.may_sign_lists();
    let found = if issued { "the product's root" } else { "another issuer" };
    notes.need(Check::CrlIssuer, issued, format_args!("the root of {product}"), found)?;
    let holds = crypto::rsa_pss_sha384(ark.rsa_key().unwrap_or_default(), list.tbs(), list.signature());
    notes.need(Check::CrlSignature, holds, "a signature by the root", verdict(holds))?;
    notes.need(Check::CrlDates, list.is_current(source.now), time_text(source.now), list.dates())?;
    let revoked = [ask.serial(), ark.serial()].iter().any(|serial| list.revokes(serial));
    let found = format!("{} {}", hex::encode(ask.serial()), if revoked { "revoked" } else { "not revoked" });
    notes.need(Check::NotRevoked, !revoked, "an intermediate certificate that is not revoked", found)?;
    Ok(list.window())
}

fn parse<'a>(der: &'a [u8], notes: &mut Notes) -> Result<RevocationList<'a>, Stop> {
    let parsed = RevocationList::parse(der, Scheme::Pss);
    let found = parsed.as_ref().map_or_else(|problem| *problem, |_| "a revocation list of version 2");
    let expected = "a revocation list of version 2 in DER, signed with RSASSA-PSS";
    notes.need(Check::CrlForm, parsed.is_ok(), expected, found)?;
    parsed.map_err(|_| Stop)
}

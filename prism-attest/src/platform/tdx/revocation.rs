//! Intel's revocation lists: one by the root, one by each of the two authorities that certify machines.

use super::certificates::Issuer;
use super::verdict;
use crate::crypto;
use crate::finding::{Check, Notes, Stop};
use crate::window::Window;
use crate::x509::{RevocationList, Scheme, time_text};

/// A list that was verified.
#[derive(Clone, Debug)]
pub(super) struct Revoked {
    name: &'static str,
    /// In order.
    serials: Vec<Vec<u8>>,
    pub(super) window: Window,
}

impl Revoked {
    /// Verifies issuer, signature and dates.
    pub(super) fn open(name: &'static str, der: &[u8], by: &Issuer, now: u64, notes: &mut Notes) -> Result<Self, Stop> {
        let list = parse(name, der, notes)?;
        let issued = list.issuer_der() == by.subject;
        let found = format_args!("{name}: {}", if issued { "by its issuer" } else { "by another issuer" });
        notes.need(Check::CrlIssuer, issued, "a list by the issuer of the certificates", found)?;
        let holds = crypto::ecdsa_p256_sha256_der(&by.key, list.tbs(), list.signature());
        let found = format_args!("{name}: {}", verdict(holds));
        notes.need(Check::CrlSignature, holds, "a signature by the issuer", found)?;
        let window = list.window();
        let current = window.is_some_and(|window| window.contains(now));
        notes.need(Check::CrlDates, current, time_text(now), format_args!("{name}: {}", list.dates()))?;
        let mut serials: Vec<_> = list.serials().collect();
        serials.sort_unstable();
        Ok(Self { name, serials, window: window.ok_or(Stop)? })
    }

    /// Notes whether the list names this certificate.
    pub(super) fn check(&self, certificate: &str, serial: &[u8], notes: &mut Notes) -> Result<(), Stop> {
        let revoked = self.serials.binary_search_by(|listed| listed.as_slice().cmp(serial)).is_ok();
        let found = format_args!("{certificate} {}", if revoked { "revoked" } else { "not revoked" });
        notes.need(Check::NotRevoked, !revoked, "a certificate that is not revoked", found)
    }

    /// Notes again whether `now` is within the dates.
    pub(super) fn check_dates(&self, now: u64, notes: &mut Notes) -> Result<(), Stop> {
        let current = self.window.contains(now);
        notes.need(Check::CrlDates, current, time_text(now), format_args!("{}: {}", self.name, self.window))
    }
}

fn parse<'a>(name: &str, der: &'a [u8], notes: &mut Notes) -> Result<RevocationList<'a>, Stop> {
    let parsed = RevocationList::parse(der, Scheme::Ecdsa);
    let found = parsed.as_ref().map_or_else(|problem| *problem, |_| "a revocation list of version 2");
    let expected = "a revocation list of version 2 in DER, signed with ECDSA on P-256";
    notes.need(Check::CrlForm, parsed.is_ok(), expected, format_args!("{name}: {found}"))?;
    parsed.map_err(|_| Stop)
}

//! Revocation lists (RFC 5280 section 5), parsed strictly.

use x509_parser::asn1_rs::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::x509::X509Version;

use super::{Scheme, check_extensions, seconds, time_text, within};
use crate::window::Window;

/// A revocation list of version 2, whole and without surprises. Its signature is not checked yet.
pub(crate) struct RevocationList<'a>(CertificateRevocationList<'a>);

impl<'a> RevocationList<'a> {
    /// Reads exactly one list, or says what is wrong with it.
    pub(crate) fn parse(der: &'a [u8], scheme: Scheme) -> Result<Self, &'static str> {
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| "bytes that are no revocation list")?;
        if !rest.is_empty() {
            return Err("trailing bytes");
        }
        if list.version() != Some(X509Version::V2) || list.signature_value.unused_bits != 0 {
            return Err("a revocation list of another version");
        }
        if !scheme.is_named(&list.tbs_cert_list.signature, &list.signature_algorithm) {
            return Err("another signature algorithm");
        }
        if !scheme.is_plainly_wrapped(der, list.tbs_cert_list.as_ref(), &list.signature_value.data) {
            return Err("another wrapping of the signed part");
        }
        check_extensions(list.extensions())?;
        for entry in list.iter_revoked_certificates() {
            check_extensions(entry.extensions())?;
        }
        Ok(Self(list))
    }

    /// The signed bytes, as received.
    pub(crate) fn tbs(&self) -> &[u8] {
        self.0.tbs_cert_list.as_ref()
    }

    /// The signature's bytes.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.0.signature_value.data
    }

    /// The issuer's name as received.
    pub(crate) fn issuer_der(&self) -> &[u8] {
        self.0.issuer().as_raw()
    }

    /// Whether `now` (Unix seconds) is within the dates; a list without an end has none.
    pub(crate) fn is_current(&self, now: u64) -> bool {
        self.0.next_update().is_some() && within(now, self.0.last_update(), self.0.next_update())
    }

    /// The dates; a list without an end has none.
    pub(crate) fn window(&self) -> Option<Window> {
        let end = self.0.next_update()?;
        Some(Window::new(seconds(self.0.last_update()), seconds(end)))
    }

    /// The dates, for people.
    pub(crate) fn dates(&self) -> String {
        let from = time_text(seconds(self.0.last_update()));
        self.window().map_or_else(|| format!("{from} without an end"), |window| window.to_string())
    }

    /// Whether the list names this serial number.
    pub(crate) fn revokes(&self, serial: &[u8]) -> bool {
        self.0.iter_revoked_certificates().any(|entry| entry.serial().to_bytes_be() == serial)
    }

    /// The serial numbers that the list names, without leading zeros.
    pub(crate) fn serials(&self) -> impl Iterator<Item = Vec<u8>> {
        self.0.iter_revoked_certificates().map(|entry| entry.serial().to_bytes_be())
    }
}

//! Certificates and revocation lists in the shapes that AMD and Intel give them, parsed strictly.

pub(crate) mod der;
mod ecdsa;
mod list;
pub(crate) mod pem;
mod pss;

use std::fmt;

use x509_parser::asn1_rs::{BitString, FromDer, Oid, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name, X509Version};

pub(crate) use self::list::RevocationList;
use crate::window::Window;

/// The two ways in which the vendors sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// AMD: RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes.
    Pss,
    /// Intel: ECDSA on P-256 with SHA-256.
    Ecdsa,
}

impl Scheme {
    /// Whether both identifiers, inside and outside of the signed part, name exactly this algorithm.
    fn is_named(self, inner: &AlgorithmIdentifier, outer: &AlgorithmIdentifier) -> bool {
        match self {
            Self::Pss => pss::is_pss(inner, outer),
            Self::Ecdsa => ecdsa::is_ecdsa(inner, outer),
        }
    }

    /// Whether `der` is, byte for byte, the signed part, the algorithm and the signature. What is not signed could
    /// otherwise be written in more than one way.
    fn is_plainly_wrapped(self, der: &[u8], tbs: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Pss => pss::is_plainly_wrapped(der, tbs, signature),
            Self::Ecdsa => ecdsa::is_plainly_wrapped(der, tbs, signature),
        }
    }
}

/// A critical extension with this object identifier marks every certificate of the simulator: "PRISM SIMULATOR - NOT A
/// TEE". The arc 2.25 needs no registration (ITU-T X.667).
#[cfg(any(test, feature = "simulator"))]
pub(crate) const SIMULATOR_MARK: &[u64] = &[2, 25, 8_153_042_766_110_931_807, 1];

/// The organisation in every certificate of the simulator.
pub(crate) const SIMULATOR_ORGANISATION: &str = "PRISM SIMULATOR - NOT A TEE";

/// [`SIMULATOR_MARK`] as the content of an OBJECT IDENTIFIER.
const SIMULATOR_MARK_DER: &[u8] = &[0x69, 0xf1, 0x92, 0xdb, 0xa6, 0xaf, 0xc4, 0xf0, 0xf6, 0x5f, 0x01];

/// Length of a modulus of 4,096 bits, with the zero that keeps it positive.
const RSA_MODULUS_LEN: usize = 513;
const RSA_EXPONENT: &[u8] = &[1, 0, 1];

/// A certificate of version 3, whole and without surprises. Its signature is not checked yet.
pub(crate) struct Certificate<'a>(X509Certificate<'a>);

impl<'a> Certificate<'a> {
    /// Reads exactly one certificate, or says what is wrong with it.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, &'static str> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| "bytes that are no certificate")?;
        if !rest.is_empty() {
            return Err("trailing bytes");
        }
        let tbs = &certificate.tbs_certificate;
        if tbs.version != X509Version::V3 || tbs.issuer_uid.is_some() || tbs.subject_uid.is_some() {
            return Err("a certificate of another version");
        }
        if certificate.signature_value.unused_bits != 0 {
            return Err("a signature of odd bits");
        }
        check_extensions(tbs.extensions())?;
        Ok(Self(certificate))
    }

    /// The signed bytes, as received.
    pub(crate) fn tbs(&self) -> &[u8] {
        self.0.tbs_certificate.as_ref()
    }

    /// The signature's bytes.
    pub(crate) fn signature(&self) -> &[u8] {
        &self.0.signature_value.data
    }

    /// The subject's name as received.
    pub(crate) fn subject_der(&self) -> &[u8] {
        self.0.subject().as_raw()
    }

    /// The issuer's name as received.
    pub(crate) fn issuer_der(&self) -> &[u8] {
        self.0.issuer().as_raw()
    }

    /// The subject's one organisation and one common name.
    pub(crate) fn subject(&self) -> Option<(&str, &str)> {
        name(self.0.subject())
    }

    /// The issuer's first common name.
    pub(crate) fn issuer_name(&self) -> Option<&str> {
        self.0.issuer().iter_common_name().next().and_then(|attribute| attribute.as_str().ok())
    }

    /// The certificate's serial number without leading zeros.
    pub(crate) fn serial(&self) -> Vec<u8> {
        self.0.tbs_certificate.serial.to_bytes_be()
    }

    /// Whether `now` (Unix seconds) is within the dates, both ends included.
    pub(crate) fn is_current(&self, now: u64) -> bool {
        let validity = self.0.validity();
        within(now, validity.not_before, Some(validity.not_after))
    }

    /// The dates.
    pub(crate) fn window(&self) -> Window {
        let validity = self.0.validity();
        Window::new(seconds(validity.not_before), seconds(validity.not_after))
    }

    /// The dates, for people.
    pub(crate) fn dates(&self) -> String {
        self.window().to_string()
    }

    /// Whether the key may sign certificates: basic constraints and key usage both say so, critically.
    pub(crate) fn may_sign_certificates(&self) -> bool {
        self.critical(|parsed| matches!(parsed, ParsedExtension::BasicConstraints(constraints) if constraints.ca))
            && self.critical(|parsed| matches!(parsed, ParsedExtension::KeyUsage(usage) if usage.key_cert_sign()))
    }

    /// Whether the key may sign revocation lists.
    pub(crate) fn may_sign_lists(&self) -> bool {
        self.critical(|parsed| matches!(parsed, ParsedExtension::KeyUsage(usage) if usage.crl_sign()))
    }

    /// Whether basic constraints call it an authority.
    pub(crate) fn is_authority(&self) -> bool {
        let authority = |parsed: &ParsedExtension| matches!(parsed, ParsedExtension::BasicConstraints(bc) if bc.ca);
        self.0.extensions().iter().any(|extension| authority(extension.parsed_extension()))
    }

    /// Whether the certificate says, inside and outside of the signed part, that it is signed in exactly this way.
    pub(crate) fn is_signed_with(&self, scheme: Scheme) -> bool {
        scheme.is_named(&self.0.tbs_certificate.signature, &self.0.signature_algorithm)
            && scheme.is_plainly_wrapped(self.0.as_raw(), self.tbs(), self.signature())
    }

    /// The `RSAPublicKey` (DER) if the key is RSA with 4,096 bits and exponent 65,537.
    pub(crate) fn rsa_key(&self) -> Option<&[u8]> {
        rsa_key(self.0.public_key())
    }

    /// The uncompressed point if the key is on P-384.
    pub(crate) fn p384_key(&self) -> Option<&[u8; 97]> {
        point(self.0.public_key(), &oid!(1.3.132.0.34))
    }

    /// The uncompressed point if the key is on P-256.
    pub(crate) fn p256_key(&self) -> Option<&[u8; 65]> {
        point(self.0.public_key(), &oid!(1.2.840.10045.3.1.7))
    }

    /// The public key as received.
    pub(crate) fn spki_der(&self) -> &[u8] {
        self.0.public_key().raw
    }

    /// The value of the extension whose object identifier has this DER content.
    pub(crate) fn extension(&self, oid: &[u8]) -> Option<&[u8]> {
        self.0.extensions().iter().find(|extension| extension.oid.as_bytes() == oid).map(|extension| extension.value)
    }

    /// Whether the certificate carries any of the simulator's marks.
    pub(crate) fn has_a_simulator_mark(&self) -> bool {
        let named = |name: &X509Name| {
            let mut organisations = name.iter_organization().map(AttributeTypeAndValue::as_str);
            organisations.any(|organisation| organisation == Ok(SIMULATOR_ORGANISATION))
        };
        self.extension(SIMULATOR_MARK_DER).is_some() || named(self.0.subject()) || named(self.0.issuer())
    }

    /// Whether the certificate carries all of the simulator's marks.
    pub(crate) fn has_every_simulator_mark(&self) -> bool {
        let marked = |extension: &X509Extension| extension.oid.as_bytes() == SIMULATOR_MARK_DER && extension.critical;
        self.0.extensions().iter().any(marked)
            && self.subject().is_some_and(|(organisation, _)| organisation == SIMULATOR_ORGANISATION)
    }

    fn critical(&self, wanted: impl Fn(&ParsedExtension) -> bool) -> bool {
        self.0.extensions().iter().any(|extension| extension.critical && wanted(extension.parsed_extension()))
    }
}

/// Unix seconds as a date (RFC 3339).
pub(crate) fn time_text(now: u64) -> impl fmt::Display {
    fmt::from_fn(move |f| match i64::try_from(now).ok().and_then(|now| ASN1Time::from_timestamp(now).ok()) {
        Some(date) => {
            let date = date.to_datetime();
            write!(f, "{:04}-{:02}-{:02}T", date.year(), u8::from(date.month()), date.day())?;
            write!(f, "{:02}:{:02}:{:02}Z", date.hour(), date.minute(), date.second())
        }
        None => write!(f, "{now} s after 1970"),
    })
}

/// Unix seconds; dates before 1970 count as its first second.
fn seconds(time: ASN1Time) -> u64 {
    u64::try_from(time.timestamp()).unwrap_or_default()
}

fn within(now: u64, from: ASN1Time, until: Option<ASN1Time>) -> bool {
    let Ok(now) = i64::try_from(now) else { return false };
    from.timestamp() <= now && until.is_some_and(|until| now <= until.timestamp())
}

fn name<'n>(name: &'n X509Name<'_>) -> Option<(&'n str, &'n str)> {
    let (mut organisations, mut common_names) = (name.iter_organization(), name.iter_common_name());
    let organisation = organisations.next()?.as_str().ok()?;
    let common_name = common_names.next()?.as_str().ok()?;
    let single = organisations.next().is_none() && common_names.next().is_none();
    single.then_some((organisation, common_name))
}

fn check_extensions(extensions: &[X509Extension]) -> Result<(), &'static str> {
    for (at, extension) in extensions.iter().enumerate() {
        if extensions.iter().take(at).any(|earlier| earlier.oid == extension.oid) {
            return Err("an extension twice");
        }
        let parsed = extension.parsed_extension();
        if matches!(parsed, ParsedExtension::ParseError { .. }) {
            return Err("a malformed extension");
        }
        let known = matches!(parsed, ParsedExtension::BasicConstraints(_) | ParsedExtension::KeyUsage(_))
            || extension.oid.as_bytes() == SIMULATOR_MARK_DER;
        if extension.critical && !known {
            return Err("an unknown critical extension");
        }
    }
    Ok(())
}

fn rsa_key<'k>(key: &'k SubjectPublicKeyInfo<'_>) -> Option<&'k [u8]> {
    let PublicKey::RSA(rsa) = key.parsed().ok()? else { return None };
    let full = rsa.modulus.len() == RSA_MODULUS_LEN && matches!(rsa.modulus, [0, 0x80..=0xff, ..]);
    let fits = full && rsa.exponent == RSA_EXPONENT;
    let plain = key.algorithm.algorithm == oid!(1.2.840.113549.1.1.1);
    whole(&key.subject_public_key).filter(|_| fits && plain)
}

/// The uncompressed point (SEC 1) of a key on this curve (RFC 5480).
fn point<'k, const N: usize>(key: &'k SubjectPublicKeyInfo<'_>, curve: &Oid) -> Option<&'k [u8; N]> {
    let named = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok())?;
    let ec = key.algorithm.algorithm == oid!(1.2.840.10045.2.1) && named == *curve;
    let point: &[u8; N] = whole(&key.subject_public_key)?.try_into().ok()?;
    (ec && point.first() == Some(&4)).then_some(point)
}

fn whole<'b>(bits: &'b BitString<'_>) -> Option<&'b [u8]> {
    (bits.unused_bits == 0).then_some(&bits.data)
}

#[cfg(test)]
mod tests;

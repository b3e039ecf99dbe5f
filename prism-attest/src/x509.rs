//! Certificates and revocation lists in the one shape that AMD gives them, parsed strictly.

use crate::window::Window;
use x509_parser::asn1_rs::{Any, BitString, FromDer, Oid, Tag, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::public_key::PublicKey;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AlgorithmIdentifier, AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name, X509Version};

/// A critical extension with this object identifier marks every certificate of the simulator: "PRISM SIMULATOR - NOT A
/// TEE". The arc 2.25 needs no registration (ITU-T X.667).
#[cfg(any(test, feature = "simulator"))]
pub(crate) const SIMULATOR_MARK: &[u64] = &[2, 25, 8_153_042_766_110_931_807, 1];

/// The organisation in every certificate of the simulator.
pub(crate) const SIMULATOR_ORGANISATION: &str = "PRISM SIMULATOR - NOT A TEE";

/// [`SIMULATOR_MARK`] as the content of an OBJECT IDENTIFIER.
const SIMULATOR_MARK_DER: &[u8] = &[0x69, 0xf1, 0x92, 0xdb, 0xa6, 0xaf, 0xc4, 0xf0, 0xf6, 0x5f, 0x01];

/// RFC 4055 parameters with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes, as AMD writes them today.
const PSS_PARAMETERS: &[u8] = &[
    0xa0, 0x0f, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa1, 0x1c,
    0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86,
    0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0xa2, 0x03, 0x02, 0x01, 0x30,
];

/// The default trailer field, which AMD's older certificates spell out after [`PSS_PARAMETERS`].
const PSS_TRAILER: &[u8] = &[0xa3, 0x03, 0x02, 0x01, 0x01];

/// DER of the object identifier 1.2.840.113549.1.1.10.
const PSS_OID: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];

/// What precedes a signature of 512 bytes: a BIT STRING without unused bits.
const SIGNATURE_HEADER: &[u8] = &[0x03, 0x82, 0x02, 0x01, 0x00];

/// Length of a modulus of 4,096 bits, with the zero that keeps it positive.
const RSA_MODULUS_LEN: usize = 513;
const RSA_EXPONENT: &[u8] = &[1, 0, 1];
const P384_POINT_LEN: usize = 97;

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
        let validity = self.0.validity();
        format!("{} to {}", validity.not_before, validity.not_after)
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

    /// Whether the certificate says, inside and outside of the signed part, that it is signed with RSASSA-PSS and exactly
    /// the parameters that AMD uses.
    pub(crate) fn is_signed_with_pss(&self) -> bool {
        is_pss(&self.0.tbs_certificate.signature, &self.0.signature_algorithm)
            && is_plainly_wrapped(self.0.as_raw(), self.tbs(), self.signature())
    }

    /// The `RSAPublicKey` (DER) if the key is RSA with 4,096 bits and exponent 65,537.
    pub(crate) fn rsa_key(&self) -> Option<&[u8]> {
        rsa_key(self.0.public_key())
    }

    /// The uncompressed point if the key is on P-384.
    pub(crate) fn p384_key(&self) -> Option<&[u8]> {
        let key = self.0.public_key();
        let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok())?;
        let ec = key.algorithm.algorithm == oid!(1.2.840.10045.2.1) && curve == oid!(1.3.132.0.34);
        let point: &[u8] = whole(&key.subject_public_key)?;
        (ec && point.len() == P384_POINT_LEN && point.first() == Some(&4)).then_some(point)
    }

    /// The public key as received.
    #[cfg(feature = "simulator")]
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

/// A revocation list of version 2, whole and without surprises. Its signature is not checked yet.
pub(crate) struct RevocationList<'a>(CertificateRevocationList<'a>);

impl<'a> RevocationList<'a> {
    /// Reads exactly one list, or says what is wrong with it.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, &'static str> {
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|_| "bytes that are no revocation list")?;
        if !rest.is_empty() {
            return Err("trailing bytes");
        }
        if list.version() != Some(X509Version::V2) || list.signature_value.unused_bits != 0 {
            return Err("a revocation list of another version");
        }
        if !is_pss(&list.tbs_cert_list.signature, &list.signature_algorithm) {
            return Err("another signature algorithm");
        }
        if !is_plainly_wrapped(der, list.tbs_cert_list.as_ref(), &list.signature_value.data) {
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
        let end = self.0.next_update().map_or_else(|| "no end".to_owned(), |end| end.to_string());
        format!("{} to {end}", self.0.last_update())
    }

    /// Whether the list names this serial number.
    pub(crate) fn revokes(&self, serial: &[u8]) -> bool {
        self.0.iter_revoked_certificates().any(|entry| entry.serial().to_bytes_be() == serial)
    }
}

/// Unix seconds as a date, for people.
pub(crate) fn time_text(now: u64) -> String {
    let date = i64::try_from(now).ok().and_then(|now| ASN1Time::from_timestamp(now).ok());
    date.map_or_else(|| format!("{now} s after 1970"), |date| date.to_string())
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

fn is_pss(inner: &AlgorithmIdentifier, outer: &AlgorithmIdentifier) -> bool {
    let exact = |parameters: &Option<Any>| {
        let data = parameters.as_ref().filter(|any| any.tag() == Tag::Sequence).map(|any| any.data);
        let default = data.and_then(|data| data.strip_prefix(PSS_PARAMETERS));
        default.is_some_and(|trailer| trailer.is_empty() || trailer == PSS_TRAILER)
    };
    let pss: Oid = oid!(1.2.840.113549.1.1.10);
    inner == outer && inner.algorithm == pss && exact(&inner.parameters)
}

/// Whether `der` is, byte for byte, the signed part, the one algorithm and a signature of 512 bytes. What is not signed
/// could otherwise be written in more than one way.
fn is_plainly_wrapped(der: &[u8], tbs: &[u8], signature: &[u8]) -> bool {
    [&[], PSS_TRAILER].into_iter().any(|trailer| {
        let parameters = [PSS_PARAMETERS, trailer].concat();
        let algorithm = [PSS_OID, &sequence(&parameters)].concat();
        let body = [tbs, &sequence(&algorithm), SIGNATURE_HEADER, signature].concat();
        let Ok(length) = u16::try_from(body.len()) else { return false };
        der.strip_prefix(&[0x30, 0x82]).and_then(|rest| rest.strip_prefix(&length.to_be_bytes())) == Some(&body)
    })
}

/// DER of a SEQUENCE with fewer than 128 bytes of content.
fn sequence(content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
    [&[0x30, length], content].concat()
}

fn rsa_key<'k>(key: &'k SubjectPublicKeyInfo<'_>) -> Option<&'k [u8]> {
    let PublicKey::RSA(rsa) = key.parsed().ok()? else { return None };
    let full = rsa.modulus.len() == RSA_MODULUS_LEN && matches!(rsa.modulus, [0, 0x80..=0xff, ..]);
    let fits = full && rsa.exponent == RSA_EXPONENT;
    let plain = key.algorithm.algorithm == oid!(1.2.840.113549.1.1.1);
    whole(&key.subject_public_key).filter(|_| fits && plain)
}

fn whole<'b>(bits: &'b BitString<'_>) -> Option<&'b [u8]> {
    (bits.unused_bits == 0).then_some(&bits.data)
}

//! RSASSA-PSS in the one form that AMD signs with.

use x509_parser::asn1_rs::{Any, Oid, Tag, oid};
use x509_parser::x509::AlgorithmIdentifier;

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

/// Whether both identifiers are RSASSA-PSS with exactly these parameters.
pub(super) fn is_pss(inner: &AlgorithmIdentifier, outer: &AlgorithmIdentifier) -> bool {
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
pub(super) fn is_plainly_wrapped(der: &[u8], tbs: &[u8], signature: &[u8]) -> bool {
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

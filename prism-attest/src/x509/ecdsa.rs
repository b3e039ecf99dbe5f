//! ECDSA on P-256 with SHA-256 (RFC 5758 section 3.2), the one form that Intel signs certificates and lists with.

use x509_parser::asn1_rs::oid;
use x509_parser::x509::AlgorithmIdentifier;

use super::der;

/// DER of the algorithm's identifier, which has no parameters.
const ALGORITHM: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// Whether both identifiers are ecdsa-with-SHA256 without parameters.
pub(super) fn is_ecdsa(inner: &AlgorithmIdentifier, outer: &AlgorithmIdentifier) -> bool {
    inner == outer && inner.algorithm == oid!(1.2.840.10045.4.3.2) && inner.parameters.is_none()
}

/// Whether `der` is, byte for byte, the signed part, the one algorithm and the signature.
pub(super) fn is_plainly_wrapped(der: &[u8], tbs: &[u8], signature: &[u8]) -> bool {
    let bits = || {
        let rest = der::only(der::SEQUENCE, der)?.strip_prefix(tbs)?.strip_prefix(ALGORITHM)?;
        der::only(der::BIT_STRING, rest)?.strip_prefix(&[0])
    };
    bits() == Some(signature)
}

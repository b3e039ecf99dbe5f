//! The signature algorithms of AMD's, Intel's and TPMs' evidence, over bytes as received.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

/// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 8017). `key` is an `RSAPublicKey` (DER).
pub(crate) fn rsa_pss_sha384(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    holds(&RSA_PSS_2048_8192_SHA384, key, message, signature)
}

/// ECDSA on P-384 with SHA-384 (FIPS 186-5). `key` is an uncompressed point, the signature `r ‖ s` in big-endian.
pub(crate) fn ecdsa_p384_sha384(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    holds(&ECDSA_P384_SHA384_FIXED, key, message, signature)
}

/// ECDSA on P-256 with SHA-256 (FIPS 186-5). `key` is an uncompressed point, the signature `r ‖ s` in big-endian.
pub(crate) fn ecdsa_p256_sha256(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    holds(&ECDSA_P256_SHA256_FIXED, key, message, signature)
}

/// The same with the signature as an `Ecdsa-Sig-Value` in DER (RFC 3279), as certificates and lists carry it.
pub(crate) fn ecdsa_p256_sha256_der(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    holds(&ECDSA_P256_SHA256_ASN1, key, message, signature)
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017). `modulus` is big-endian, the exponent 65537.
pub(crate) fn rsa_pkcs1_sha256(modulus: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = RsaPublicKeyComponents { n: modulus, e: &[1, 0, 1] };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
}

fn holds(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

/// SHA-256 over two parts, one after the other.
pub(crate) fn sha256_of_two(first: &[u8], second: &[u8]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(first);
    context.update(second);
    context.finish().as_ref().try_into().unwrap_or_default()
}

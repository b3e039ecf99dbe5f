//! The half of a signing key that everyone may see.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::VerificationAlgorithm;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{KeyAlgorithm, KeyError, SignatureError, der, edwards, pem};
use crate::digest::Digest;

/// A public key that can only be one of the known algorithms and, for ECDSA, a point on its curve.
///
/// Its text form is `<algorithm>:<base64 of the SPKI DER>`, the same in manifests and on the command line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    algorithm: KeyAlgorithm,
    spki: Vec<u8>,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280) in DER.
    ///
    /// # Errors
    /// [`KeyError::Spki`] for another algorithm or encoding, [`KeyError::WeakPoint`] for an unsound point.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, KeyError> {
        let (algorithm, point) = der::read_spki(spki).ok_or(KeyError::Spki)?;
        Self::from_point(algorithm, point)
    }

    /// Reads a PEM file labelled `PUBLIC KEY`.
    ///
    /// # Errors
    /// [`KeyError`] if it is not exactly one such block with a sound key in it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::read(text)?;
        if block.label != pem::PUBLIC {
            return Err(KeyError::PemLabel { expected: pem::PUBLIC, found: block.label });
        }
        Self::from_spki_der(&block.der)
    }

    /// Takes the bytes of a point: 32 for Ed25519, uncompressed SEC1 for ECDSA.
    pub(crate) fn from_point(algorithm: KeyAlgorithm, point: &[u8]) -> Result<Self, KeyError> {
        if algorithm == KeyAlgorithm::Ed25519 && is_weak_start(point) {
            return Err(KeyError::WeakPoint);
        }
        ParsedPublicKey::new(verifier(algorithm), point).map_err(|_| KeyError::WeakPoint)?;
        Ok(Self { algorithm, spki: der::write_spki(algorithm, point) })
    }

    /// The PEM file, labelled `PUBLIC KEY`, that every tool reads.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::write(pem::PUBLIC, &self.spki).to_string()
    }

    /// What the key signs with.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The `SubjectPublicKeyInfo` (RFC 5280) in DER.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the SPKI: the key's short name, and the key identifier in an envelope.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::sha256(&self.spki)
    }

    /// Checks a signature: 64 bytes for Ed25519 (RFC 8032), ASN.1 DER for ECDSA.
    ///
    /// # Errors
    /// [`SignatureError`] if it is not this key's signature of exactly `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        if self.algorithm == KeyAlgorithm::Ed25519 && is_weak_start(signature) {
            return Err(SignatureError);
        }
        verifier(self.algorithm).verify_sig(self.point(), message, signature).map_err(|_| SignatureError)
    }

    /// The bytes of the point at the end of the SPKI.
    pub(crate) fn point(&self) -> &[u8] {
        der::read_spki(&self.spki).map_or(&[], |(_, point)| point)
    }
}

/// Whether the first 32 bytes (an Ed25519 key, or the R of a signature) are missing or a weak point.
fn is_weak_start(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_none_or(edwards::is_weak)
}

fn verifier(algorithm: KeyAlgorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        KeyAlgorithm::Ed25519 => &ED25519,
        KeyAlgorithm::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
        KeyAlgorithm::EcdsaP384 => &ECDSA_P384_SHA384_ASN1,
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, STANDARD.encode(&self.spki))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (algorithm, value) = text.split_once(':').ok_or(KeyError::Text)?;
        let key = Self::from_spki_der(&STANDARD.decode(value).map_err(|_| KeyError::Text)?)?;
        if key.algorithm.name() == algorithm { Ok(key) } else { Err(KeyError::Text) }
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

//! Keys that people sign with: Ed25519, ECDSA P-256 and P-384.
//!
//! The algorithm is a property of the key, never of a message or signature. Private halves redact and wipe themselves.
//! Key files are what every tool writes: PKCS#8 PEM (RFC 5958) private, SPKI PEM (RFC 5280) public. Reading is strict:
//! one PEM block with nothing around it, DER only, no trailing bytes.

mod der;
mod edwards;
mod pem;
mod public;
mod signing;

use std::fmt;

pub use public::PublicKey;
pub use signing::SigningKey;

use crate::code::{Code, Coded};
use crate::entropy::EntropyError;

/// What a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// Ed25519 (RFC 8032), the default; verification refuses small-order and non-canonical points.
    Ed25519,
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5), signatures in ASN.1 DER.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384 (FIPS 186-5), signatures in ASN.1 DER.
    EcdsaP384,
}

impl KeyAlgorithm {
    /// Every algorithm there is.
    pub const ALL: &[Self] = &[Self::Ed25519, Self::EcdsaP256, Self::EcdsaP384];

    /// The word before the colon in a public key's text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
        }
    }

    /// Length in bytes of an Ed25519 seed or an ECDSA scalar.
    const fn secret_len(self) -> usize {
        match self {
            Self::Ed25519 | Self::EcdsaP256 => 32,
            Self::EcdsaP384 => 48,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a key could not be read, made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not exactly one PEM block.
    #[error(
        "expected one PEM block with lines of 64 characters and nothing around it, found other text; export the key again"
    )]
    Pem,
    /// A PEM block of another kind.
    #[error("expected a PEM block labelled \"{expected}\", found \"{found}\"; give the other key file")]
    PemLabel {
        /// The label that this place asks for.
        expected: &'static str,
        /// The label in the file, if it is a usual one.
        found: &'static str,
    },
    /// A private key under a passphrase.
    #[error(
        "expected an unencrypted private key, found one under a passphrase; decrypt it with `openssl pkey -in KEY -out PLAIN`"
    )]
    Encrypted,
    /// The bytes are not a public key of a known algorithm.
    #[error("expected the DER public key (SPKI) of Ed25519, P-256 or P-384, found something else; use such a key")]
    Spki,
    /// The text form is malformed.
    #[error("expected a public key such as \"ed25519:<base64>\", found other text; copy the whole key")]
    Text,
    /// The point is not on the curve, is of small order or has a second encoding.
    #[error(
        "expected a sound point on the curve, found one that is off it, of small order or non-canonical; make a new key"
    )]
    WeakPoint,
    /// The bytes are not a private key of a known algorithm.
    #[error("expected the DER private key (PKCS#8) of Ed25519, P-256 or P-384, found something else; use such a key")]
    Private,
    /// The file's public half belongs to another private key.
    #[error("expected the two halves of one key, found a public half of another; make a new key")]
    Mismatch,
    /// No randomness for a new key.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The crypto provider failed.
    #[error("expected the crypto provider to sign, found a failure; report this")]
    Provider,
}

impl Coded for KeyError {
    fn code(&self) -> Code {
        match self {
            Self::Entropy(_) | Self::Provider => Code::Internal,
            _ => Code::KeyMalformed,
        }
    }
}

/// A signature does not hold for this key and message. It never says why: there is nothing to mend but the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("expected this key's signature of these bytes, found one that does not hold; ask the signer to sign again")]
pub struct SignatureError;

impl Coded for SignatureError {
    fn code(&self) -> Code {
        Code::SignatureInvalid
    }
}

#[cfg(test)]
mod tests;

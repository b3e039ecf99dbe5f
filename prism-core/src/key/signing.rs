//! The half of a signing key that only its owner has.

use std::fmt;

use aws_lc_rs::agreement::{ECDH_P256, ECDH_P384, PrivateKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use zeroize::Zeroizing;

use super::{KeyAlgorithm, KeyError, PublicKey, der, pem};
use crate::entropy::{Entropy, EntropyError};

/// Draws of an ECDSA scalar before the source of randomness is given up; a sound one fails once in 2^32 draws.
const DRAWS: usize = 16;

/// A private key. It does not show itself, cannot be cloned and leaves memory when dropped.
pub struct SigningKey {
    secret: Zeroizing<Vec<u8>>,
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl SigningKey {
    /// Makes a fresh key.
    ///
    /// # Errors
    /// [`KeyError::Entropy`] when the source fails or gives no usable bytes.
    pub fn generate(algorithm: KeyAlgorithm, entropy: &mut dyn Entropy) -> Result<Self, KeyError> {
        for _ in 0..DRAWS {
            let mut secret = Zeroizing::new(vec![0; algorithm.secret_len()]);
            entropy.fill(&mut secret)?;
            if let Ok(key) = Self::from_secret(algorithm, secret) {
                return Ok(key);
            }
        }
        Err(EntropyError.into())
    }

    /// Reads a PEM file labelled `PRIVATE KEY` (PKCS#8, RFC 5958) or `EC PRIVATE KEY` (RFC 5915).
    ///
    /// # Errors
    /// [`KeyError`] if it is not exactly one such block with an unencrypted key of a known algorithm in it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::read(text)?;
        let private = match block.label {
            pem::PRIVATE => der::read_pkcs8(&block.der)?,
            pem::SEC1 => der::read_sec1(&block.der)?,
            found => return Err(KeyError::PemLabel { expected: pem::PRIVATE, found }),
        };
        let key = Self::from_secret(private.algorithm, Zeroizing::new(private.secret.to_vec()))?;
        match private.point {
            Some(point) if point != key.public.point() => Err(KeyError::Mismatch),
            _ => Ok(key),
        }
    }

    fn from_secret(algorithm: KeyAlgorithm, secret: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        if secret.len() != algorithm.secret_len() {
            return Err(KeyError::Private);
        }
        let (pair, public) = pair(algorithm, &secret)?;
        Ok(Self { secret, pair, public })
    }

    /// The PEM file, labelled `PRIVATE KEY` (PKCS#8 version 1), that every tool reads. Write it readable by its owner
    /// only.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = der::write_private(self.public.algorithm(), &self.secret, self.public.point());
        pem::write(pem::PRIVATE, &der)
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`: 64 bytes for Ed25519 (RFC 8032), ASN.1 DER for ECDSA.
    ///
    /// # Errors
    /// [`KeyError::Provider`] when the crypto provider fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.try_sign(message),
            Pair::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message),
        };
        Ok(signature.map_err(|_| KeyError::Provider)?.as_ref().to_vec())
    }

    /// Signs `message` in the form of JOSE and COSE (RFC 7518, section 3.4; RFC 9053, section 2.1): 64 bytes for Ed25519,
    /// `r ‖ s` in big-endian, each as long as the curve's field, for ECDSA.
    ///
    /// # Errors
    /// [`KeyError::Provider`] when the crypto provider fails.
    pub fn sign_fixed(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.sign(message)?;
        match self.public.algorithm() {
            KeyAlgorithm::Ed25519 => Ok(signature),
            ecdsa => fixed(&signature, ecdsa.secret_len()).ok_or(KeyError::Provider),
        }
    }
}

/// The numbers of an ECDSA signature in ASN.1 DER, each in `length` bytes.
fn fixed(der: &[u8], length: usize) -> Option<Vec<u8>> {
    let [0x30, _, numbers @ ..] = der else { return None };
    let mut signature = Vec::with_capacity(2 * length);
    let mut rest = numbers;
    for _ in 0..2 {
        let [0x02, size, tail @ ..] = rest else { return None };
        let (number, tail) = tail.split_at_checked(usize::from(*size))?;
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        signature.resize(signature.len() + length.checked_sub(number.len())?, 0);
        signature.extend_from_slice(number);
        rest = tail;
    }
    rest.is_empty().then_some(signature)
}

/// Both halves from an Ed25519 seed or an ECDSA scalar.
fn pair(algorithm: KeyAlgorithm, secret: &[u8]) -> Result<(Pair, PublicKey), KeyError> {
    let (agreement, signing) = match algorithm {
        KeyAlgorithm::Ed25519 => {
            let pair = Ed25519KeyPair::from_seed_unchecked(secret).map_err(|_| KeyError::Private)?;
            let public = PublicKey::from_point(algorithm, pair.public_key().as_ref())?;
            return Ok((Pair::Ed25519(pair), public));
        }
        KeyAlgorithm::EcdsaP256 => (&ECDH_P256, &ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyAlgorithm::EcdsaP384 => (&ECDH_P384, &ECDSA_P384_SHA384_ASN1_SIGNING),
    };
    // The provider derives a public point only through its key-agreement type.
    let scalar = PrivateKey::from_private_key(agreement, secret).map_err(|_| KeyError::Private)?;
    let point = scalar.compute_public_key().map_err(|_| KeyError::Provider)?;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, secret, point.as_ref());
    Ok((Pair::Ecdsa(pair.map_err(|_| KeyError::Private)?), PublicKey::from_point(algorithm, point.as_ref())?))
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ..)", self.public.algorithm())
    }
}

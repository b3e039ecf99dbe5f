//! Secrets that key brokers send: JSON Web Encryption in its flattened form (RFC 7516, section 7.2.2), wrapped to one
//! key of ours with ECDH-ES+A256KW on P-256 (RFC 7518, section 4.6) and A256GCM (section 5.3), and nothing else.
//!
//! ```
//! use prism_core::entropy::SystemEntropy;
//! use prism_core::jwe::JweKey;
//!
//! let key = JweKey::generate(&mut SystemEntropy::default())?;
//! assert!(key.open(b"{}").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::entropy::{Entropy, EntropyError};
use crate::strict;

/// Longest secret with its wrapping, in bytes.
pub const JWE_MAX: usize = 64 * 1024;

const ALGORITHM: &str = "ECDH-ES+A256KW";
const ENCRYPTION: &str = "A256GCM";
const CURVE: &str = "P-256";
const COORDINATE: usize = 32;
const WRAPPED: usize = 40;
const TAG: usize = 16;

/// Why a secret was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JweError {
    /// Not strict JSON of the flattened form, or of its header. What it is instead is not said: it may be the secret as
    /// it is.
    #[error("expected a flattened JWE, found something else; see that the broker wraps what it gives")]
    Form,
    /// A field is not base64url of the right length.
    #[error("expected {field} in base64url of the right length, found another text")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// Other algorithms than the ones agreed; there is no choice.
    #[error("expected {ALGORITHM} with {ENCRYPTION} on {CURVE}, found other algorithms; nothing else is accepted")]
    Algorithms,
    /// It does not open: for another key, or altered.
    #[error("expected a secret that opens with this key, found one for another key or an altered one")]
    Sealed,
}

impl Coded for JweError {
    fn code(&self) -> Code {
        Code::BrokerMisbehaved
    }
}

/// The public half of a [`JweKey`] as a JSON Web Key (RFC 7517), its members in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicJwk {
    alg: String,
    crv: String,
    kty: String,
    x: String,
    y: String,
}

impl PublicJwk {
    /// SHA-256 over the members that make the key (RFC 7638).
    #[must_use]
    pub fn thumbprint(&self) -> Digest {
        let Self { crv, kty, x, y, .. } = self;
        Digest::sha256(format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#).as_bytes())
    }

    /// Its canonical text (RFC 8785).
    #[must_use]
    pub fn to_json(&self) -> String {
        let Self { alg, crv, kty, x, y } = self;
        format!(r#"{{"alg":"{alg}","crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#)
    }
}

/// A key that a broker wraps a secret to, made for one exchange. It does not show itself and leaves memory when dropped.
pub struct JweKey {
    private: PrivateKey,
    public: PublicJwk,
}

impl fmt::Debug for JweKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JweKey").field("public", &self.public).finish_non_exhaustive()
    }
}

impl JweKey {
    /// Makes a fresh key.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut scalar = Zeroizing::new([0; COORDINATE]);
        // One in 2^32 draws is no scalar of the curve.
        for _ in 0..4 {
            entropy.fill(scalar.as_mut_slice())?;
            if let Some(key) = Self::from_scalar(&scalar) {
                return Ok(key);
            }
        }
        Err(EntropyError)
    }

    fn from_scalar(scalar: &[u8; COORDINATE]) -> Option<Self> {
        let private = PrivateKey::from_private_key(&ECDH_P256, scalar).ok()?;
        let point = private.compute_public_key().ok()?;
        let (x, y) = point.as_ref().strip_prefix(&[4])?.split_at_checked(COORDINATE)?;
        let public = PublicJwk {
            alg: ALGORITHM.to_owned(),
            crv: CURVE.to_owned(),
            kty: "EC".to_owned(),
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
        };
        Some(Self { private, public })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicJwk {
        &self.public
    }

    /// Opens a secret that was wrapped to this key.
    ///
    /// # Errors
    /// [`JweError`].
    pub fn open(&self, jwe: &[u8]) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let wire: Wire = strict::read(jwe, JWE_MAX).map_err(|_| JweError::Form)?;
        let header = decode("protected", &wire.protected)?;
        let header: Header = strict::read(&header, JWE_MAX).map_err(|_| JweError::Form)?;
        let known = header.alg == ALGORITHM && header.enc == ENCRYPTION;
        if !known || header.epk.kty != "EC" || header.epk.crv != CURVE {
            return Err(JweError::Algorithms);
        }
        let kek = self.agree(&header)?;
        let wrapped: [u8; WRAPPED] = exactly("encrypted_key", &wire.encrypted_key)?;
        let mut key = Zeroizing::new([0; WRAPPED]);
        let kek = AesKek::new(&AES_256, kek.as_slice()).map_err(|_| JweError::Sealed)?;
        let key = kek.unwrap(&wrapped, key.as_mut_slice()).map_err(|_| JweError::Sealed)?;
        let nonce = Nonce::assume_unique_for_key(exactly::<NONCE_LEN>("iv", &wire.iv)?);
        let tag: [u8; TAG] = exactly("tag", &wire.tag)?;
        let mut text = Zeroizing::new(decode("ciphertext", &wire.ciphertext)?);
        text.extend(tag);
        let key = UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| JweError::Sealed)?;
        // What is authenticated are the bytes as they came (RFC 7516, section 5.2).
        let aad = Aad::from(wire.protected.as_bytes());
        let length = key.open_in_place(nonce, aad, &mut text).map_err(|_| JweError::Sealed)?.len();
        text.truncate(length);
        Ok(text)
    }

    fn agree(&self, header: &Header) -> Result<Zeroizing<[u8; 32]>, JweError> {
        let x: [u8; COORDINATE] = exactly("epk.x", &header.epk.x)?;
        let y: [u8; COORDINATE] = exactly("epk.y", &header.epk.y)?;
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        let apu = header.apu.as_deref().map_or(Ok(Vec::new()), |text| decode("apu", text))?;
        let apv = header.apv.as_deref().map_or(Ok(Vec::new()), |text| decode("apv", text))?;
        let derive = |shared: &[u8]| Ok(concat_kdf(shared, ALGORITHM, (&apu, &apv), 256));
        // A point that is not on the curve is refused here.
        agree(&self.private, UnparsedPublicKey::new(&ECDH_P256, point), JweError::Sealed, derive)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    protected: String,
    encrypted_key: String,
    iv: String,
    ciphertext: String,
    tag: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    epk: Ephemeral,
    apu: Option<String>,
    apv: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ephemeral {
    kty: String,
    crv: String,
    x: String,
    y: String,
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, JweError> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JweError::Field { field })
}

fn exactly<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], JweError> {
    decode(field, text)?.try_into().map_err(|_| JweError::Field { field })
}

/// The one round of NIST SP 800-56A's Concat KDF with SHA-256 that gives at most 256 bits (RFC 7518, section 4.6.2).
fn concat_kdf(shared: &[u8], algorithm: &str, (apu, apv): (&[u8], &[u8]), bits: u32) -> Zeroizing<[u8; 32]> {
    let mut input = Zeroizing::new(Vec::with_capacity(128 + shared.len() + apu.len() + apv.len()));
    input.extend(1_u32.to_be_bytes());
    input.extend(shared);
    for part in [algorithm.as_bytes(), apu, apv] {
        // Parts come out of a message of at most JWE_MAX bytes.
        input.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        input.extend(part);
    }
    input.extend(bits.to_be_bytes());
    Zeroizing::new(*Digest::sha256(&input).as_bytes())
}

#[cfg(test)]
mod tests;

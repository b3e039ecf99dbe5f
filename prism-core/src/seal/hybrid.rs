//! The default recipient, safe against quantum computers: ML-KEM-768 with X25519, joined as X-Wing, used through HPKE
//! (RFC 9180, base mode, one message) with HKDF-SHA-256 and ChaCha20-Poly1305 (c2sp.org/age, "The MLKEM768-X25519
//! recipient type").

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use x_wing::{Ciphertext, DecapsulationKeyRejectNonContrib, Decapsulator as _, EncapsulationKey, KeyExport as _};
use x_wing::{SharedKey, TryDecapsulate as _};
use zeroize::{Zeroize as _, Zeroizing};

use super::format::{Stanza, encode};
use super::kdf::{self, Key};
use super::{FileKey, OpenError, SealError, x25519};
use crate::entropy::Entropy;

/// First argument of the stanza.
const NAME: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// KEM 0x647a, KDF 0x0001, AEAD 0x0003 (RFC 9180 §5.1, draft-ietf-hpke-pq).
const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";
const VERSION: &[u8] = b"HPKE-v1";
const MODE_BASE: u8 = 0;

/// Length in bytes of a recipient.
pub(super) const PUBLIC_LEN: usize = x_wing::ENCAPSULATION_KEY_SIZE;
const ENCAPSULATED_LEN: usize = x_wing::CIPHERTEXT_SIZE;

/// The recipient of a seed.
pub(super) fn public(seed: &[u8; 32]) -> Vec<u8> {
    DecapsulationKeyRejectNonContrib::from(*seed).encapsulation_key().to_bytes().to_vec()
}

/// Whether the bytes are a key whose both parts are sound.
pub(super) fn is_sound(public: &[u8]) -> bool {
    let point = public.last_chunk::<{ x25519::POINT_LEN }>();
    EncapsulationKey::try_from(public).is_ok() && point.is_some_and(x25519::is_contributory)
}

/// Wraps a file key to a recipient under a fresh encapsulation.
pub(super) fn wrap(recipient: &[u8], file_key: &FileKey, entropy: &mut dyn Entropy) -> Result<Stanza, SealError> {
    let recipient = EncapsulationKey::try_from(recipient).map_err(|_| SealError::Provider)?;
    let mut randomness = Zeroizing::new([0; x_wing::ENCAPSULATION_RANDOMNESS_SIZE]);
    entropy.fill(randomness.as_mut_slice())?;
    let (encapsulated, shared) = recipient.encapsulate_deterministic((&*randomness).into());
    let (key, nonce) = schedule(shared).ok_or(SealError::Provider)?;
    let body = kdf::wrap(&key, nonce, file_key).ok_or(SealError::Provider)?;
    Ok(Stanza { args: vec![NAME.to_owned(), encode(&encapsulated)], body })
}

/// The file key, if the stanza is for this seed.
pub(super) fn unwrap(seed: &[u8; 32], stanza: &Stanza) -> Result<Option<FileKey>, OpenError> {
    let Some((encapsulated, body)) = stanza.read::<ENCAPSULATED_LEN>(NAME)? else { return Ok(None) };
    let key = DecapsulationKeyRejectNonContrib::from(*seed);
    let shared = key.try_decapsulate(&Ciphertext::from(encapsulated)).map_err(|_| OpenError::Header)?;
    let (key, nonce) = schedule(shared).ok_or(OpenError::Header)?;
    Ok(kdf::unwrap(&key, nonce, body))
}

/// HPKE's key schedule without a pre-shared key (RFC 9180 §5.1): the key and nonce of the first message.
fn schedule(mut shared: SharedKey) -> Option<(Key, [u8; 12])> {
    let context =
        [&[MODE_BASE], labelled_hash(b"psk_id_hash", b"").as_ref(), labelled_hash(b"info_hash", INFO).as_ref()]
            .concat();
    let secret = Salt::new(HKDF_SHA256, &shared).extract(&[VERSION, SUITE, b"secret"].concat());
    shared.zeroize();
    let (mut key, mut nonce) = (Key::default(), [0; 12]);
    for (label, out) in [(b"key".as_slice(), key.as_mut_slice()), (b"base_nonce", nonce.as_mut_slice())] {
        let length = u16::try_from(out.len()).ok()?.to_be_bytes();
        kdf::expand(&secret, &[&length, VERSION, SUITE, label, &context], out)?;
    }
    Some((key, nonce))
}

/// HPKE's `LabeledExtract` without a salt, of public values only.
fn labelled_hash(label: &[u8], value: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), &[VERSION, SUITE, label, value].concat())
}

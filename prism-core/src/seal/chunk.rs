//! One chunk of a payload (c2sp.org/age, "Payload"). Nothing here reads or writes, so that chunks can be worked on in
//! any order and by many threads.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use super::FileKey;
use super::kdf;

/// Plaintext bytes of every chunk but the last, which may be shorter.
pub(super) const CHUNK_LEN: usize = 64 << 10;
/// Bytes that the authentication tag adds to each chunk.
pub(super) const TAG_LEN: usize = 16;
/// Sealed bytes of a full chunk.
pub(super) const SEALED_LEN: usize = CHUNK_LEN + TAG_LEN;
/// Length in bytes of the random value that starts a payload.
pub(super) const NONCE_LEN: usize = 16;

/// The key of one payload, for any number of threads.
pub(super) struct PayloadKey(LessSafeKey);

impl PayloadKey {
    pub(super) fn new(key: &FileKey, nonce: &[u8; NONCE_LEN]) -> Option<Self> {
        let key = kdf::hkdf(key.expose(), nonce, b"payload")?;
        UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Encrypts a chunk where it lies and appends its tag. Never twice with other bytes at one index.
    pub(super) fn seal(&self, index: u64, last: bool, chunk: &mut Vec<u8>) -> Option<()> {
        self.0.seal_in_place_append_tag(nonce(index, last), Aad::empty(), chunk).ok()
    }

    /// Decrypts a chunk where it lies; `None` if it is not the chunk sealed at this place.
    pub(super) fn open<'a>(&self, index: u64, last: bool, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let plain = self.0.open_in_place(nonce(index, last), Aad::empty(), sealed).ok()?;
        let superfluous = plain.is_empty() && index > 0; // a payload has one encoding: no empty chunk at its end
        if superfluous { None } else { Some(plain) }
    }
}

/// The index in 11 bytes, big-endian, then whether this is the last chunk.
fn nonce(index: u64, last: bool) -> Nonce {
    let [_, _, _, _, nonce @ ..] = (u128::from(index) << 8 | u128::from(last)).to_be_bytes();
    Nonce::assume_unique_for_key(nonce)
}

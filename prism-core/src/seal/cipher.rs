//! One chunk of a payload. Nothing here reads or writes, so that chunks can be worked on in any order and by many threads.
//!
//! Two codecs share everything but these rules:
//!
//! | | age v1 (c2sp.org/age, "Payload") | Cobblestone-256 (c2sp.org/chunked-encryption) |
//! |---|---|---|
//! | cipher | ChaCha20-Poly1305 | AES-256-GCM |
//! | plaintext of a chunk | 64 KiB | 16 KiB |
//! | nonce of chunk `i` | `i` in 11 bytes, then 1 if it is the last, else 0 | base nonce XOR `i` |
//! | the last chunk | any length but 0, unless it is the only one | always shorter than the others, perhaps empty |

use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::FileKey;
use super::kdf;

/// Bytes that the authentication tag adds to each chunk.
pub(super) const TAG_LEN: usize = 16;

/// Length in bytes of the random value that starts an age payload.
pub(super) const START_LEN: usize = 16;

/// Which payload a chunk belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Age,
    Cobblestone,
}

impl Codec {
    /// Plaintext bytes of every chunk but the last.
    pub(super) const fn plain_len(self) -> usize {
        match self {
            Self::Age => 64 << 10,
            Self::Cobblestone => 16 << 10,
        }
    }

    /// Sealed bytes of every chunk but the last.
    pub(super) const fn sealed_len(self) -> usize {
        self.plain_len() + TAG_LEN
    }

    /// Chunks that are worked on at once: 256 KiB stay in a processor's own cache.
    pub(super) const fn batch(self) -> usize {
        (256 << 10) / self.plain_len()
    }

    /// Whether the last chunk says so by itself. Otherwise its length does.
    pub(super) const fn marks_last(self) -> bool {
        matches!(self, Self::Age)
    }

    /// Most chunks of one payload: what the nonce can count, and what Cobblestone permits (4 PiB).
    pub(super) const fn most(self) -> u64 {
        match self {
            Self::Age => u64::MAX,
            Self::Cobblestone => 1 << 38,
        }
    }

    const fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Age => &CHACHA20_POLY1305,
            Self::Cobblestone => &AES_256_GCM,
        }
    }
}

/// The key of one payload, for any number of threads.
pub(super) struct Cipher {
    codec: Codec,
    key: LessSafeKey,
    base_nonce: [u8; NONCE_LEN],
}

impl Cipher {
    /// For the age payload that starts with `start`.
    pub(super) fn age(key: &FileKey, start: &[u8; START_LEN]) -> Option<Self> {
        let key = kdf::hkdf(key.expose(), start, b"payload")?;
        Self::new(Codec::Age, &key, [0; NONCE_LEN])
    }

    /// `base_nonce` is zero for age.
    pub(super) fn new(codec: Codec, key: &[u8; 32], base_nonce: [u8; NONCE_LEN]) -> Option<Self> {
        let key = UnboundKey::new(codec.algorithm(), key).map(LessSafeKey::new).ok()?;
        Some(Self { codec, key, base_nonce })
    }

    pub(super) const fn codec(&self) -> Codec {
        self.codec
    }

    /// Encrypts a chunk where it lies; the tag belongs behind it. Never twice with other bytes at one index.
    pub(super) fn seal(&self, index: u64, last: bool, plain: &mut [u8]) -> Option<[u8; TAG_LEN]> {
        let tag = self.key.seal_in_place_separate_tag(self.nonce(index, last)?, Aad::empty(), plain).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// Decrypts a chunk where it lies; `None` if it is not the chunk sealed at this place.
    pub(super) fn open<'a>(&self, index: u64, last: bool, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let plain = self.key.open_in_place(self.nonce(index, last)?, Aad::empty(), sealed).ok()?;
        let superfluous = plain.is_empty() && index > 0 && self.codec.marks_last(); // one encoding of each payload
        if superfluous { None } else { Some(plain) }
    }

    fn nonce(&self, index: u64, last: bool) -> Option<Nonce> {
        if index >= self.codec.most() {
            return None;
        }
        let count = u128::from(index);
        let [_, _, _, _, mut nonce @ ..] = match self.codec {
            Codec::Age => (count << 8 | u128::from(last)).to_be_bytes(),
            Codec::Cobblestone => count.to_be_bytes(),
        };
        nonce.iter_mut().zip(self.base_nonce).for_each(|(byte, base)| *byte ^= base);
        Some(Nonce::assume_unique_for_key(nonce))
    }
}

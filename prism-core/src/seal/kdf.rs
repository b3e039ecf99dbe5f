//! Key derivation and the one-shot encryption that wraps a file key.

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use zeroize::Zeroizing;

use super::FileKey;

/// Length in bytes of every key but the file key.
pub(super) const KEY_LEN: usize = 32;
/// A file key and its tag.
pub(super) const WRAPPED_LEN: usize = FileKey::LEN + 16;

/// A 256-bit secret that leaves memory when dropped; boxed, so that moving it leaves no copy behind.
pub(super) type Key = Box<Zeroizing<[u8; KEY_LEN]>>;

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869), both steps.
pub(super) fn hkdf(ikm: &[u8], salt: &[u8], info: &[u8]) -> Option<Key> {
    let mut key = Key::default();
    expand(&Salt::new(HKDF_SHA256, salt).extract(ikm), &[info], key.as_mut_slice())?;
    Some(key)
}

/// The second step of HKDF-SHA-256 alone.
pub(super) fn expand(prk: &Prk, info: &[&[u8]], out: &mut [u8]) -> Option<()> {
    prk.expand(info, Length(out.len())).ok()?.fill(out).ok()
}

/// Encrypts a file key under a key that is used this once.
pub(super) fn wrap(key: &Key, nonce: [u8; 12], file_key: &FileKey) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(WRAPPED_LEN);
    body.extend_from_slice(file_key.expose());
    aead(key)?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut body).ok()?;
    Some(body)
}

/// Decrypts a file key; `None` if `key` is not the one it was wrapped under.
pub(super) fn unwrap(key: &Key, nonce: [u8; 12], body: [u8; WRAPPED_LEN]) -> Option<FileKey> {
    let mut body = Zeroizing::new(body);
    let nonce = Nonce::assume_unique_for_key(nonce);
    let plain = aead(key)?.open_in_place(nonce, Aad::empty(), body.as_mut_slice()).ok()?;
    FileKey::from_slice(plain)
}

fn aead(key: &Key) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).map(LessSafeKey::new).ok()
}

//! The second codec: Cobblestone-256 (c2sp.org/chunked-encryption), for sites that are bound to FIPS primitives.
//!
//! One symmetric key of 32 bytes instead of recipients, AES-256-GCM in chunks of 16 KiB, SHA-512 as HKDF-Expand. A file
//! commits to its key and to its [`Context`], so that it cannot be passed off as another asset. It has no magic number:
//! a manifest names the codec, nothing is guessed.
//!
//! A file is `salt[24] ‖ commitment[32] ‖ chunks`.

mod carried;

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf::{HKDF_SHA512, Prk};
use zeroize::{Zeroize as _, Zeroizing};

use super::cipher::{Cipher, Codec, TAG_LEN};
use super::{OpenError, SealKeyError, kdf};
use crate::entropy::{Entropy, EntropyError};
use crate::name::Name;
pub use carried::SealedKeyError;

const LABEL: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const SALT_LEN: usize = 24;
const COMMITMENT_LEN: usize = 32;
const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 12;
/// Bytes before the first chunk.
pub(super) const START_LEN: usize = SALT_LEN + COMMITMENT_LEN;

/// The symmetric key of any number of Cobblestone-256 files. It does not show itself and leaves memory when dropped.
pub struct CobblestoneKey(Box<[u8; KEY_LEN]>);

impl CobblestoneKey {
    /// Length in bytes: what a key file and a key broker's resource have.
    pub const LEN: usize = KEY_LEN;

    /// Makes a fresh key.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut key = Self(Box::new([0; KEY_LEN]));
        entropy.fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// Takes the bytes of a key file.
    ///
    /// # Errors
    /// [`SealKeyError::Symmetric`] unless there are exactly [`LEN`](Self::LEN).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealKeyError> {
        let mut key = Self(Box::new([0; KEY_LEN]));
        if bytes.len() != KEY_LEN {
            return Err(SealKeyError::Symmetric { found: bytes.len() });
        }
        key.0.copy_from_slice(bytes);
        Ok(key)
    }

    /// The secret bytes: for a file that only its owner can read, or for a key broker.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl Drop for CobblestoneKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for CobblestoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CobblestoneKey(..)")
    }
}

/// What a Cobblestone-256 file is for: it opens under the same context only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context(Vec<u8>);

impl Context {
    /// The context of the asset that a manifest calls `name`: `"prism/v1" ‖ 00 ‖ name`.
    #[must_use]
    pub fn asset(name: &Name) -> Self {
        Self([b"prism/v1\0", name.as_str().as_bytes()].concat())
    }

    /// The context that another program used.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

/// What a file starts with, and the cipher of its chunks.
pub(super) fn start(
    key: &CobblestoneKey,
    context: &Context,
    entropy: &mut dyn Entropy,
) -> Result<Option<([u8; START_LEN], Cipher)>, EntropyError> {
    let mut bytes = [0; START_LEN];
    let (salt, commitment) = bytes.split_at_mut(SALT_LEN);
    entropy.fill(salt)?;
    let Some(derived) = Derived::of(key, context, salt) else { return Ok(None) };
    commitment.copy_from_slice(derived.commitment());
    Ok(derived.cipher().map(|cipher| (bytes, cipher)))
}

/// The cipher of a file that starts with `bytes`.
///
/// # Errors
/// [`OpenError::NotForYou`] when the file commits to another key or another context.
pub(super) fn resume(key: &CobblestoneKey, context: &Context, bytes: &[u8; START_LEN]) -> Result<Cipher, OpenError> {
    let (salt, commitment) = bytes.split_at(SALT_LEN);
    let derived = Derived::of(key, context, salt).ok_or(OpenError::NotForYou)?;
    verify_slices_are_equal(derived.commitment(), commitment).map_err(|_| OpenError::NotForYou)?;
    derived.cipher().ok_or(OpenError::NotForYou)
}

/// Length in bytes of the Cobblestone-256 file of `plain` bytes; `None` beyond the 4 PiB that one file may have.
#[must_use]
pub const fn cobblestone_len(plain: u64) -> Option<u64> {
    let chunks = plain / Codec::Cobblestone.plain_len() as u64 + 1;
    if chunks > Codec::Cobblestone.most() {
        return None;
    }
    match plain.checked_add(chunks * TAG_LEN as u64) {
        Some(sealed) => sealed.checked_add(START_LEN as u64),
        None => None,
    }
}

/// Key, base nonce and commitment.
struct Derived(Box<Zeroizing<[u8; KEY_LEN + NONCE_LEN + COMMITMENT_LEN]>>);

impl Derived {
    fn of(key: &CobblestoneKey, context: &Context, salt: &[u8]) -> Option<Self> {
        let mut bytes = Box::new(Zeroizing::new([0; KEY_LEN + NONCE_LEN + COMMITMENT_LEN]));
        let prk = Prk::new_less_safe(HKDF_SHA512, key.expose());
        kdf::expand(&prk, &[LABEL, salt, &context.0], bytes.as_mut_slice())?;
        Some(Self(bytes))
    }

    fn commitment(&self) -> &[u8] {
        self.0.get(KEY_LEN + NONCE_LEN..).unwrap_or_default()
    }

    fn cipher(&self) -> Option<Cipher> {
        let (key, rest) = self.0.split_first_chunk()?;
        Cipher::new(Codec::Cobblestone, key, *rest.first_chunk()?)
    }
}

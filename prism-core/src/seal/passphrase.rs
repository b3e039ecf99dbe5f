//! A passphrase that a person remembers (c2sp.org/age, "The scrypt recipient type"). Never for an agent: whoever sends a
//! file chooses how much work and memory it takes to try.

use std::fmt;

use scrypt::{Params, scrypt};
use zeroize::Zeroizing;

use super::format::{Stanza, decode, encode};
use super::kdf::{self, Key, WRAPPED_LEN};
use super::{FileKey, OpenError, SealError};
use crate::entropy::{self, Entropy};

/// First argument of the stanza.
pub(super) const NAME: &str = "scrypt";
const LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
const SALT_LEN: usize = 16;
/// log2 of the work that a new file takes: about a second and 256 MiB.
const WORK: u8 = 18;
/// Most work that is done for a file: about four seconds and 1 GiB.
pub(super) const WORK_MAX: u8 = 20;
/// Each key wraps one file key only.
const NONCE: [u8; 12] = [0; 12];

/// A passphrase. It does not show itself and leaves memory when dropped.
pub struct Passphrase {
    text: Zeroizing<String>,
    work: u8,
}

impl Passphrase {
    /// Takes the words as they were typed, without the end of the line.
    #[must_use]
    pub const fn new(text: Zeroizing<String>) -> Self {
        Self { text, work: WORK }
    }

    #[cfg(test)]
    pub(super) const fn quick(mut self) -> Self {
        self.work = 10;
        self
    }

    pub(super) fn wrap(&self, file_key: &FileKey, entropy: &mut dyn Entropy) -> Result<Stanza, SealError> {
        let salt = entropy::draw::<SALT_LEN>(entropy)?;
        let key = self.key(&salt, self.work).ok_or(SealError::Provider)?;
        let body = kdf::wrap(&key, NONCE, file_key).ok_or(SealError::Provider)?;
        Ok(Stanza { args: vec![NAME.to_owned(), encode(&salt), self.work.to_string()], body })
    }

    /// The file key, if this is the passphrase.
    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, OpenError> {
        if !stanza.is(NAME) {
            return Ok(None);
        }
        let [_, salt, work] = stanza.args.as_slice() else { return Err(OpenError::Header) };
        let salt: [u8; SALT_LEN] =
            decode(salt.as_bytes()).and_then(|salt| salt.try_into().ok()).ok_or(OpenError::Header)?;
        let body: [u8; WRAPPED_LEN] = stanza.body.as_slice().try_into().map_err(|_| OpenError::Header)?;
        let key = self.key(&salt, work_factor(work)?).ok_or(OpenError::Header)?;
        Ok(kdf::unwrap(&key, NONCE, body))
    }

    fn key(&self, salt: &[u8], work: u8) -> Option<Key> {
        let params = Params::new(work, 8, 1).ok()?;
        let mut key = Key::default();
        scrypt(self.text.as_bytes(), &[LABEL, salt].concat(), &params, key.as_mut_slice()).ok()?;
        Some(key)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// A decimal number without signs and leading zeros.
fn work_factor(text: &str) -> Result<u8, OpenError> {
    let canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    let work = text.parse().ok().filter(|work: &u64| canonical && *work < 64).ok_or(OpenError::Header)?;
    u8::try_from(work).ok().filter(|work| *work <= WORK_MAX).ok_or(OpenError::TooMuchWork { found: work })
}

//! Assets and results at rest: files in the age v1 format (c2sp.org/age), which the public `age` tools open and make.
//!
//! A file is a header, which wraps one [`FileKey`] to its recipients, and a payload, encrypted in chunks of 64 KiB under
//! that key. The two can be made apart: a result is sealed as a payload first, and the header that releases it to one
//! recipient is made later; [`rewrap`] makes a new header for a payload that stays where it is.
//!
//! * Three functions for most people: [`seal`], [`open`], [`rewrap`].
//! * [`Sealer`] and [`Opener`] beneath: workers over several processors, the plaintext's digest in the same pass, other
//!   keys, the second codec. [`PayloadWriter`] is for whoever has the data piece by piece, [`Ranges`] for whoever wants a
//!   part of it.
//!
//! This profile of the format is narrower than the format: no text armour, at most 64 recipients, never a post-quantum
//! recipient beside a classical one, and passphrases for people only.
//!
//! A file does not say who made it. The digest of the plaintext, which the manifest names, does.
//!
//! ```
//! use prism_core::entropy::SystemEntropy;
//! use prism_core::seal::{Identity, RecipientKind, open, seal};
//!
//! let mut entropy = SystemEntropy::default();
//! let identity = Identity::generate(RecipientKind::Hybrid, &mut entropy)?;
//! let mut file = Vec::new();
//! seal(b"data".as_slice(), &[identity.recipient().clone()], &mut entropy, &mut file)?;
//! let mut plain = Vec::new();
//! open(file.as_slice(), &identity, &mut plain)?;
//! assert_eq!(plain, b"data");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cipher;
mod cobblestone;
mod engine;
mod error;
mod format;
mod hybrid;
mod kdf;
mod keys;
mod opener;
mod passphrase;
mod payload;
mod ranges;
mod sealer;
mod ssh;
mod text;
mod writer;
mod x25519;

use std::io::{BufRead, Read, Write};

pub use cobblestone::{CobblestoneKey, Context, SealedKeyError, cobblestone_len};
pub use error::{OpenError, SealError, SealKeyError};
pub use keys::{FileKey, Identity, Recipient, RecipientKind};
pub use opener::{Opener, Unlock};
pub use passphrase::Passphrase;
pub use ranges::Ranges;
pub use sealer::Sealer;
pub use ssh::SshIdentity;
pub use writer::{PayloadWriter, sealed_len};

use crate::digest::Digest;
use crate::entropy::Entropy;
use format::{Header, Stanza};

/// Most recipients of one file.
pub const RECIPIENTS_MAX: usize = 64;
/// Shortest header in bytes: the lines of the version, of the smallest stanza that the format knows, and of the MAC.
pub const HEADER_MIN: usize = 22 + 6 + 48;
/// Longest header in bytes.
pub const HEADER_MAX: usize = 256 << 10;

/// What one pass over a file's plaintext found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Bytes of plaintext.
    pub size: u64,
    /// Their digest, where one was asked for.
    pub digest: Option<Digest>,
}

/// The header that wraps `key` to `recipients`. It may be made long after the payload, and any number of times.
///
/// # Errors
/// [`SealError`] for no, too many or mixed recipients, or without randomness.
pub fn header(key: &FileKey, recipients: &[Recipient], entropy: &mut dyn Entropy) -> Result<Vec<u8>, SealError> {
    if recipients.is_empty() || recipients.len() > RECIPIENTS_MAX {
        return Err(SealError::Count { found: recipients.len() });
    }
    if recipients.windows(2).any(|pair| matches!(pair, [a, b] if a.kind() != b.kind())) {
        return Err(SealError::Mixed);
    }
    let stanzas: Vec<Stanza> =
        recipients.iter().map(|recipient| recipient.wrap(key, entropy)).collect::<Result<_, _>>()?;
    format::write(&stanzas, key).ok_or(SealError::Provider)
}

/// Seals everything that `reader` gives to `recipients` as one file; returns the plaintext's length in bytes.
///
/// # Errors
/// [`SealError`]; what was written by then is incomplete and no reader accepts it.
pub fn seal<R: Read + Send, W: Write + Send>(
    reader: R,
    recipients: &[Recipient],
    entropy: &mut dyn Entropy,
    writer: W,
) -> Result<u64, SealError> {
    Sealer::to(recipients).seal(reader, entropy, writer).map(|totals| totals.size)
}

/// Opens a whole file into `writer`; returns the plaintext's length in bytes. Memory is constant.
///
/// Each chunk is written only after it was authenticated, so what was written before an error is a genuine beginning,
/// but only a beginning: discard it.
///
/// # Errors
/// [`OpenError`]
pub fn open<'a, R: Read + Send, W: Write + Send>(
    reader: R,
    with: impl Into<Unlock<'a>>,
    writer: W,
) -> Result<u64, OpenError> {
    Opener::with(with).open(reader, writer).map(|totals| totals.size)
}

/// Opens a payload whose header came separately, as a released result's does; otherwise like [`open`].
///
/// # Errors
/// [`OpenError`]
pub fn open_with_header<'a, R: Read + Send, W: Write + Send>(
    header: &[u8],
    payload: R,
    with: impl Into<Unlock<'a>>,
    writer: W,
) -> Result<u64, OpenError> {
    let key = file_key(header, with)?;
    Opener::payload(&key).open(payload, writer).map(|totals| totals.size)
}

/// The file key that `header` wraps: for wrapping it to others without touching the payload.
///
/// # Errors
/// [`OpenError`] unless `header` is exactly one sound header and something in it is for `with`.
pub fn file_key<'a>(header: &[u8], with: impl Into<Unlock<'a>>) -> Result<FileKey, OpenError> {
    let (header, with) = (Header::parse(header)?, with.into());
    let guarded = header.stanzas.iter().any(|stanza| stanza.is(passphrase::NAME));
    if guarded && header.stanzas.len() > 1 {
        return Err(OpenError::Header); // who typed the passphrase would not know who else can open the file
    }
    if guarded && !matches!(with, Unlock::Passphrase(_)) {
        return Err(OpenError::Passphrase);
    }
    for stanza in &header.stanzas {
        if let Some(key) = with.unwrap(stanza)? {
            header.authenticate(&key)?;
            return Ok(key);
        }
    }
    Err(OpenError::NotForYou)
}

/// A new header for the payload that `header` belongs to: the same file, for other recipients. Whoever could open the
/// file before still can, with the old header or the file key.
///
/// # Errors
/// [`RewrapError`] when the old header does not open with `with`, or the new one cannot be made.
pub fn rewrap<'a>(
    header: &[u8],
    with: impl Into<Unlock<'a>>,
    recipients: &[Recipient],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, RewrapError> {
    Ok(self::header(&file_key(header, with)?, recipients, entropy)?)
}

/// Why a header was not wrapped anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RewrapError {
    /// The old header does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new header cannot be made.
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl crate::code::Coded for RewrapError {
    fn code(&self) -> crate::code::Code {
        match self {
            Self::Open(error) => error.code(),
            Self::Seal(error) => error.code(),
        }
    }
}

/// Takes the header off the front of a file, leaving `reader` at the first byte of the payload. Nothing is believed yet.
///
/// # Errors
/// [`OpenError`] if no header ends within [`HEADER_MAX`] bytes.
pub fn read_header<R: BufRead>(reader: &mut R) -> Result<Vec<u8>, OpenError> {
    format::read(reader)
}

#[cfg(test)]
mod tests;

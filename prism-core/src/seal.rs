//! Assets and results at rest: files in the age v1 format (c2sp.org/age), which the public `age` tools open and make.
//!
//! A file is a header, which wraps one [`FileKey`] to its recipients, and a payload, encrypted in chunks of 64 KiB under
//! that key. The two can be made apart: a result is sealed as a payload first, and the header that releases it to one
//! recipient is made later.
//!
//! This profile of the format is narrower than the format: no passphrases, no text armour, at most 64 recipients, and
//! never a post-quantum recipient beside a classical one.
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

mod chunk;
mod format;
mod hybrid;
mod kdf;
mod keys;
mod payload;
mod text;
mod x25519;

use std::io::{self, BufRead, BufReader, Read, Write};

pub use keys::{FileKey, Identity, Recipient, RecipientKind};
pub use payload::{PayloadWriter, sealed_len};

use crate::code::{Code, Coded};
use crate::entropy::{Entropy, EntropyError};
use format::{Header, Stanza};

/// Most recipients of one file.
pub const RECIPIENTS_MAX: usize = 64;
/// Shortest header in bytes: the lines of the version, of the smallest stanza that the format knows, and of the MAC.
pub const HEADER_MIN: usize = 22 + 6 + 48;
/// Longest header in bytes.
pub const HEADER_MAX: usize = 256 << 10;

/// Why something could not be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// No recipient, or more than [`RECIPIENTS_MAX`].
    #[error("expected 1 to {RECIPIENTS_MAX} recipients, found {found}; name who may open the file")]
    Count {
        /// How many were given.
        found: usize,
    },
    /// A classical recipient would undo the protection of the post-quantum ones.
    #[error("expected recipients of one kind, found age1pq1… beside age1…; seal to one kind only")]
    Mixed,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The plaintext could not be read.
    #[error("expected to read the data that is to be sealed, found an error; see its cause")]
    Read(#[source] io::Error),
    /// The sealed file could not be written, or a write failed before.
    #[error("expected to write the sealed file, found an error; the file is incomplete and must be made again")]
    Write(#[source] io::Error),
    /// The crypto provider failed.
    #[error("expected the crypto provider to encrypt, found a failure; report this")]
    Provider,
}

impl Coded for SealError {
    fn code(&self) -> Code {
        match self {
            Self::Count { .. } | Self::Mixed => Code::Usage,
            Self::Read(_) | Self::Write(_) => Code::FileIo,
            Self::Entropy(_) | Self::Provider => Code::Internal,
        }
    }
}

/// Why a sealed file was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The header is not that of a binary age v1 file within this profile.
    #[error("expected the header of an age v1 file, found other bytes; fetch the file again")]
    Header,
    /// Text armour, which assets and results never use.
    #[error("expected a binary age file, found an armoured one; convert it with `age`")]
    Armour,
    /// A passphrase, which this profile refuses.
    #[error("expected a file sealed to keys, found one under a passphrase; seal it to a recipient")]
    Passphrase,
    /// No stanza of the header is for this identity.
    #[error("expected a file sealed to this identity, found one for others; ask for a header for your recipient")]
    NotForYou,
    /// The header was altered after it was made.
    #[error("expected the header as its maker wrote it, found an altered one; fetch the file again")]
    HeaderAltered,
    /// The payload was altered, cut, reordered or extended; everything written so far is a genuine beginning.
    #[error(
        "expected chunk {chunk} as it was sealed, found it altered, moved or cut; discard the output and fetch the file again"
    )]
    Payload {
        /// The first chunk that does not hold, counted from 0.
        chunk: u64,
    },
    /// The sealed file could not be read.
    #[error("expected to read the sealed file, found an error; see its cause")]
    Read(#[source] io::Error),
    /// The plaintext could not be written.
    #[error("expected to write the opened data, found an error; discard the output")]
    Write(#[source] io::Error),
}

impl Coded for OpenError {
    fn code(&self) -> Code {
        match self {
            Self::NotForYou => Code::SealNotForYou,
            Self::Read(_) | Self::Write(_) => Code::FileIo,
            _ => Code::SealBroken,
        }
    }
}

/// Why a text is not a recipient or an identity. It never repeats the text, which may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealKeyError {
    /// Not a recipient.
    #[error("expected a recipient such as age1pq1… or age1…, found other text; copy the whole recipient")]
    Recipient,
    /// Not an identity.
    #[error("expected an identity such as AGE-SECRET-KEY-PQ-1…, found other text; give the identity file")]
    Identity,
    /// The point of the recipient is of small order: everyone could open what is sealed to it.
    #[error("expected a sound recipient, found one with a point of small order; make a new identity")]
    Weak,
}

impl Coded for SealKeyError {
    fn code(&self) -> Code {
        Code::KeyMalformed
    }
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
pub fn seal<R: Read, W: Write>(
    mut reader: R,
    recipients: &[Recipient],
    entropy: &mut dyn Entropy,
    mut writer: W,
) -> Result<u64, SealError> {
    let key = FileKey::generate(entropy)?;
    writer.write_all(&header(&key, recipients, entropy)?).map_err(SealError::Write)?;
    let mut payload = PayloadWriter::new(writer, &key, entropy)?;
    let length = payload.fill_from(&mut reader)?;
    payload.finish()?.flush().map_err(SealError::Write)?;
    Ok(length)
}

/// Opens a whole file into `writer`; returns the plaintext's length in bytes. Memory is constant.
///
/// Each chunk is written only after it was authenticated, so what was written before an error is a genuine beginning,
/// but only a beginning: discard it.
///
/// # Errors
/// [`OpenError`]
pub fn open<R: Read, W: Write>(reader: R, identity: &Identity, writer: W) -> Result<u64, OpenError> {
    let mut reader = BufReader::new(reader);
    let header = read_header(&mut reader)?;
    open_with_header(&header, reader, identity, writer)
}

/// Opens a payload whose header came separately, as a released result's does; otherwise like [`open`].
///
/// # Errors
/// [`OpenError`]
pub fn open_with_header<R: Read, W: Write>(
    header: &[u8],
    mut payload: R,
    identity: &Identity,
    mut writer: W,
) -> Result<u64, OpenError> {
    let key = file_key(header, identity)?;
    let length = payload::open(&mut payload, &key, &mut writer)?;
    writer.flush().map_err(OpenError::Write)?;
    Ok(length)
}

/// The file key that `header` wraps to `identity`: for wrapping it to others without touching the payload.
///
/// # Errors
/// [`OpenError`] unless `header` is exactly one sound header and `identity` is among its recipients.
pub fn file_key(header: &[u8], identity: &Identity) -> Result<FileKey, OpenError> {
    let header = Header::parse(header)?;
    for stanza in &header.stanzas {
        if let Some(key) = identity.unwrap(stanza)? {
            header.authenticate(&key)?;
            return Ok(key);
        }
    }
    Err(OpenError::NotForYou)
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

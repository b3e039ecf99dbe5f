//! What can go wrong with sealed files.

use std::io;

use super::RECIPIENTS_MAX;
use super::passphrase::WORK_MAX;
use crate::code::{Code, Coded};
use crate::entropy::EntropyError;

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
    /// More recipients than are read of a stranger's file.
    #[error(
        "expected a file sealed to at most {RECIPIENTS_MAX} recipients, found more; open it with `age` if you trust its maker, and seal it again"
    )]
    TooManyRecipients,
    /// Text armour, which assets and results never use.
    #[error("expected a binary age file, found an armoured one; convert it with `age`")]
    Armour,
    /// A passphrase, where a key is expected: always on an agent.
    #[error(
        "expected a file sealed to keys, found one under a passphrase; give the passphrase, or seal it to a recipient"
    )]
    Passphrase,
    /// Trying the passphrase would take more work and memory than is spent on a stranger's file.
    #[error(
        "expected a passphrase's work factor of at most 2^{max}, found 2^{found}; open the file with `age` if you trust it",
        max = WORK_MAX
    )]
    TooMuchWork {
        /// log2 of the work.
        found: u64,
    },
    /// Nothing in the file is for this key; for Cobblestone, the file is under another key or for another asset.
    #[error("expected a file sealed to this key and purpose, found another; ask its maker for whom it is")]
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
            Self::TooManyRecipients | Self::Armour | Self::TooMuchWork { .. } => Code::SealUnsupported,
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
    /// Not the key of an SSH client, or not of the type Ed25519.
    #[error("expected an OpenSSH private key of type ed25519, found something else; give the private key file")]
    Ssh,
    /// An SSH key that a passphrase protects.
    #[error("expected an SSH key without a passphrase, found a protected one; take it off a copy with `ssh-keygen -p`")]
    SshLocked,
    /// Not a symmetric key.
    #[error(
        "expected a key file of exactly 32 bytes, found {found}; make one with `prism seal --codec cobblestone-256`"
    )]
    Symmetric {
        /// How many bytes there were.
        found: usize,
    },
    /// The point of the recipient is of small order: everyone could open what is sealed to it.
    #[error("expected a sound recipient, found one with a point of small order; make a new identity")]
    Weak,
}

impl Coded for SealKeyError {
    fn code(&self) -> Code {
        Code::KeyMalformed
    }
}

//! One endorsement, where it came from, and when it may be believed.

use prism_core::UnixSeconds;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;

use super::content::{self, Content};
use super::key::EndorsementKey;
use crate::endorsements::{COLLATERAL_MAX, ENDORSEMENT_MAX};
use crate::window::Window;

/// Longest address in bytes.
const SOURCE_MAX: usize = 1024;

/// What a vendor answered: the bytes as they came, and the signer's certificates where they come beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an answer has a body and its signer")]
pub struct Answer {
    /// The body: DER of a certificate or list, PEM of a chain, or Intel's signed JSON.
    pub bytes: Vec<u8>,
    /// The signer's certificate and the root (PEM), for what Intel signs.
    pub issuers: Option<Vec<u8>>,
}

/// Where an endorsement came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "where and when")]
pub struct Origin {
    /// The address that was asked, or another word for the source.
    pub source: String,
    /// Unix time in seconds.
    pub fetched_at: UnixSeconds,
}

/// One endorsement in a bundle. It has the form of its kind and is about what its key says; whether the vendor signed
/// it is for verification to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    key: EndorsementKey,
    answer: Answer,
    origin: Origin,
    content: Content,
}

impl Entry {
    /// Takes an answer that has the form of its kind and is about what the key says.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn new(key: EndorsementKey, answer: Answer, origin: Origin) -> Result<Self, EntryError> {
        let limit = if key.is_of_amd() { ENDORSEMENT_MAX } else { COLLATERAL_MAX };
        for part in [Some(&answer.bytes), answer.issuers.as_ref()].into_iter().flatten() {
            if part.is_empty() || part.len() > limit {
                return Err(EntryError::Size { key: Box::new(key), limit, found: part.len() });
            }
        }
        if origin.source.len() > SOURCE_MAX || !origin.source.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(EntryError::Source { key: Box::new(key) });
        }
        match content::read(&key, &answer) {
            Ok(content) => Ok(Self { key, answer, origin, content }),
            Err(found) => Err(EntryError::Content { key: Box::new(key), found }),
        }
    }

    /// What it is about.
    #[must_use]
    pub const fn key(&self) -> &EndorsementKey {
        &self.key
    }

    /// What the vendor answered.
    #[must_use]
    pub const fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Where it came from.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// When it and its signer's certificates are within the dates written in them.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.content.window
    }

    /// The number that only grows: a revocation list's, or Intel's `tcbEvaluationDataNumber`.
    #[must_use]
    pub const fn number(&self) -> Option<u64> {
        self.content.number
    }

    /// SHA-256 of the answer's bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::sha256(&self.answer.bytes)
    }

    /// Whether this one was made after `other`; of equals, neither.
    pub(super) fn is_newer_than(&self, other: &Self) -> bool {
        let age = |entry: &Self| (entry.number(), entry.content.issued, entry.origin.fetched_at);
        age(self) > age(other)
    }
}

impl EndorsementKey {
    /// Whether AMD signs it.
    #[must_use]
    pub const fn is_of_amd(&self) -> bool {
        matches!(self, Self::AmdChain { .. } | Self::Vcek { .. } | Self::Vlek { .. } | Self::AmdCrl { .. })
    }
}

/// Why an answer cannot be an endorsement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Empty or too large.
    #[error("expected 1 to {limit} bytes for {key}, found {found}; fetch it again")]
    Size {
        /// What it should be about.
        key: Box<EndorsementKey>,
        /// The largest size in bytes.
        limit: usize,
        /// The number of bytes found.
        found: usize,
    },
    /// The address is too long or not printable.
    #[error("expected at most {SOURCE_MAX} printable characters as the source of {key}, found another text")]
    Source {
        /// What it is about.
        key: Box<EndorsementKey>,
    },
    /// The bytes are not what the key says.
    #[error("expected the endorsement {key}, found {found}; fetch it again, or from the vendor itself")]
    Content {
        /// What it should be about.
        key: Box<EndorsementKey>,
        /// What was found instead.
        found: &'static str,
    },
}

impl Coded for EntryError {
    fn code(&self) -> Code {
        Code::FileMalformed
    }
}

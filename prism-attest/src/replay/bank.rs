use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Algorithm, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use serde::{Serialize, Serializer};

use super::EventLogError;

/// A hash algorithm and the registers that are extended with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bank {
    /// SHA-1, which proves nothing against a forger; for reading old logs.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384, the one of TDX.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Bank {
    /// Every bank that can be replayed.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The word for it on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// `TPM_ALG_ID` (TCG Algorithm Registry, table 3).
    #[must_use]
    pub const fn algorithm(self) -> u16 {
        match self {
            Self::Sha1 => 0x4,
            Self::Sha256 => 0xb,
            Self::Sha384 => 0xc,
            Self::Sha512 => 0xd,
        }
    }

    /// Length of its digests in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The bank of a `TPM_ALG_ID`.
    pub(super) fn of(algorithm: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|bank| bank.algorithm() == algorithm)
    }

    pub(super) fn hash(self, bytes: &[u8]) -> Digest {
        digest(self.function(), bytes)
    }

    pub(super) const fn function(self) -> &'static Algorithm {
        match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }
}

impl fmt::Display for Bank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Bank {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl FromStr for Bank {
    type Err = EventLogError;

    fn from_str(text: &str) -> Result<Self, EventLogError> {
        Self::ALL.into_iter().find(|bank| bank.name() == text).ok_or(EventLogError::UnknownBank)
    }
}

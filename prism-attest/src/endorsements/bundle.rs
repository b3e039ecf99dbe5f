//! One offline file of endorsements for as many machines as one has: each with its key, source, window and digest.
//!
//! Nothing is believed because it is in a bundle: [`Bundle::select`] only chooses, and verification begins at a pinned
//! root. What a bundle adds is order: [`Bundle::check`] says what is current, and a list or judgement never gives way
//! to an older one. Whoever gathers from strangers asks [`Authorities::check`] first, so that a number that nobody signed
//! outranks nothing.

mod content;
mod entry;
mod file;
mod key;
mod machine;
mod select;
mod signed;

use prism_core::UnixSeconds;
use prism_core::code::{Code, Coded};
use prism_core::strict::JsonError;
use serde::Serialize;

pub use self::entry::{Answer, Entry, EntryError, Origin};
pub use self::key::{AmdSigner, EndorsementKey, KeyTextError, PckCa, chip_text, parse_chip, parse_tcb, tcb_text};
pub use self::machine::MachineError;
pub use self::select::{MissingEndorsement, SelectError};
pub use self::signed::{Authorities, UnsignedError};
use crate::window::Window;

/// Longest file in bytes.
pub const BUNDLE_MAX: usize = 8 * 1024 * 1024;

/// Most entries.
pub const BUNDLE_ENTRIES_MAX: usize = 4096;

/// Endorsements by key, in the order of their keys' texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle(Vec<Entry>);

/// What [`Bundle::check`] finds out about one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BundleFinding {
    /// Which entry, as text.
    pub key: String,
    /// Whether its window contains the time.
    pub current: bool,
    /// When it may be believed.
    pub window: Window,
    /// The number that only grows, of lists and judgements that have one.
    pub number: Option<u64>,
}

impl Bundle {
    /// A bundle without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Reads the file form. Every entry must have the form of its kind, its stated window and its stated digest.
    ///
    /// # Errors
    /// [`BundleError`] for anything that is not exactly what [`to_bytes`](Self::to_bytes) writes.
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        file::read(bytes)
    }

    /// The file form: strict JSON with base64. Equal bundles give equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        file::write(self)
    }

    /// Whether a file says that it is a bundle, whatever else it holds.
    pub(super) fn is_meant_by(bytes: &[u8]) -> bool {
        file::is_meant_by(bytes)
    }

    /// The entries in the order of their keys' texts.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The entry about this.
    #[must_use]
    pub fn get(&self, key: &EndorsementKey) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key() == key)
    }

    /// Takes an entry in, in place of an older one about the same. An entry that is not newer than the one there
    /// changes nothing.
    ///
    /// # Errors
    /// [`MergeError`] when the entry's number is below that of the one there, or the bundle is full; nothing is changed
    /// then.
    pub fn add(&mut self, entry: Entry) -> Result<(), MergeError> {
        self.check_add(&entry)?;
        self.insert(entry);
        Ok(())
    }

    /// Takes all entries of another bundle in, as [`add`](Self::add) does.
    ///
    /// # Errors
    /// [`MergeError`] when any of them is refused; nothing is changed then.
    pub fn merge(&mut self, other: Self) -> Result<(), MergeError> {
        let mut merged = self.clone();
        for entry in other.0 {
            merged.add(entry)?;
        }
        *self = merged;
        Ok(())
    }

    /// When every entry may be believed; all of time for an empty bundle.
    #[must_use]
    pub fn window(&self) -> Window {
        self.0.iter().fold(Window::ALWAYS, |window, entry| window.intersect(entry.window()))
    }

    /// Each entry's window, and whether it contains `now`.
    #[must_use]
    pub fn check(&self, now: UnixSeconds) -> Vec<BundleFinding> {
        let finding = |entry: &Entry| BundleFinding {
            key: entry.key().to_string(),
            current: entry.window().contains(now),
            window: entry.window(),
            number: entry.number(),
        };
        self.0.iter().map(finding).collect()
    }

    fn check_add(&self, entry: &Entry) -> Result<(), MergeError> {
        let Some(there) = self.get(entry.key()) else {
            return if self.0.len() < BUNDLE_ENTRIES_MAX { Ok(()) } else { Err(MergeError::Full) };
        };
        match (there.number(), entry.number()) {
            (Some(known), found) if found.is_none_or(|found| found < known) => {
                Err(MergeError::Lower { key: Box::new(entry.key().clone()), known, found: found.unwrap_or_default() })
            }
            _ => Ok(()),
        }
    }

    fn insert(&mut self, entry: Entry) {
        let text = entry.key().to_string();
        match self.0.binary_search_by_key(&text, |there| there.key().to_string()) {
            Ok(at) => {
                if let Some(there) = self.0.get_mut(at).filter(|there| entry.is_newer_than(there)) {
                    *there = entry;
                }
            }
            Err(at) => self.0.insert(at, entry),
        }
    }
}

/// Why an entry does not become part of a bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// Its number is lower than that of the entry there: somebody hands out old lists or judgements.
    #[error(
        "expected number {known} or a later one of {key}, found {found}; somebody hands out old ones, ask the vendor itself"
    )]
    Lower {
        /// What it is about.
        key: Box<EndorsementKey>,
        /// The number of the entry there.
        known: u64,
        /// The number found; 0 stands for none.
        found: u64,
    },
    /// There are as many entries as there may be.
    #[error(
        "expected at most {BUNDLE_ENTRIES_MAX} entries in a bundle, found more; use one for each group of machines"
    )]
    Full,
}

impl Coded for MergeError {
    fn code(&self) -> Code {
        match self {
            Self::Lower { .. } => Code::EndorsementsRolledBack,
            Self::Full => Code::LimitReached,
        }
    }
}

/// Why a file is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not the strict JSON of this form.
    #[error("expected a bundle of endorsements, found something else ({0}); fetch it again")]
    Json(#[from] JsonError),
    /// Another version of the form.
    #[error("expected version 1 of a bundle, found version {found}; a newer Prism may read it")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A key is none, or not of the stated kind.
    #[error("expected the key of an endorsement, found another text for entry {at}; fetch the bundle again")]
    Key {
        /// Which entry, counted from 0.
        at: usize,
    },
    /// Bytes are not base64.
    #[error("expected base64 in the entry {key}, found something else; fetch the bundle again")]
    Base64 {
        /// Which entry.
        key: Box<EndorsementKey>,
    },
    /// More than one chain of issuers.
    #[error("expected at most one chain of issuers in the entry {key}, found more; fetch the bundle again")]
    Issuers {
        /// Which entry.
        key: Box<EndorsementKey>,
    },
    /// An entry is not of the form of its kind.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Bytes do not have the stated digest.
    #[error("expected the stated digest of {key}, found other bytes; the file was damaged: fetch it again")]
    Digest {
        /// Which entry.
        key: Box<EndorsementKey>,
    },
    /// The stated window is not the one in the bytes.
    #[error("expected the stated window of {key}, found other dates in it; the file was damaged: fetch it again")]
    Window {
        /// Which entry.
        key: Box<EndorsementKey>,
    },
    /// Entries are not in order, or one key is there twice.
    #[error("expected each key once and in order, found {key} out of place; fetch the bundle again")]
    Order {
        /// Which entry.
        key: Box<EndorsementKey>,
    },
    /// The digest over all entries differs.
    #[error("expected the stated digest of all entries, found others; the file was damaged: fetch it again")]
    Damaged,
    /// Too many entries.
    #[error(transparent)]
    Merge(#[from] MergeError),
}

impl Coded for BundleError {
    fn code(&self) -> Code {
        Code::FileMalformed
    }
}

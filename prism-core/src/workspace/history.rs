//! The history: every accepted request with its outcome, chained by digest.
//!
//! Whoever has the entries recomputes the workspace from them. An entry that was altered, dropped, moved or added twice
//! breaks the chain, a signature, a number or an outcome. What a history alone cannot show is that it is all there is:
//! its end may be missing, and another history may have been shown to others. Members therefore keep the last [`Head`]
//! that they saw and compare heads with one another.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::refusal::Refusal;
use super::request::{RequestError, SignedRequest};
use super::state::Workspace;
use crate::UnixSeconds;
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::envelope::ENVELOPE_MAX;
use crate::name::Name;
use crate::strict::{self, JsonError};

/// Longest entry in bytes: an envelope as JSON text, and what stands around it.
pub const ENTRY_MAX: usize = 2 * ENVELOPE_MAX;
/// Most entries of one history.
pub const ENTRIES_MAX: usize = 1 << 20;

const START: &[u8] = b"prism.history/v1\0";

/// How long a history is and what its last entry's digest is: all that somebody has to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these parts")]
pub struct Head {
    /// The workspace.
    pub workspace: Name,
    /// The number of entries.
    pub size: u64,
    /// The digest of the last entry.
    pub digest: Digest,
}

/// One accepted request and what it brought about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these parts")]
pub struct Entry {
    /// Format tag.
    pub format: EntryFormat,
    /// Its place, from 0.
    pub seq: u64,
    /// When it was accepted, Unix time in seconds by the courier's clock; near the time that its signer names.
    pub ts: UnixSeconds,
    /// The digest of the entry before, or of the workspace's name for the first.
    pub previous: Digest,
    /// The envelope's JSON as text.
    pub request: String,
    /// What it brought about.
    pub outcome: Outcome,
}

/// The entry's format tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EntryFormat {
    /// Version 1.
    #[serde(rename = "prism.workspace-entry/v1")]
    V1,
}

/// What a request brought about, for those who read a history without recomputing it; recomputing compares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these parts")]
pub struct Outcome {
    /// The organisation that acted, if the workspace knows it afterwards.
    pub by: Option<Name>,
    /// The action's word.
    pub act: String,
    /// The computation's stage afterwards, if it is about one that is still there.
    pub stage: Option<String>,
    /// The run's phase afterwards, as its agent signed it, if there is a run.
    pub phase: Option<String>,
    /// How many members there are afterwards.
    pub members: u64,
}

/// Why a history is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// Not an entry.
    #[error("expected entry {seq} of a workspace's history, found something else; fetch the history again: {source}")]
    Json {
        /// The place.
        seq: u64,
        /// What is wrong.
        source: JsonError,
    },
    /// The same content in another text.
    #[error("expected entry {seq} in its one canonical form, found another text; it was changed after it was written")]
    NotCanonical {
        /// The place.
        seq: u64,
    },
    /// An entry stands elsewhere, or others are missing before it.
    #[error(
        "expected entry {seq} to follow the entry before it, found another; entries were dropped, moved or altered"
    )]
    Chain {
        /// The place.
        seq: u64,
    },
    /// A request that its key did not sign.
    #[error("expected a signed request in entry {seq}, found another; the history was forged: {source}")]
    Request {
        /// The place.
        seq: u64,
        /// What is wrong with it.
        source: RequestError,
    },
    /// A request that should have been refused.
    #[error(
        "expected a request that is allowed in entry {seq}, found one that is not; the history was forged: {source}"
    )]
    Refused {
        /// The place.
        seq: u64,
        /// Why it should have been refused.
        source: Box<Refusal>,
    },
    /// The outcome is another than the recomputed one.
    #[error("expected the recomputed outcome in entry {seq}, found another; the history was forged")]
    Outcome {
        /// The place.
        seq: u64,
    },
    /// There is no entry at all.
    #[error("expected a history with its beginning, found no entry; fetch it again")]
    Empty,
    /// More entries than [`ENTRIES_MAX`].
    #[error("expected at most {ENTRIES_MAX} entries, found more; begin another workspace")]
    TooLong,
    /// The history does not contain a head that was seen before.
    #[error("expected the history that had {size} entries before, found another; the courier tells different stories")]
    Forked {
        /// How long the other one was.
        size: u64,
    },
    /// The history is shorter than it was before.
    #[error("expected at least {expected} entries, found {found}; the courier hides the end of the history")]
    Truncated {
        /// How long it was.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// The entry could not be written as JSON.
    #[error("expected an entry that can be written as JSON of at most {ENTRY_MAX} bytes, found another")]
    Unwritable,
}

impl Coded for HistoryError {
    fn code(&self) -> Code {
        match self {
            Self::Forked { .. } | Self::Truncated { .. } => Code::HistoryForked,
            Self::TooLong => Code::PlanExceeded,
            Self::Unwritable => Code::Internal,
            _ => Code::HistoryInvalid,
        }
    }
}

/// Why a request makes no entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The workspace refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The history takes no entry.
    #[error(transparent)]
    History(#[from] HistoryError),
}

impl Coded for AcceptError {
    fn code(&self) -> Code {
        match self {
            Self::Refused(error) => error.code(),
            Self::History(error) => error.code(),
        }
    }
}

impl Entry {
    /// The entry's bytes, as they are stored and chained.
    ///
    /// # Errors
    /// [`HistoryError::Unwritable`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, HistoryError> {
        let bytes = serde_json::to_vec(self).map_err(|_| HistoryError::Unwritable)?;
        if bytes.len() <= ENTRY_MAX { Ok(bytes) } else { Err(HistoryError::Unwritable) }
    }

    /// Reads stored bytes, of which nothing is believed before [`History::push`]. `seq` is where they stand.
    ///
    /// # Errors
    /// [`HistoryError`] for anything but what [`to_bytes`](Self::to_bytes) writes.
    pub fn read(bytes: &[u8], seq: u64) -> Result<Self, HistoryError> {
        let entry: Self = strict::read(bytes, ENTRY_MAX).map_err(|source| HistoryError::Json { seq, source })?;
        if entry.to_bytes()? == bytes { Ok(entry) } else { Err(HistoryError::NotCanonical { seq }) }
    }
}

/// A history that was recomputed from its first entry on, and the workspace that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    workspace: Workspace,
    digests: Vec<Digest>,
}

impl History {
    /// Begins a workspace with the request that creates it; returns the first entry's bytes too.
    ///
    /// # Errors
    /// [`AcceptError`] when the request creates none.
    pub fn begin(signed: &SignedRequest, now: UnixSeconds) -> Result<(Self, Vec<u8>), AcceptError> {
        let workspace = Workspace::begin(signed, now)?;
        let entry = entry(&workspace, signed, (0, now, start(workspace.id())));
        let bytes = entry.to_bytes()?;
        let digests = vec![Digest::sha256(&bytes)];
        Ok((Self { workspace, digests }, bytes))
    }

    /// Does what a request asks for and returns the entry to be stored. A refusal changes nothing.
    ///
    /// # Errors
    /// [`AcceptError`] says why not.
    pub fn accept(&mut self, signed: &SignedRequest, now: UnixSeconds) -> Result<Vec<u8>, AcceptError> {
        if self.digests.len() >= ENTRIES_MAX {
            return Err(HistoryError::TooLong.into());
        }
        let mut next = self.workspace.clone();
        next.take(signed, now)?;
        let bytes = entry(&next, signed, (self.size(), now, self.head().digest)).to_bytes()?;
        self.workspace = next;
        self.digests.push(Digest::sha256(&bytes));
        Ok(bytes)
    }

    /// Recomputes a history from all of its entries, the oldest first.
    ///
    /// # Errors
    /// [`HistoryError`] names the first entry that does not hold.
    pub fn replay<B: AsRef<[u8]>>(entries: impl IntoIterator<Item = B>) -> Result<Self, HistoryError> {
        let mut entries = entries.into_iter();
        let first = entries.next().ok_or(HistoryError::Empty)?;
        let mut history = Self::first(first.as_ref())?;
        for bytes in entries {
            history.follow(bytes.as_ref())?;
        }
        Ok(history)
    }

    /// Takes the next entry, if it holds. One that does not changes nothing.
    ///
    /// # Errors
    /// [`HistoryError`] says what does not hold.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), HistoryError> {
        let mut next = self.clone();
        next.follow(bytes)?;
        *self = next;
        Ok(())
    }

    fn first(bytes: &[u8]) -> Result<Self, HistoryError> {
        let (found, signed) = read(bytes, 0)?;
        let workspace = Workspace::begin(&signed, found.ts)
            .map_err(|source| HistoryError::Refused { seq: 0, source: Box::new(source) })?;
        compare(&found, &entry(&workspace, &signed, (0, found.ts, start(workspace.id()))))?;
        Ok(Self { workspace, digests: vec![Digest::sha256(bytes)] })
    }

    fn follow(&mut self, bytes: &[u8]) -> Result<(), HistoryError> {
        if self.digests.len() >= ENTRIES_MAX {
            return Err(HistoryError::TooLong);
        }
        let (seq, previous) = (self.size(), self.head().digest);
        let (found, signed) = read(bytes, seq)?;
        if (found.seq, found.previous) != (seq, previous) {
            return Err(HistoryError::Chain { seq });
        }
        let refused = |source| HistoryError::Refused { seq, source: Box::new(source) };
        self.workspace.take(&signed, found.ts).map_err(refused)?;
        compare(&found, &entry(&self.workspace, &signed, (seq, found.ts, previous)))?;
        self.digests.push(Digest::sha256(bytes));
        Ok(())
    }

    /// The workspace that the history makes.
    #[must_use]
    pub const fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// The number of entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.digests.iter().map(|_| 1_u64).sum()
    }

    /// What to keep, and to compare with what others keep.
    #[must_use]
    pub fn head(&self) -> Head {
        let workspace = self.workspace.id().clone();
        let digest = self.digests.last().copied().unwrap_or_else(|| start(&workspace));
        Head { workspace, size: self.size(), digest }
    }

    /// Refuses a history that does not continue what somebody saw before.
    ///
    /// # Errors
    /// [`HistoryError::Truncated`] when it is shorter, [`HistoryError::Forked`] when it is another.
    pub fn require_continues(&self, seen: &Head) -> Result<(), HistoryError> {
        if seen.size > self.size() {
            return Err(HistoryError::Truncated { expected: seen.size, found: self.size() });
        }
        let index = seen.size.checked_sub(1).and_then(|last| usize::try_from(last).ok());
        let same = index.and_then(|index| self.digests.get(index)) == Some(&seen.digest);
        let same = same && &seen.workspace == self.workspace.id();
        if same { Ok(()) } else { Err(HistoryError::Forked { size: seen.size }) }
    }
}

/// The digest that the first entry follows.
fn start(workspace: &Name) -> Digest {
    Digest::sha256(&[START, workspace.as_str().as_bytes()].concat())
}

fn read(bytes: &[u8], seq: u64) -> Result<(Entry, SignedRequest), HistoryError> {
    let entry = Entry::read(bytes, seq)?;
    let signed = SignedRequest::read(entry.request.as_bytes());
    Ok((entry, signed.map_err(|source| HistoryError::Request { seq, source })?))
}

fn compare(found: &Entry, expected: &Entry) -> Result<(), HistoryError> {
    let seq = expected.seq;
    match (found == expected, found.outcome == expected.outcome) {
        (true, _) => Ok(()),
        (false, true) => Err(HistoryError::Chain { seq }),
        (false, false) => Err(HistoryError::Outcome { seq }),
    }
}

/// The entry of a request that has been carried out.
fn entry(after: &Workspace, signed: &SignedRequest, at: (u64, UnixSeconds, Digest)) -> Entry {
    let (seq, ts, previous) = at;
    let request = signed.as_str().to_owned();
    let outcome = outcome(after, &signed.request().key.fingerprint(), &signed.request().action);
    Entry { format: EntryFormat::V1, seq, ts, previous, request, outcome }
}

fn outcome(after: &Workspace, key: &Digest, action: &Action) -> Outcome {
    let computation = action.computation().and_then(|name| after.computations().get(name));
    let run = computation.and_then(|found| found.runs.last());
    let members = after.organisations().values().filter(|found| found.is_member()).map(|_| 1_u64);
    Outcome {
        by: after.keys().get(key).map(|record| record.organisation.clone()),
        act: action.act().kind().to_owned(),
        stage: computation.map(|found| found.stage().name().to_owned()),
        phase: run.map(|run| run.phase().name().to_owned()),
        members: members.sum(),
    }
}

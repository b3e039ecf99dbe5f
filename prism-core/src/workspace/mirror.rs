//! What an agent said about a run, believed because the agent signed it.

use std::fmt;
use std::sync::Arc;

use crate::audit::checkpoint::{CheckpointError, SignedCheckpoint, VerifierKey};
use crate::audit::entry::{Entry, EntryError, Outcome};
use crate::audit::tree::{Tree, leaf_hash};
use crate::code::{Code, Coded};
use crate::lifecycle::{Illegal, Phase, State, Terms, step};
use crate::manifest::SignedManifest;

/// Why a report about a run is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The checkpoint is not one that the agent's log signed.
    #[error("expected a checkpoint that the agent's log signed, found another; fetch it from the agent again")]
    Checkpoint(#[from] CheckpointError),
    /// An entry is not one of a log.
    #[error("expected the next entries of the agent's log, found something else; fetch them from the agent again")]
    Entry(#[from] EntryError),
    /// An entry's number is not its place.
    #[error("expected entry {expected} of the agent's log, found number {found}; report what follows the last report")]
    Place {
        /// The place in the log.
        expected: u64,
        /// The number in the entry.
        found: u64,
    },
    /// The checkpoint is over other entries than those reported so far.
    #[error(
        "expected a checkpoint over the {size} entries reported so far, found one over others; report what is missing"
    )]
    OtherEntries {
        /// Entries reported so far, those of this report included.
        size: u64,
    },
    /// An event that could not happen.
    #[error("expected events that the manifest permits, found another; keep the agent's log as evidence")]
    Event(#[from] Illegal),
}

impl Coded for ReportError {
    fn code(&self) -> Code {
        match self {
            Self::Checkpoint(error) => error.code(),
            Self::Entry(error) => error.code(),
            Self::Event(_) | Self::Place { .. } | Self::OtherEntries { .. } => Code::LogInvalid,
        }
    }
}

/// One run's log as far as it was reported.
#[derive(Clone)]
pub struct Mirror {
    key: VerifierKey,
    terms: Arc<Terms>,
    tree: Arc<Tree>,
    state: State,
}

/// Where a run stands, by entries that its agent's log signed. There is no other way to make one than
/// [`Mirror::extend`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPhase {
    mirror: Mirror,
}

impl Mirror {
    /// Nothing is reported yet.
    #[must_use]
    pub fn new(key: VerifierKey, signed: &SignedManifest) -> Self {
        Self { key, terms: Arc::new(Terms::of(signed)), tree: Arc::new(Tree::new()), state: State::default() }
    }

    /// Verifies the next entries: each in its place and permitted, all of them under a checkpoint that the log signed.
    ///
    /// # Errors
    /// [`ReportError`] says what does not hold; this mirror stays as it is.
    pub fn extend(&self, entries: &[String], checkpoint: &str) -> Result<VerifiedPhase, ReportError> {
        let head = SignedCheckpoint::read(checkpoint.as_bytes())?.verify(&self.key)?;
        let (mut tree, mut state) = (Tree::clone(&self.tree), self.state.clone());
        for text in entries {
            let entry = Entry::read(text.as_bytes())?;
            if entry.seq != tree.size() {
                return Err(ReportError::Place { expected: tree.size(), found: entry.seq });
            }
            state = step(&self.terms, &state, &entry.actor, &entry.event)?.state;
            tree.append(leaf_hash(text.as_bytes()));
        }
        if (head.size(), *head.root()) != (tree.size(), tree.root()) {
            return Err(ReportError::OtherEntries { size: tree.size() });
        }
        let (key, terms) = (self.key.clone(), Arc::clone(&self.terms));
        Ok(VerifiedPhase { mirror: Self { key, terms, tree: Arc::new(tree), state } })
    }

    /// Whether the run is one of this manifest.
    pub(super) fn is_of(&self, manifest: &crate::digest::Digest) -> bool {
        self.terms.manifest() == *manifest
    }

    /// Entries reported so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Where the run stands; [`Phase::Empty`] before the first report.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }
}

impl VerifiedPhase {
    /// Where the run stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.mirror.phase()
    }

    /// How it ended, once the agent closed its log.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.mirror.state.outcome()
    }

    /// How many entries were verified.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.mirror.size()
    }

    pub(super) fn into_mirror(self) -> Mirror {
        self.mirror
    }
}

impl PartialEq for Mirror {
    fn eq(&self, other: &Self) -> bool {
        let heads = (self.tree.size(), self.tree.root()) == (other.tree.size(), other.tree.root());
        heads && self.key == other.key && self.is_of(&other.terms.manifest()) && self.state == other.state
    }
}

impl Eq for Mirror {}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mirror");
        shown.field("key", &self.key).field("size", &self.tree.size()).field("phase", &self.phase());
        shown.finish_non_exhaustive()
    }
}

//! The one owner of the run's state: the audit log and the state that follows from it.
//!
//! An act is checked by the state machine, logged, and only then does it count: append, tree, checkpoint, state
//! (protocol, section 8). Effects are the caller's to carry out, after this.

use std::collections::BTreeMap;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prism_core::audit::checkpoint::{Checkpoint, LogKey, LogKeyError, SignedCheckpoint, VerifierKey};
use prism_core::audit::entry::{Actor, Entry, EntryError, Event};
use prism_core::audit::proof::Receipt;
use prism_core::audit::tile::{Tile, TileError};
use prism_core::audit::tree::{Tree, TreeHash, leaf_hash};
use prism_core::code::{Code, Coded};
use prism_core::lifecycle::{self, Effect, Illegal, Phase, State, Terms};
use prism_core::name::Name;

use super::store::{LogFile, Place};
use super::upload::disk_code;

/// Why an act did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LedgerError {
    /// The state machine does not permit it.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// It could not be written down.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The log's file could not be written.
    #[error("expected to write the audit log, found an error of the system; check the space on the agent's disk")]
    Disk(#[source] io::Error),
    /// The checkpoint could not be signed; nothing is accepted any more.
    #[error("expected to sign the audit log, found a failure; the agent accepts nothing more and has to be replaced")]
    Unsigned(#[source] LogKeyError),
    /// The log was broken before.
    #[error("expected a working audit log, found a broken one; the agent accepts nothing more and has to be replaced")]
    Broken,
}

impl Coded for LedgerError {
    fn code(&self) -> Code {
        match self {
            Self::Illegal(illegal) => illegal.code(),
            Self::Disk(error) => disk_code(error.kind()),
            Self::Entry(_) | Self::Unsigned(_) | Self::Broken => Code::Internal,
        }
    }
}

/// Signed word that an act was logged.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    /// C2SP tlog-proof text.
    pub(crate) proof: String,
    /// The entry's bytes.
    pub(crate) entry: Bytes,
}

/// An entry as watchers see it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The entry's bytes.
    pub(crate) entry: Bytes,
    /// Where the run stood after it.
    pub(crate) phase: Phase,
}

/// Log and state of one computation.
pub(crate) struct Ledger {
    terms: Terms,
    state: State,
    key: LogKey,
    file: LogFile,
    tree: Tree,
    lines: Vec<Line>,
    head: SignedCheckpoint,
    accepted: BTreeMap<Name, u64>,
    released: BTreeMap<Name, u64>,
    broken: bool,
}

impl Ledger {
    /// Begins a log that nothing is in yet.
    pub(crate) fn begin(terms: Terms, key: LogKey, file: LogFile) -> Result<Self, LedgerError> {
        let tree = Tree::new();
        let head = key.sign(&Checkpoint::new(key.verifier().name(), &tree)).map_err(LedgerError::Unsigned)?;
        let state = State::default();
        let (accepted, released) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { terms, state, key, file, tree, lines: Vec::new(), head, accepted, released, broken: false })
    }

    /// What was agreed.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What has happened.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Number of entries.
    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The newest signed head.
    pub(crate) fn head(&self) -> &SignedCheckpoint {
        &self.head
    }

    /// The key that signs the heads.
    pub(crate) fn key(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Whether an act would be permitted now; changes nothing.
    pub(crate) fn permits(&self, actor: &Actor, event: &Event) -> Result<(), Illegal> {
        lifecycle::step(&self.terms, &self.state, actor, event).map(|_| ())
    }

    /// Logs an act that the state machine permits and takes the state that follows. The effects are yet to be carried out.
    pub(crate) fn commit(&mut self, actor: Actor, event: Event) -> Result<(u64, Vec<Effect>), LedgerError> {
        if self.broken {
            return Err(LedgerError::Broken);
        }
        let step = lifecycle::step(&self.terms, &self.state, &actor, &event)?;
        let index = self.tree.size();
        let (accepted, released) = match &event {
            Event::AssetAccepted(body) => (Some(body.asset.clone()), None),
            Event::KeyReleased(body) => (None, Some(body.asset.clone())),
            _ => (None, None),
        };
        let place = if ends(&event) || matches!(event, Event::RunExit(_)) { Place::Last } else { Place::Ordinary };
        let bytes = Entry { seq: index, ts: now_ms(), actor, event }.to_bytes()?;
        self.file.append(&bytes, place).map_err(LedgerError::Disk)?;
        self.tree.append(leaf_hash(&bytes));
        self.sign()?;
        self.lines.push(Line { entry: bytes.into(), phase: step.state.phase() });
        self.accepted.extend(accepted.map(|asset| (asset, index)));
        self.released.extend(released.map(|asset| (asset, index)));
        self.state = step.state;
        Ok((index, step.effects))
    }

    fn sign(&mut self) -> Result<(), LedgerError> {
        let checkpoint = Checkpoint::new(self.key.verifier().name(), &self.tree);
        self.head = self.key.sign(&checkpoint).map_err(|error| {
            self.broken = true;
            LedgerError::Unsigned(error)
        })?;
        if let Err(error) = self.file.keep_checkpoint(self.head.as_str()) {
            // A successor would report fewer entries; nothing that was promised depends on it.
            tracing::warn!(%error, "the newest checkpoint could not be kept on disk");
        }
        Ok(())
    }

    /// The receipt of the entry at `index` under the newest head.
    pub(crate) fn receipt(&self, index: u64) -> Option<Signed> {
        let entry = self.line(index)?.entry.clone();
        let path = self.tree.inclusion_path(index, self.size()).ok()?;
        Some(Signed { proof: Receipt::new(index, path, self.head.clone()).to_text(), entry })
    }

    /// The receipt of the entry that accepted `asset`, if there is one.
    pub(crate) fn accepted(&self, asset: &Name) -> Option<Signed> {
        self.receipt(*self.accepted.get(asset)?)
    }

    /// The receipt of the entry that released the key of `asset`, as long as the agent holds it.
    pub(crate) fn released(&self, asset: &Name) -> Option<Signed> {
        let index = self.released.get(asset).filter(|_| self.state.key_released(asset))?;
        self.receipt(*index)
    }

    /// The receipt of the last entry, once the log is closed.
    pub(crate) fn end(&self) -> Option<Signed> {
        self.state.outcome().and_then(|_| self.receipt(self.size().checked_sub(1)?))
    }

    /// The entry at `index`.
    pub(crate) fn line(&self, index: u64) -> Option<&Line> {
        self.lines.get(usize::try_from(index).ok()?)
    }

    /// Every entry.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The path that shows that the newest head extends the one of `known` entries; empty when there was none such.
    pub(crate) fn consistency(&self, known: u64) -> Vec<TreeHash> {
        if known == 0 { Vec::new() } else { self.tree.consistency_path(known, self.size()).unwrap_or_default() }
    }

    /// The bytes of a tile.
    pub(crate) fn tile(&self, tile: &Tile) -> Result<Vec<u8>, TileError> {
        match tile {
            Tile::Hashes(hashes) => hashes.write(&self.tree),
            Tile::Entries(bundle) => {
                bundle.write(bundle.entries().map_while(|index| self.line(index)).map(|line| line.entry.as_ref()))
            }
            _ => Err(TileError::Path),
        }
    }
}

/// Whether an act ends the computation whatever came before it.
pub(crate) const fn ends(event: &Event) -> bool {
    matches!(event, Event::Stop(_) | Event::Error(_) | Event::LogClose(_))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

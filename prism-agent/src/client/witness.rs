//! One party's eye on one log: every head has to continue the one seen before.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use prism_core::audit::checkpoint::{SignedCheckpoint, VerifierKey};
use prism_core::audit::tree::{Tree, TreeError, TreeHash};
use prism_core::digest::Digest;

use super::memory::Remembered;
use super::{CheckpointStore, LogError, Receipt};
use crate::wire::CheckpointResponse;

/// How often a head that has to be compared may find the log grown before it was.
const COMPARISONS: usize = 16;

/// The log of one boot of an agent, as this client has seen it.
#[derive(Debug)]
pub(super) struct Witness {
    manifest: Digest,
    key: VerifierKey,
    store: CheckpointStore,
    newest: Mutex<Option<Remembered>>,
}

/// Whoever can be asked for the newest head and its proof against an older one.
pub(super) trait AskHead {
    /// Asks for the newest head, proven to continue the head of `known_size` entries.
    fn ask_head(&self, known_size: u64) -> impl Future<Output = Result<CheckpointResponse, LogError>> + Send;
}

impl Witness {
    /// Begins with what is remembered of this log.
    pub(super) async fn open(store: CheckpointStore, manifest: Digest, key: VerifierKey) -> Result<Self, LogError> {
        let (of, log) = (store.clone(), key.clone());
        let newest = Mutex::new(blocking(move || of.of(manifest, &log)).await?);
        Ok(Self { manifest, key, store, newest })
    }

    /// The key of the log.
    pub(super) const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// The newest head that was verified.
    pub(super) fn newest(&self) -> Option<Remembered> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of entries that the newest head covers.
    pub(super) fn known_size(&self) -> u64 {
        self.newest().map_or(0, |seen| seen.head.size())
    }

    /// Verifies a head that was asked for as the continuation of `known`, and remembers it.
    pub(super) async fn advance(
        self: &Arc<Self>,
        known: Option<Remembered>,
        text: &str,
        path: &[Bytes],
    ) -> Result<Remembered, LogError> {
        let signed = SignedCheckpoint::read(text.as_bytes())?;
        let head = signed.verify(&self.key)?;
        if let Some(known) = known {
            let path = hashes(path)?;
            if let Err(source) = head.verify_continues(&known.head, &path) {
                return Err(self.forked(known, signed, source).await);
            }
        }
        let seen = Remembered { key: self.key.clone(), signed, head };
        self.remember(seen.clone()).await?;
        Ok(seen)
    }

    /// Verifies a receipt's head against the log's present one, and both against what was seen before.
    pub(super) async fn settle(self: &Arc<Self>, receipt: &Receipt, agent: &impl AskHead) -> Result<(), LogError> {
        let checkpoint = receipt.proof().checkpoint();
        let head = checkpoint.verify(&self.key)?;
        let of_receipt = Remembered { key: self.key.clone(), signed: checkpoint.clone(), head };
        for _ in 0..COMPARISONS {
            let known = self.newest();
            let answer = agent.ask_head(self.known_size()).await?;
            let newest = self.advance(known, &answer.checkpoint, &answer.consistency).await?;
            if newest.head.size() == of_receipt.head.size() {
                return self.same(&of_receipt, newest).await;
            }
            let answer = agent.ask_head(of_receipt.head.size()).await?;
            let continued = self.advance(Some(of_receipt.clone()), &answer.checkpoint, &answer.consistency).await?;
            if continued.head.size() == newest.head.size() {
                return self.same(&continued, newest).await;
            }
        }
        Err(LogError::Restless)
    }

    /// Verifies a head by all the entries below it, compares them with what was seen before, and remembers the head.
    pub(super) async fn prove(self: &Arc<Self>, tree: &Tree, signed: SignedCheckpoint) -> Result<(), LogError> {
        let head = signed.verify(&self.key)?;
        if tree.root_at(head.size()).as_ref() != Some(head.root()) {
            return Err(LogError::Malformed { expected: "entries that lead to the signed head" });
        }
        let contradicted = |seen: &Remembered| {
            let root = tree.root_at(seen.head.size());
            root.is_some_and(|root| root != *seen.head.root())
        };
        if let Some(seen) = self.newest().filter(contradicted) {
            return Err(self.forked(seen, signed, TreeError::Forked).await);
        }
        self.remember(Remembered { key: self.key.clone(), signed, head }).await
    }

    async fn remember(self: &Arc<Self>, seen: Remembered) -> Result<(), LogError> {
        {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            if newest.as_ref().is_none_or(|old| old.head.size() <= seen.head.size()) {
                *newest = Some(seen.clone());
            }
        }
        let (store, manifest) = (self.store.clone(), self.manifest);
        blocking(move || store.keep(manifest, &seen)).await
    }

    /// Keeps both heads and says so.
    async fn forked(&self, known: Remembered, signed: SignedCheckpoint, source: TreeError) -> LogError {
        let (store, manifest) = (self.store.clone(), self.manifest);
        match blocking(move || store.keep_fork(manifest, &known, &signed)).await {
            Ok(kept) => LogError::Forked { kept, source },
            Err(error) => error,
        }
    }

    async fn same(&self, one: &Remembered, other: Remembered) -> Result<(), LogError> {
        if one.head == other.head {
            return Ok(());
        }
        Err(self.forked(one.clone(), other.signed, TreeError::Forked).await)
    }
}

/// Reads the hashes of a path.
pub(super) fn hashes(path: &[Bytes]) -> Result<Vec<TreeHash>, LogError> {
    let read = |hash: &Bytes| hash.as_ref().try_into().ok().map(TreeHash::from_bytes);
    path.iter().map(read).collect::<Option<_>>().ok_or(LogError::Malformed { expected: "hashes of 32 bytes" })
}

/// Runs file work where it does not hold up the runtime.
pub(super) async fn blocking<T: Send + 'static, E: From<LogError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The work neither panics nor is it aborted, but for a runtime that shuts down.
        Err(_) => Err(LogError::Interrupted.into()),
    }
}

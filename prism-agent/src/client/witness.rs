//! One party's eye on one log: every head has to continue the one seen before.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use prism_core::audit::checkpoint::{SignedCheckpoint, VerifierKey};
use prism_core::audit::tree::{Tree, TreeError, TreeHash};
use prism_core::digest::Digest;

use super::memory::Remembered;
use super::{CheckpointStore, LogError, Receipt};
use crate::wire::CheckpointResponse;

/// How often a head that has to be compared may find the log grown before it was. Many participants who come and send
/// at once make it grow for a while; an honest agent's log comes to rest, because what it logs is bounded.
const COMPARISONS: usize = 512;

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

    /// Verifies a head that was asked for as the continuation of `known`, and remembers it.
    pub(super) async fn advance(
        self: &Arc<Self>,
        known: Option<Remembered>,
        text: &str,
        path: &[Bytes],
    ) -> Result<Remembered, LogError> {
        let seen = self.continues(known.as_ref(), text, path).await?;
        self.remember(known.as_ref(), &seen).await?;
        Ok(seen)
    }

    /// Asks for the newest head, verifies it as the continuation of the newest known one and remembers it.
    pub(super) async fn follow(self: &Arc<Self>, agent: &impl AskHead) -> Result<Remembered, LogError> {
        for _ in 0..COMPARISONS {
            let known = self.newest();
            let answer = agent.ask_head(known.as_ref().map_or(0, |known| known.head.size())).await?;
            let seen = self.continues(known.as_ref(), &answer.checkpoint, &answer.consistency).await?;
            if self.remember(known.as_ref(), &seen).await? {
                return Ok(seen);
            }
        }
        Err(LogError::Restless)
    }

    /// Verifies a receipt's head against the log's present one, and both against what was seen before.
    pub(super) async fn settle(self: &Arc<Self>, receipt: &Receipt, agent: &impl AskHead) -> Result<(), LogError> {
        self.agree(receipt.proof().checkpoint().clone(), agent).await
    }

    /// Verifies that a signed head and the newest known one are of one history.
    pub(super) async fn agree(
        self: &Arc<Self>,
        signed: SignedCheckpoint,
        agent: &impl AskHead,
    ) -> Result<(), LogError> {
        let one = Remembered { key: self.key.clone(), head: signed.verify(&self.key)?, signed };
        for _ in 0..COMPARISONS {
            let newest = self.follow(agent).await?;
            if newest.head.size() == one.head.size() {
                return self.same(&one, newest).await;
            }
            let answer = agent.ask_head(one.head.size()).await?;
            // Not remembered: nothing has compared it with the newest head yet.
            let continued = self.continues(Some(&one), &answer.checkpoint, &answer.consistency).await?;
            if continued.head.size() == newest.head.size() {
                return self.same(&continued, newest).await;
            }
        }
        Err(LogError::Restless)
    }

    /// Verifies a head by all the entries below it, which have to reach `known` and agree with it, and remembers it.
    pub(super) async fn prove(
        self: &Arc<Self>,
        tree: &Tree,
        signed: SignedCheckpoint,
        known: Option<&Remembered>,
    ) -> Result<(), LogError> {
        let head = signed.verify(&self.key)?;
        if tree.root_at(head.size()).as_ref() != Some(head.root()) {
            return Err(LogError::Malformed { expected: "entries that lead to the signed head" });
        }
        let seen = Remembered { key: self.key.clone(), signed, head };
        if let Some(known) = known.filter(|known| known.head.size() > tree.size()) {
            let source = TreeError::Truncated { old: known.head.size(), new: tree.size() };
            return Err(self.forked(known.clone(), seen.signed, source).await);
        }
        for _ in 0..COMPARISONS {
            let newest = self.newest();
            self.agrees(tree, &seen, newest.as_ref()).await?;
            if self.remember(newest.as_ref(), &seen).await? {
                return Ok(());
            }
        }
        Err(LogError::Restless)
    }

    /// Whether a tree, proven up to `seen`, has the root that was signed before, as far as the tree reaches.
    async fn agrees(&self, tree: &Tree, seen: &Remembered, known: Option<&Remembered>) -> Result<(), LogError> {
        let Some(known) = known else { return Ok(()) };
        match tree.root_at(known.head.size()) {
            Some(root) if root == *known.head.root() => Ok(()),
            // What lies beyond the signed head is nobody's word: not proof of a fork.
            Some(_) if known.head.size() > seen.head.size() => {
                Err(LogError::Malformed { expected: "entries that lead to the newest signed head" })
            }
            Some(_) => Err(self.forked(known.clone(), seen.signed.clone(), TreeError::Forked).await),
            None => Ok(()),
        }
    }

    /// Verifies a head as the continuation of exactly the head that it was asked for with.
    async fn continues(&self, known: Option<&Remembered>, text: &str, path: &[Bytes]) -> Result<Remembered, LogError> {
        let signed = SignedCheckpoint::read(text.as_bytes())?;
        let head = signed.verify(&self.key)?;
        let seen = Remembered { key: self.key.clone(), signed, head };
        let Some(known) = known else { return Ok(seen) };
        if seen.head.size() == known.head.size() {
            // Two heads of one size speak for themselves, whatever path comes with them.
            self.same(known, seen.clone()).await?;
        }
        let path = hashes(path).map_err(|_| LogError::Unproven { source: None })?;
        match seen.head.verify_continues(&known.head, &path) {
            Ok(()) => Ok(seen),
            Err(source @ (TreeError::Forked | TreeError::Truncated { .. })) => {
                Err(self.forked(known.clone(), seen.signed, source).await)
            }
            Err(source) => Err(LogError::Unproven { source: Some(source) }),
        }
    }

    /// Remembers a head that was compared with `known`; false if something else has become the newest since.
    async fn remember(self: &Arc<Self>, known: Option<&Remembered>, seen: &Remembered) -> Result<bool, LogError> {
        {
            let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
            let newest_head = newest.as_ref().map(|newest| &newest.head);
            if newest_head != known.map(|known| &known.head) {
                // Somebody else has compared the same head.
                return Ok(newest_head == Some(&seen.head));
            }
            if known.is_none_or(|known| known.head.size() <= seen.head.size()) {
                *newest = Some(seen.clone());
            }
        }
        let (store, manifest, seen) = (self.store.clone(), self.manifest, seen.clone());
        blocking(move || store.keep(manifest, &seen)).await?;
        Ok(true)
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

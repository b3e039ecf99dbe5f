//! The log, live: every entry is shown only after a signed head has proven it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::audit::entry::{Entry, Outcome};
use prism_core::audit::tree::{Tree, leaf_hash};
use prism_core::lifecycle::{Phase, State, Terms, step};
use tonic::Streaming;

use super::options::Retries;
use super::session::{Live, Session};
use super::{CallError, LogError, SessionError, bounded};
use crate::wire::{WatchRequest, WatchResponse};

/// Most entries that may wait for a signed head: an honest agent signs long before.
const UNSIGNED_MAX: usize = 4096;

/// One entry of the log, proven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observed {
    /// What happened.
    pub entry: Entry,
    /// The run's state after it, by the rules that everybody runs.
    pub phase: Phase,
    /// The exact bytes that were logged.
    pub bytes: Vec<u8>,
}

/// The entries of the log as they are proven, until the log is closed.
///
/// The whole log is read and recomputed, whatever the first entry wanted: no state is shown on the agent's word alone.
pub struct Watch {
    session: Session,
    terms: Terms,
    from: u64,
    tree: Tree,
    state: State,
    proven: u64,
    unproven: VecDeque<Observed>,
    head: Option<SignedCheckpoint>,
    stream: Option<(Arc<Live>, Streaming<WatchResponse>)>,
    retries: Retries,
    over: bool,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("size", &self.tree.size()).finish_non_exhaustive()
    }
}

impl Session {
    /// Watches the log from an entry on. Dropping the watch stops watching and nothing else.
    #[must_use]
    pub fn watch(&self, from: u64) -> Watch {
        Watch {
            terms: Terms::of(self.manifest()),
            session: self.clone(),
            from,
            tree: Tree::new(),
            state: State::default(),
            proven: 0,
            unproven: VecDeque::new(),
            head: None,
            stream: None,
            retries: self.retries(),
            over: false,
        }
    }
}

impl Watch {
    /// The run's state after the last entry that was shown or is about to be.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// How the computation ended, once the log is closed.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.state.outcome()
    }

    /// The next entry; `None` when the log is closed, or after an error.
    pub async fn next(&mut self) -> Option<Result<Observed, SessionError>> {
        loop {
            if let Some(observed) = self.take_proven() {
                if observed.entry.seq >= self.from {
                    return Some(Ok(observed));
                }
                continue;
            }
            if self.over || (self.state.phase() == Phase::Closed && self.unproven.is_empty()) {
                return None;
            }
            if let Err(error) = self.advance().await {
                self.over = true;
                return Some(Err(error));
            }
        }
    }

    fn take_proven(&mut self) -> Option<Observed> {
        let first = self.unproven.front()?.entry.seq;
        if first < self.proven { self.unproven.pop_front() } else { None }
    }

    /// Takes one message, over another connection if need be.
    async fn advance(&mut self) -> Result<(), SessionError> {
        match self.receive().await {
            Ok(message) => {
                self.retries.reset();
                Ok(self.take(message).await?)
            }
            Err((live, error)) => {
                self.stream = None;
                self.session.recover(&live, &mut self.retries, SessionError::from(error)).await.map(drop)
            }
        }
    }

    async fn receive(&mut self) -> Result<WatchResponse, (Arc<Live>, CallError)> {
        let (live, mut stream) = if let Some(open) = self.stream.take() {
            open
        } else {
            let live = self.session.live();
            let request = WatchRequest { from: self.tree.size() };
            match bounded(live.stub().watch(request)).await {
                Ok(stream) => (live, stream),
                Err(error) => return Err((live, error)),
            }
        };
        match stream.message().await {
            Ok(Some(message)) => {
                self.stream = Some((live, stream));
                Ok(message)
            }
            Ok(None) => Err((live, CallError::ended())),
            Err(status) => Err((live, status.into())),
        }
    }

    async fn take(&mut self, message: WatchResponse) -> Result<(), LogError> {
        let entry = Entry::read(&message.entry)?;
        let index = self.tree.size();
        if message.index != index || entry.seq != index {
            return Err(LogError::Malformed { expected: "the entries of the log in their order" });
        }
        let known = self.session.0.witness.newest().map_or(0, |known| known.head.size());
        if self.unproven.len() >= UNSIGNED_MAX && index >= known {
            return Err(LogError::Malformed { expected: "a signed head from time to time" });
        }
        let permitted = step(&self.terms, &self.state, &entry.actor, &entry.event);
        self.state = permitted.map_err(|source| LogError::Illegal { index, source })?.state;
        self.tree.append(leaf_hash(&message.entry));
        self.unproven.push_back(Observed { entry, phase: self.state.phase(), bytes: message.entry.into() });
        if !message.checkpoint.is_empty() {
            self.head = Some(SignedCheckpoint::read(message.checkpoint.as_bytes())?);
        }
        self.prove().await
    }

    /// Proves the entries up to the newest signed head, as soon as there are as many, and as many as are known to be.
    async fn prove(&mut self) -> Result<(), LogError> {
        let witness = &self.session.0.witness;
        let Some(head) = &self.head else { return Ok(()) };
        let size = head.verify(witness.key())?.size();
        if size > self.tree.size() {
            return Ok(());
        }
        let known = witness.newest();
        let is_short = known.as_ref().is_some_and(|known| known.head.size() > self.tree.size());
        // A closed log grows no more: one that ends too early is not waited for.
        if is_short && self.state.phase() != Phase::Closed {
            return Ok(());
        }
        witness.prove(&self.tree, head.clone(), known.as_ref()).await?;
        (self.proven, self.head) = (self.proven.max(size), None);
        Ok(())
    }
}

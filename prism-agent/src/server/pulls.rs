//! Assets that the agent fetches by itself, once their key was released to it.
//!
//! The object's bytes go from the store through one thread that hashes and opens them into the way that uploads take:
//! hashed, written, accepted. Nothing is accepted before the digest of the whole sealed object is right, too.

mod broker;
mod fetch;
mod open;
mod progress;
mod refusal;
mod task;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prism_core::name::Name;
use prism_core::seal::{Identity, Recipient};
use tokio_util::sync::CancellationToken;

pub(crate) use self::open::Key;
use self::progress::Progress;
use self::refusal::Refusal;
pub(crate) use self::task::Released;
use super::config::Limits;
use super::engine::Engine;
use super::shares::Places;
use super::upload::UploadError;
use crate::pull::PullConfig;
use crate::wire;

/// Every asset that is being fetched, and what that needs.
pub(crate) struct Pulls {
    config: PullConfig,
    limits: Limits,
    /// The key to which providers release theirs: fresh for this boot, in memory only.
    identity: Arc<Identity>,
    running: Mutex<BTreeMap<Name, Arc<Running>>>,
    places: Places,
}

/// One asset that is, or was, being fetched.
struct Running {
    progress: Progress,
    cancel: CancellationToken,
    /// What the log does not say yet although it ended.
    refusal: Mutex<Option<Refusal>>,
}

impl Pulls {
    pub(crate) fn new(config: PullConfig, limits: Limits, identity: Identity) -> Self {
        Self {
            // A provider whose stores are slow leaves a place to the others.
            places: Places::new(config.at_once, config.at_once.saturating_sub(1)),
            config,
            limits,
            identity: Arc::new(identity),
            running: Mutex::default(),
        }
    }

    /// The public half of the key to which providers release theirs.
    pub(crate) fn recipient(&self) -> &Recipient {
        self.identity.recipient()
    }

    /// The key to which providers release theirs.
    pub(crate) const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// How far an asset is whose sealed object has `of` bytes.
    pub(crate) fn status(&self, asset: &Name, of: u64) -> wire::PullStatus {
        let Some(seen) = self.of(asset).map(|running| running.progress.seen()) else {
            return wire::PullStatus { stage: "waiting".to_owned(), of, ..wire::PullStatus::default() };
        };
        wire::PullStatus {
            stage: seen.stage.name().to_owned(),
            received: seen.received,
            of: seen.of,
            failures: seen.failures,
            code: seen.code.map(|code| code.to_string()).unwrap_or_default(),
        }
    }

    /// Ends everything that is being fetched.
    pub(crate) fn abandon(&self) {
        for running in self.running().values() {
            running.cancel.cancel();
        }
    }

    /// Has the log say that an asset was refused, if it was and the log does not say so yet: its key is not released any
    /// more then. Blocking threads only, without the ledger's lock.
    ///
    /// # Errors
    /// [`UploadError`] when the disk still refuses.
    pub(crate) fn settle(&self, engine: &Engine, asset: &Name) -> Result<(), UploadError> {
        self.of(asset).map_or(Ok(()), |running| running.settle(engine))
    }

    /// The beginning of fetching an asset; what was there before ends.
    fn begin(&self, asset: &Name, of: u64) -> Arc<Running> {
        let (progress, cancel) = (Progress::new(of), CancellationToken::new());
        let fresh = Arc::new(Running { progress, cancel, refusal: Mutex::default() });
        if let Some(earlier) = self.running().insert(asset.clone(), Arc::clone(&fresh)) {
            earlier.cancel.cancel();
        }
        fresh
    }

    fn of(&self, asset: &Name) -> Option<Arc<Running>> {
        self.running().get(asset).map(Arc::clone)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Name, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Assets that the agent fetches by itself, once their key was released to it.
//!
//! The object's bytes go from the store through one thread that hashes and opens them into the way that uploads take:
//! hashed, written, accepted. Nothing is accepted before the digest of the whole sealed object is right, too.

mod broker;
mod fetch;
mod open;
mod progress;
mod task;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prism_core::name::Name;
use prism_core::seal::{Identity, Recipient};
use tokio_util::sync::CancellationToken;

pub(crate) use self::open::Key;
use self::progress::Progress;
pub(crate) use self::task::Released;
use super::config::Limits;
use crate::pull::PullConfig;
use crate::wire;

/// Every asset that is being fetched, and what that needs.
pub(crate) struct Pulls {
    config: PullConfig,
    limits: Limits,
    /// The key to which providers release theirs: fresh for this boot, in memory only.
    identity: Arc<Identity>,
    running: Mutex<BTreeMap<Name, Running>>,
    places: Arc<tokio::sync::Semaphore>,
}

/// One asset that is, or was, being fetched.
struct Running {
    progress: Arc<Progress>,
    cancel: CancellationToken,
}

impl Pulls {
    pub(crate) fn new(config: PullConfig, limits: Limits, identity: Identity) -> Self {
        Self {
            places: Arc::new(tokio::sync::Semaphore::new(config.at_once.max(1))),
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
        let progress = self.running().get(asset).map(|running| Arc::clone(&running.progress));
        let Some(seen) = progress.map(|progress| progress.seen()) else {
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

    /// A place for an asset; what was there before ends.
    fn place(&self, asset: &Name, of: u64) -> (Arc<Progress>, CancellationToken) {
        let (progress, cancel) = (Arc::new(Progress::new(of)), CancellationToken::new());
        let fresh = Running { progress: Arc::clone(&progress), cancel: cancel.clone() };
        if let Some(earlier) = self.running().insert(asset.clone(), fresh) {
            earlier.cancel.cancel();
        }
        (progress, cancel)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Name, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! One pull from the released key to the accepted or refused asset.

use std::sync::Arc;

use prism_core::asset::AssetTerms;
use prism_core::code::{Code, Coded};
use prism_core::digest::Salt;
use prism_core::manifest::SealedObject;
use tokio::sync::mpsc;

use super::fetch::Fetch;
use super::open::{self, Ended, Key};
use super::progress::Stage;
use super::refusal::Refusal;
use super::{Pulls, Running};
use crate::pull::{Https, Object, PullError, Purpose, Roots};
use crate::server::engine::Engine;
use crate::server::ledger::LedgerError;
use crate::server::upload::{self, Begin, QUEUE, Slot, UploadError, Uploads};

/// The session of what the agent brings by itself: no connection has this one, which is a hash.
const OWN: [u8; 32] = [0; 32];

/// Pieces of the object that may wait to be opened.
const PIECES: usize = 8;

/// Something whose key was released.
pub(crate) struct Released {
    /// What the manifest says about the asset.
    pub(crate) terms: AssetTerms,
    /// For a salted digest of the plaintext.
    pub(crate) salt: Option<Salt>,
    /// What opens the object.
    pub(crate) key: Key,
}

impl Pulls {
    /// Fetches an asset in the background.
    pub(crate) fn start(self: &Arc<Self>, engine: &Engine, uploads: &Uploads, released: Released) {
        let Some(source) = &released.terms.source else { return };
        let running = self.begin(&released.terms.name, source.size);
        let pull = Pull::new(self, engine, uploads, released);
        tokio::spawn(async move { pull.run(&running).await });
    }
}

pub(super) struct Pull {
    pulls: Arc<Pulls>,
    engine: Engine,
    slot: Arc<Slot>,
    begin: Arc<Begin>,
    key: Key,
}

impl Pull {
    pub(super) fn new(pulls: &Arc<Pulls>, engine: &Engine, uploads: &Uploads, released: Released) -> Self {
        let Released { terms, salt, key } = released;
        let slot = uploads.slot(&terms.name);
        let most = pulls.limits.logged_uploads;
        let begin = Arc::new(Begin { provider: terms.provider.clone(), terms, salt, offset: 0, length: 0, most });
        Self { pulls: Arc::clone(pulls), engine: engine.clone(), slot, begin, key }
    }

    /// Fetches the asset; whether it was accepted.
    pub(super) async fn run(self, running: &Arc<Running>) -> bool {
        let worked = self.work_in_turn(running).await;
        let Self { engine, slot, begin, key, .. } = self;
        // What follows may take long, and whoever failed has no use for it.
        drop(key);
        match worked {
            Ok(()) => running.progress.enter(Stage::Done),
            Err(Failure::Over) => {}
            Err(Failure::Refused(code)) => running.progress.failed(Stage::Refused, code),
            Err(Failure::Unlogged(code)) => {
                running.progress.failed(Stage::Refused, code);
                running.refuse(&engine, Refusal { slot, begin, code }).await;
            }
        }
        worked.is_ok()
    }

    /// Works when there is a place.
    async fn work_in_turn(&self, running: &Running) -> Result<(), Failure> {
        let place = tokio::select! {
            biased;
            () = running.cancel.cancelled() => return Err(Failure::Over),
            place = self.pulls.places.take(&self.begin.provider) => place,
        };
        let (Some(_place), Some(source)) = (place, &self.begin.terms.source) else { return Err(Failure::Over) };
        self.work(source, running).await
    }

    async fn work(&self, source: &SealedObject, running: &Running) -> Result<(), Failure> {
        let (pipe, sealed) = mpsc::channel(PIECES);
        let (frames, queue) = mpsc::channel(QUEUE);
        let busy = Failure::Unlogged(Code::AgentBusy);
        let turn = self.slot.take_turn(OWN, 0..self.begin.terms.size).ok_or(busy)?;
        let begin = Arc::clone(&self.begin);
        let receiving = self.engine.blocking(move |engine| upload::receive(engine, &turn, &begin, queue));
        let (begin, key) = (Arc::clone(&self.begin), self.key.clone());
        let opening = self.engine.blocking(move |_| open::open(sealed, frames, &begin.terms, &key));
        let fetching = self.fetch(source, pipe, running);
        let (fetched, opened, received) = tokio::join!(fetching, opening, receiving);
        let (Ok(opened), Ok(received)) = (opened, received) else { return Err(Failure::Unlogged(Code::Internal)) };
        conclude(fetched, opened, received.map(|_| ()))
    }

    async fn fetch(
        &self,
        source: &SealedObject,
        pipe: mpsc::Sender<bytes::Bytes>,
        Running { progress, cancel, .. }: &Running,
    ) -> Result<(), PullError> {
        let (config, limits) = (&self.pulls.config, &self.pulls.limits);
        let line = Https::new(Purpose::Objects, config, Roots::ThisMachineAnd(&config.extra_roots));
        let line = line.map_err(|error| PullError::Refused(error.into()))?;
        let object = Object::at(&source.url, config, &line)?;
        let fetch = Fetch { object: &object, size: source.size, config, limits, progress, cancel };
        fetch.run(pipe).await
    }
}

/// Why there is no asset.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// The computation is over, or does not take the asset any more.
    Over,
    /// The log says so already.
    Refused(Code),
    /// The log has to say so.
    Unlogged(Code),
}

/// The first cause: what the store gave, then what it was, then what became of it on the disk.
fn conclude(
    fetched: Result<(), PullError>,
    opened: Result<(), Ended>,
    received: Result<(), UploadError>,
) -> Result<(), Failure> {
    if received.is_ok() {
        return Ok(());
    }
    match (fetched, opened, received) {
        (_, Err(Ended::Refused(error)), _) | (Err(error), _, _) if !matches!(error, PullError::Cancelled) => {
            tracing::warn!(%error, source = ?std::error::Error::source(&error), "an asset was refused");
            Err(Failure::Unlogged(error.code()))
        }
        (.., Err(UploadError::Mismatch { .. })) => Err(Failure::Refused(Code::AssetMismatch)),
        (Err(PullError::Cancelled), ..) | (.., Err(UploadError::Ledger(LedgerError::Illegal(_)))) => Err(Failure::Over),
        // Also what the log's disk refused: otherwise the key would stay released, and nobody fetch the asset.
        (.., Err(error)) => Err(Failure::Unlogged(error.code())),
        (.., Ok(())) => Ok(()),
    }
}

//! Assets whose key a broker releases: the agent asks by itself, as soon as assets may arrive.

use std::sync::Arc;

use prism_attest::binding::BrokerBinding;
use prism_attest::{Endorsements, Evidence, Platform};
use prism_core::asset::AssetTerms;
use prism_core::audit::entry::{Actor, Event, KeyReleasedBody, Releaser};
use prism_core::code::Coded;
use prism_core::lifecycle::Phase;
use prism_core::manifest::{Codec, HttpsUrl, KeyRelease, ResourcePath};

use super::open::Key;
use super::progress::Stage;
use super::task::{Pull, Released};
use super::{Pulls, Running};
use crate::client::Retries;
use crate::pull::broker::{self, BrokerError, Granted, Signer, Wanted};
use crate::pull::{Https, Purpose, Roots};
use crate::server::attest::Batcher;
use crate::server::engine::Engine;
use crate::server::ledger::LedgerError;
use crate::server::upload::{Uploads, disk_code};

impl Pulls {
    /// Fetches everything whose key a broker releases, in the background.
    pub(crate) fn start_brokered(self: &Arc<Self>, engine: &Engine, uploads: &Arc<Uploads>, batcher: &Batcher) {
        for terms in engine.signed().manifest().assets() {
            let Some(source) = &terms.source else { continue };
            let KeyRelease::Kbs { url, resource } = source.release.clone() else { continue };
            let running = self.begin(&terms.name, source.size);
            let brokered = Brokered {
                pulls: Arc::clone(self),
                engine: engine.clone(),
                uploads: Arc::clone(uploads),
                machine: Machine { platform: engine.platform(), batcher: batcher.clone() },
                codec: source.codec,
                place: (url, resource),
                terms,
            };
            tokio::spawn(brokered.run(running));
        }
    }
}

/// One asset and the place of its key.
struct Brokered {
    pulls: Arc<Pulls>,
    engine: Engine,
    uploads: Arc<Uploads>,
    machine: Machine,
    terms: AssetTerms,
    codec: Codec,
    place: (HttpsUrl, ResourcePath),
}

impl Brokered {
    async fn run(self, running: Arc<Running>) {
        tokio::select! {
            biased;
            () = running.cancel.cancelled() => {}
            () = self.work(&running) => {}
        }
    }

    async fn work(&self, running: &Arc<Running>) {
        let progress = &running.progress;
        let mut retries = Retries::new(self.pulls.config.broker_retry);
        loop {
            if !self.assets_may_arrive().await {
                return;
            }
            progress.enter(Stage::Asking);
            match self.ask().await {
                Ok(granted) => match self.release(granted).await {
                    Ok(released) => {
                        if self.pull(released).run(running).await {
                            return;
                        }
                    }
                    Err(LedgerError::Disk(error)) => {
                        tracing::warn!(%error, "that a broker released a key could not be logged yet");
                        progress.failed(Stage::Retrying, disk_code(error.kind()));
                    }
                    Err(error) => {
                        tracing::warn!(%error, code = %error.code(), "a key that a broker released came too late");
                        return;
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, source = ?std::error::Error::source(&error), "a key broker gave no key");
                    let stage = if error.is_passing() { Stage::Retrying } else { Stage::Refused };
                    progress.failed(stage, error.code());
                }
            }
            // Also after a refusal: its provider may mend the broker's policy or the object meanwhile.
            if !retries.pause().await {
                return;
            }
        }
    }

    /// Waits until somebody has authenticated; false when the computation is over before.
    async fn assets_may_arrive(&self) -> bool {
        let mut mark = self.engine.watch();
        let waiting = |phase| matches!(phase, Phase::WaitingForAlgorithm | Phase::WaitingForDatasets);
        let early = |phase| matches!(phase, Phase::Empty | Phase::Manifested);
        let found = mark.wait_for(|mark| !early(mark.phase)).await;
        found.is_ok_and(|mark| waiting(mark.phase))
    }

    async fn ask(&self) -> Result<Granted, BrokerError> {
        let config = &self.pulls.config;
        let line = Https::new(Purpose::Keys, config, Roots::Only(&config.broker_roots))?;
        let (url, resource) = &self.place;
        let wanted = Wanted { resource, manifest: self.engine.signed().digest(), codec: self.codec };
        broker::ask(&line, url, &wanted, &self.machine).await
    }

    /// Logs that the key was released.
    async fn release(&self, granted: Granted) -> Result<Released, LedgerError> {
        let body = KeyReleasedBody {
            asset: self.terms.name.clone(),
            recipient: granted.recipient.to_string(),
            by: Releaser::Kbs,
        };
        let log = move |engine: &Engine| engine.ledger().act(Actor::Agent, Event::KeyReleased(body)).map(|_| ());
        self.engine.blocking(log).await.map_err(|_| LedgerError::Broken)??;
        Ok(Released { terms: self.terms.clone(), salt: None, key: Key::from(granted.key) })
    }

    fn pull(&self, released: Released) -> Pull {
        Pull::new(&self.pulls, &self.engine, &self.uploads, released)
    }
}

/// The machine that signs.
struct Machine {
    platform: Platform,
    batcher: Batcher,
}

impl Signer for Machine {
    fn platform(&self) -> Platform {
        self.platform
    }

    async fn sign(&self, binding: BrokerBinding) -> Result<(Evidence, Arc<Endorsements>), BrokerError> {
        let report = self.batcher.answer(binding).await.map_err(|error| BrokerError::Evidence(Box::new(error)))?;
        Ok((report.evidence.clone(), Arc::clone(&report.endorsements)))
    }
}

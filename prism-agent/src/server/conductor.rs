//! Carries out what follows from logged acts, one after the other.

use std::sync::Arc;
use std::time::Duration;

use prism_core::audit::entry::{Actor, Event, LogCloseBody, Outcome};
use prism_core::lifecycle::Effect;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::engine::{Duty, Engine, Interrupted, now};
use super::ledger::LedgerError;
use super::pulls::Pulls;
use super::run::{self, Setting};
use super::upload::Uploads;

/// How often the clock is compared with the manifest's end: the host may set it.
const LOOK: Duration = Duration::from_secs(5);

/// How often an ending is tried that could not be logged, for example on a full disk.
const PAUSE: Duration = Duration::from_secs(1);

/// The one task that carries out effects.
pub(super) struct Conductor {
    engine: Engine,
    duties: mpsc::UnboundedReceiver<Duty>,
    uploads: Arc<Uploads>,
    pulls: Arc<Pulls>,
    setting: Arc<Setting>,
    run: Option<Running>,
    /// How the computation ended, as long as the log does not know.
    unlogged: Option<Box<(Actor, Event)>>,
}

/// A run in the background.
struct Running {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Conductor {
    /// Carries out what arrives at `duties`.
    pub(super) fn new(
        engine: Engine,
        duties: mpsc::UnboundedReceiver<Duty>,
        pulls: Arc<Pulls>,
        setting: Setting,
    ) -> Self {
        let (uploads, setting) = (Arc::default(), Arc::new(setting));
        Self { engine, duties, uploads, pulls, setting, run: None, unlogged: None }
    }

    /// The uploads that end with the run.
    pub(super) fn uploads(&self) -> Arc<Uploads> {
        Arc::clone(&self.uploads)
    }

    /// Works until `closing`.
    pub(super) async fn conduct(mut self, closing: CancellationToken) {
        let (mut clock, mut again) = (tokio::time::interval(LOOK), tokio::time::interval(PAUSE));
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => break,
                Some(duty) = self.duties.recv() => match duty {
                    Duty::Effect(effect) => self.carry_out(effect).await,
                    Duty::Unlogged(ending) => self.end_unlogged(ending).await,
                },
                _ = again.tick(), if self.unlogged.is_some() => self.log_again().await,
                _ = clock.tick() => self.expire().await,
            }
        }
        self.destroy_all().await;
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            // Its files are gone already.
            Effect::StartRun if self.unlogged.is_some() => {}
            Effect::StartRun => {
                let cancel = CancellationToken::new();
                let task = tokio::spawn(run::execute(self.engine.clone(), Arc::clone(&self.setting), cancel.clone()));
                self.run = Some(Running { cancel, task });
            }
            Effect::DestroyResult(consumer) => {
                let _ = self.engine.blocking(move |engine| engine.vault().destroy(&consumer)).await;
            }
            Effect::DestroyAll => self.destroy_all().await,
            Effect::Close(outcome) => {
                // What could not be logged comes back as a duty.
                let _ = self.close(outcome).await;
            }
            other => tracing::error!(?other, "an effect has nobody to carry it out"),
        }
    }

    /// Kills the run if there is one and destroys assets, keys and results.
    async fn destroy_all(&mut self) {
        self.pulls.abandon();
        self.uploads.abandon();
        if let Some(Running { cancel, task }) = self.run.take() {
            cancel.cancel();
            // An error means that the run's task ended in a panic; its processes died with it.
            let _ = task.await;
        }
        let destroy = |engine: &Engine| {
            engine.vault().destroy_all();
            engine.store().destroy()
        };
        if let Ok(Err(error)) = self.engine.blocking(destroy).await {
            tracing::error!(%error, "files of the computation could not be removed; the next start removes them");
        }
    }

    /// Ends everything although the log does not know yet: nobody's data waits for a disk that has room for an entry.
    async fn end_unlogged(&mut self, ending: Box<(Actor, Event)>) {
        if self.unlogged.is_none() {
            tracing::error!(event = ending.1.kind(), "an ending could not be logged; everything ends all the same");
            self.unlogged = Some(ending);
            self.destroy_all().await;
        }
    }

    /// Logs an ending that could not be logged before, if it can be now.
    async fn log_again(&mut self) {
        let Some((actor, event)) = self.unlogged.as_deref().cloned() else { return };
        let logged = match event {
            Event::LogClose(body) => self.close(body.outcome).await,
            event => self.engine.blocking(move |engine| engine.ledger().act(actor, event).map(|_| ())).await,
        };
        if matches!(logged, Ok(Ok(()) | Err(LedgerError::Illegal(_)))) {
            self.unlogged = None;
        }
    }

    async fn close(&self, outcome: Outcome) -> Result<Result<(), LedgerError>, Interrupted> {
        let close = move |engine: &Engine| {
            let body = LogCloseBody { outcome, refusals_unlogged: engine.unlogged_refusals() };
            engine.ledger().act(Actor::Agent, Event::LogClose(body)).map(|_| ())
        };
        self.engine.blocking(close).await
    }

    /// Ends the computation when the manifest's time is up.
    async fn expire(&mut self) {
        let mark = *self.engine.watch().borrow();
        let over = |engine: &Engine| now() > engine.ledger().terms().not_after();
        if mark.outcome.is_none() && self.unlogged.is_none() && self.engine.blocking(over).await.unwrap_or(false) {
            let _ = self.close(Outcome::Expired).await;
        }
    }
}

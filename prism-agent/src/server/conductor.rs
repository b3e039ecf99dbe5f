//! Carries out what follows from logged acts, one after the other.

use std::sync::Arc;
use std::time::Duration;

use prism_core::audit::entry::{Actor, Event, LogCloseBody, Outcome};
use prism_core::lifecycle::Effect;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::config::RunnerConfig;
use super::engine::{Engine, now};
use super::ledger::LedgerError;
use super::pulls::Pulls;
use super::run;
use super::upload::Uploads;

/// How often the clock is compared with the manifest's end: the host may set it.
const LOOK: Duration = Duration::from_secs(5);

/// How often closing the log is tried, for example on a full disk, and the pause between.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// The one task that carries out effects.
pub(super) struct Conductor {
    engine: Engine,
    effects: mpsc::UnboundedReceiver<Effect>,
    uploads: Arc<Uploads>,
    pulls: Arc<Pulls>,
    runner: Arc<RunnerConfig>,
    run: Option<Running>,
}

/// A run in the background.
struct Running {
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Conductor {
    /// Carries out what arrives at `effects`.
    pub(super) fn new(
        engine: Engine,
        effects: mpsc::UnboundedReceiver<Effect>,
        pulls: Arc<Pulls>,
        runner: RunnerConfig,
    ) -> Self {
        Self { engine, effects, uploads: Arc::default(), pulls, runner: Arc::new(runner), run: None }
    }

    /// The uploads that end with the run.
    pub(super) fn uploads(&self) -> Arc<Uploads> {
        Arc::clone(&self.uploads)
    }

    /// Works until `closing`.
    pub(super) async fn conduct(mut self, closing: CancellationToken) {
        let mut clock = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => break,
                Some(effect) = self.effects.recv() => self.carry_out(effect).await,
                _ = clock.tick() => self.expire().await,
            }
        }
        self.destroy_all().await;
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::StartRun => {
                let cancel = CancellationToken::new();
                let task = tokio::spawn(run::execute(self.engine.clone(), Arc::clone(&self.runner), cancel.clone()));
                self.run = Some(Running { cancel, task });
            }
            Effect::DestroyResult(consumer) => {
                let _ = self.engine.blocking(move |engine| engine.vault().destroy(&consumer)).await;
            }
            Effect::DestroyAll => self.destroy_all().await,
            Effect::Close(outcome) => self.close(outcome).await,
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

    async fn close(&self, outcome: Outcome) {
        for _ in 0..ATTEMPTS {
            match self.engine.blocking(move |engine| log_close(engine, outcome)).await {
                Ok(true) | Err(_) => return,
                Ok(false) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Ends the computation when the manifest's time is up.
    async fn expire(&mut self) {
        let mark = *self.engine.watch().borrow();
        let over = |engine: &Engine| now() > engine.ledger().terms().not_after();
        if mark.outcome.is_none() && self.engine.blocking(over).await.unwrap_or(false) {
            self.close(Outcome::Expired).await;
        }
    }
}

/// Closes the log; whether that is settled.
fn log_close(engine: &Engine, outcome: Outcome) -> bool {
    let body = LogCloseBody { outcome, refusals_unlogged: engine.unlogged_refusals() };
    match engine.ledger().act(Actor::Agent, Event::LogClose(body)) {
        Ok(_) | Err(LedgerError::Illegal(_)) => true,
        Err(error) => {
            tracing::error!(%error, "the log could not be closed");
            false
        }
    }
}

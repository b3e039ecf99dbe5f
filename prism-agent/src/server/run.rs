//! One run: unpack, execute, check, seal. Each step is logged before the next begins.

mod deliver;
mod prepare;
mod report;
mod unpack;

use std::path::PathBuf;
use std::sync::Arc;

use prism_core::audit::entry::{Actor, ErrorBody, Event, RunEnd, RunExitBody, RunStartBody};
use prism_core::code::{Code, Coded};
use prism_core::lifecycle::Effect;
use prism_core::name::Name;
use tokio_util::sync::CancellationToken;

use super::config::RunnerConfig;
use super::engine::Engine;
use super::ledger::LedgerError;
use crate::runner::{self, Interpreter, RunOutcome};

/// Runs the algorithm once and seals what it made, unless `cancel` comes first.
pub(super) async fn execute(engine: Engine, config: Arc<RunnerConfig>, cancel: CancellationToken) {
    let start = |engine: &Engine| engine.ledger().act(Actor::Agent, Event::RunStart(RunStartBody { run: 1 }));
    if !matches!(engine.blocking(start).await, Ok(Ok(_))) {
        tracing::error!("the run could not be started: the log does not permit it");
        return;
    }
    let (exit, outcome) = attempt(&engine, &config, &cancel).await;
    if cancel.is_cancelled() {
        // Whoever stopped the run has logged that; its exit has no place after it.
        return;
    }
    let finished = engine.blocking(move |engine| finish(engine, exit, outcome)).await;
    if let Ok(Err(code)) = finished {
        fail(&engine, code).await;
    }
}

/// What the log says of the run's end, and what there is to take.
type Attempt = (RunExitBody, Option<RunOutcome>);

async fn attempt(engine: &Engine, config: &Arc<RunnerConfig>, cancel: &CancellationToken) -> Attempt {
    let interpreter = match Interpreter::find(config.python.as_deref()).await {
        Ok(interpreter) => interpreter,
        Err(error) => {
            tracing::error!(%error, "there is no interpreter for the algorithm");
            return (report::not_executed(RunEnd::PreparationFailed), None);
        }
    };
    let preparing = Arc::clone(config);
    let spec = engine.blocking(move |engine| prepare::spec(engine, &preparing, interpreter)).await;
    let spec = match spec {
        Ok(Ok(spec)) => spec,
        Ok(Err(error)) => {
            tracing::error!(%error, "the run could not be prepared");
            return (report::not_executed(RunEnd::PreparationFailed), None);
        }
        Err(_) => return (report::not_executed(RunEnd::RunnerFailed), None),
    };
    match runner::run(spec, &mut |progress| tracing::info!(?progress, "the run goes on"), cancel.clone()).await {
        Ok(outcome) => (report::executed(&outcome), Some(outcome)),
        Err(error) => {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "nothing was executed");
            (report::refused(&error), None)
        }
    }
}

/// Logs the exit and, when the algorithm did its work, takes and seals the result. Blocking threads only.
fn finish(engine: &Engine, exit: RunExitBody, outcome: Option<RunOutcome>) -> Result<(), Code> {
    let exited = act_for(engine, Event::RunExit(Box::new(exit)))?;
    let (Some(outcome), true) = (outcome, exited.contains(&Effect::CheckOutput)) else {
        engine.ledger().hand_on(exited);
        return Ok(());
    };
    let failed = |error: deliver::DeliverError| {
        tracing::error!(%error, "the result could not be taken and sealed");
        error.code()
    };
    let mut parcels = deliver::seal(engine, &outcome.results).map_err(failed)?;
    drop(outcome);
    for effect in act_for(engine, Event::OutputChecked(parcels.body()))? {
        match effect {
            Effect::Seal(consumer) => parcels.shelve(engine, &consumer).map_err(failed)?,
            other => engine.ledger().hand_on(vec![other]),
        }
    }
    // Nobody needs the data any more.
    engine.store().destroy_inputs().map_err(|error| error.code())
}

fn act_for(engine: &Engine, event: Event) -> Result<Vec<Effect>, Code> {
    let acted = engine.ledger().act_for(Actor::Agent, event);
    acted.map(|(_, effects)| effects).map_err(|error: LedgerError| {
        tracing::error!(%error, "a step of the run is not permitted");
        error.code()
    })
}

/// Ends the computation because the agent cannot go on.
async fn fail(engine: &Engine, code: Code) {
    let event = Event::Error(ErrorBody { code: code.to_string() });
    if let Ok(Err(error)) = engine.blocking(move |engine| engine.ledger().act(Actor::Agent, event)).await {
        // It was stopped meanwhile, or the log is broken, which says so itself.
        tracing::warn!(%error, "a failure could not be logged");
    }
}

/// Where an asset's file is.
fn asset(engine: &Engine, name: &Name) -> PathBuf {
    engine.store().asset(name.as_str())
}

//! One run: unpack, execute, check, seal. Each step is logged before the next begins.

mod conditions;
mod deliver;
mod image;
mod prepare;
mod report;
mod unpack;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prism_core::archive;
use prism_core::audit::entry::{Actor, ErrorBody, Event, RunEnd, RunExitBody, RunStartBody};
use prism_core::code::{Code, Coded};
use prism_core::lifecycle::Effect;
use prism_core::name::Name;
use tokio_util::sync::CancellationToken;

use super::config::{AgentConfig, RunnerConfig};
use super::engine::Engine;
use super::ledger::LedgerError;
use super::means::Means;
use super::room::{Claim, NoRoom};
use crate::runner::{self, Requirements, RunOutcome, RunSpec, Runtime};
use conditions::conditions;

/// What does not change from run to run.
pub(super) struct Setting {
    /// How algorithms are executed.
    runner: RunnerConfig,
    /// What executes this one.
    means: Means,
    /// What one asset may unpack to.
    unpacking: archive::Limits,
}

impl Setting {
    /// How an agent with this configuration executes the one algorithm for which it found `means`.
    pub(super) fn new(config: &AgentConfig, means: Means) -> Self {
        Self { runner: config.runner.clone(), means, unpacking: config.limits.unpacking() }
    }
}

/// Runs the algorithm once and seals what it made, unless `cancel` comes first.
pub(super) async fn execute(engine: Engine, setting: Arc<Setting>, cancel: CancellationToken) {
    let start = |engine: &Engine| engine.ledger().act(Actor::Agent, Event::RunStart(RunStartBody { run: 1 }));
    match engine.blocking(start).await {
        Ok(Ok(_)) => {}
        // It was ended meanwhile, or the agent is shutting down.
        Ok(Err(LedgerError::Illegal(_))) | Err(_) => return,
        Ok(Err(error)) => {
            tracing::error!(%error, "the run could not be started");
            return fail(&engine, error.code()).await;
        }
    }
    let attempt = attempt(&engine, &setting, &cancel).await;
    if cancel.is_cancelled() {
        // Whoever stopped the run has logged that; its exit has no place after it. What it left takes time to remove.
        let _ = engine.blocking(move |_| drop(attempt)).await;
        return;
    }
    let finished = match attempt {
        Ok((exit, outcome)) => {
            let cancel = cancel.clone();
            engine.blocking(move |engine| finish(engine, exit, outcome, &cancel)).await
        }
        Err(code) => Ok(Err(code)),
    };
    match finished {
        Ok(Err(code)) if !cancel.is_cancelled() => fail(&engine, code).await,
        _ => {}
    }
}

/// What the log says of the run's end, and what there is to take; or why the agent cannot go on.
type Attempt = Result<(RunExitBody, Option<RunOutcome>), Code>;

async fn attempt(engine: &Engine, setting: &Arc<Setting>, cancel: &CancellationToken) -> Attempt {
    let begin = Instant::now();
    let wall = runner::Limits::from(&engine.signed().manifest().algorithm.limits).wall();
    let (preparing, until) = (Arc::clone(setting), cancel.child_token());
    let timer = tokio::spawn(cancel_after(wall, until.clone()));
    let spec = engine.blocking(move |engine| prepare::spec(engine, &preparing, &until)).await;
    timer.abort();
    let mut spec = match spec {
        Ok(Ok(spec)) => spec,
        Ok(Err(error)) if error.code() == Code::RunStopped => {
            // Nobody stopped it: its time did.
            return Ok((report::not_executed(RunEnd::WallLimit, Code::RunFailed), None));
        }
        Ok(Err(error)) => {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "the run could not be prepared");
            let not_executed = (report::not_executed(RunEnd::PreparationFailed, error.code()), None);
            return error.fault_of_agent().map_or(Ok(not_executed), Err);
        }
        Err(_) => return Ok((report::not_executed(RunEnd::RunnerFailed, Code::Internal), None)),
    };
    spec.spent = begin.elapsed();
    let _room = match room_for_output(engine, &spec) {
        Ok(claim) => claim,
        Err(error) => {
            tracing::error!(%error, "there is no room for what the run prints");
            return Err(error.code());
        }
    };
    let conditions = conditions(&setting.means, spec.limits.processors()).await;
    match runner::run(spec, &mut |progress| tracing::info!(?progress, "the run goes on"), cancel.clone()).await {
        Ok(outcome) => Ok((report::executed(&outcome, conditions), Some(outcome))),
        Err(error) => {
            tracing::error!(%error, source = ?std::error::Error::source(&error), "nothing was executed");
            // What the agent lacks is no end of the run's.
            if error.code() == Code::AgentFull { Err(Code::AgentFull) } else { Ok((report::refused(&error), None)) }
        }
    }
}

/// Room for both streams of the installation and of the program, until the run has ended.
fn room_for_output(engine: &Engine, spec: &RunSpec) -> Result<Claim, NoRoom> {
    let installs =
        matches!(&spec.runtime, Runtime::Python(python) if !matches!(python.requirements, Requirements::None));
    let streams = if installs { 4 } else { 2 };
    engine.store().room().lend(spec.limits.output_bytes.saturating_mul(streams), streams)
}

async fn cancel_after(time: Duration, token: CancellationToken) {
    tokio::time::sleep(time).await;
    token.cancel();
}

/// Logs the exit and, when the algorithm did its work, takes and seals the result. Blocking threads only.
fn finish(
    engine: &Engine,
    exit: RunExitBody,
    outcome: Option<RunOutcome>,
    cancel: &CancellationToken,
) -> Result<(), Code> {
    let exited = act_for(engine, Event::RunExit(Box::new(exit)))?;
    let (Some(outcome), true) = (outcome, exited.contains(&Effect::CheckOutput)) else {
        engine.ledger().hand_on(exited);
        return Ok(());
    };
    let failed = |error: deliver::DeliverError| {
        tracing::error!(%error, source = ?std::error::Error::source(&error), "the result could not be taken and sealed");
        error.code()
    };
    let mut parcels = deliver::seal(engine, &outcome.results, cancel).map_err(failed)?;
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
        // It was stopped meanwhile, or everything ends all the same and the log is told once it can be.
        tracing::warn!(%error, "a failure could not be logged");
    }
}

/// Where an asset's file is.
fn asset(engine: &Engine, name: &Name) -> PathBuf {
    engine.store().asset(name.as_str())
}

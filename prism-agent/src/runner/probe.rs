//! Which layers this machine has, found out by building a sandbox in which nothing is executed.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::layers::{Layer, Layers};
use super::outcome::RunError;
use super::sandbox::MARK;
use super::sandbox::wire::Order;
use super::scratch::Scratch;
use super::spec::{HelperProgram, Limits, RunSpec, Runtime};
use super::supervise::{Execution, execute};
use super::{Run, algorithm_job, lay_out, order, walked};

/// How long building a sandbox with nothing in it may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Builds the sandbox of a run with these limits that demands these layers, as [`run`](super::run) would, and takes it
/// down again. `helper` is that of [`RunSpec::helper`].
///
/// # Errors
/// [`RunError`]: [`RunError::LayerMissing`] if this machine lacks one of them or one of [`Layer::floor`].
pub async fn probe(helper: HelperProgram, limits: Limits, required: BTreeSet<Layer>) -> Result<Layers, RunError> {
    // A host program that is asked to be a helper and starts an agent instead would ask itself for ever.
    if std::env::args_os().any(|argument| argument == MARK) {
        return Err(RunError::Helper { found: "a host program that is no helper" });
    }
    let place = tokio::task::spawn_blocking(move || place(helper, limits, required)).await;
    let (run, _scratch) = place.map_err(|_| RunError::Helper { found: "a panic" })??;
    let order = Order { job: algorithm_job(&run.spec)?, ..order(&run) };
    let (built, mut seen) = (CancellationToken::new(), None);
    let execution = Execution {
        helper: &run.spec.helper,
        walked: walked(&run, &order),
        order,
        capture: (&run.spec.work, "probe-"),
        until: tokio::time::Instant::now() + PATIENCE,
        cancel: &built,
    };
    let ended = execute(execution, &mut |layers| {
        seen = Some(layers.clone());
        built.cancel();
    })
    .await;
    run.disks.remove().await;
    match (seen, ended) {
        (Some(layers), _) => Ok(layers),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(RunError::Helper { found: "no report" }),
    }
}

/// A run of a program that is never executed.
fn place(helper: HelperProgram, limits: Limits, required: BTreeSet<Layer>) -> Result<(Run, Scratch), RunError> {
    let scratch = Scratch::create(&std::env::temp_dir()).map_err(RunError::io("make a directory for a try"))?;
    let program = scratch.path().join("program");
    std::fs::write(&program, b"never executed\n").map_err(RunError::io("make a program for a try"))?;
    let mut spec = RunSpec::new(scratch.path().join("work"), program, Runtime::Binary);
    (spec.helper, spec.limits, spec.required) = (helper, limits, required);
    Ok((lay_out(spec, &CancellationToken::new())?, scratch))
}

//! Runs other people's programs on other people's data, and lets nothing out but `results/`.
//!
//! The program sees a working directory with `datasets/` (its own copy-on-write view) and `results/`, a writable
//! `HOME`, `TMPDIR` and `/dev/shm`, a clean environment, its arguments, and no network. [`run`] starts a helper, the
//! agent's own program executed again, which builds the sandbox in layers, reports each as active, off or
//! unavailable, and executes nothing if a demanded one is missing. Whatever ends a run ends all of its processes.
//!
//! What a machine without namespaces cannot give is in the report, for a manifest to demand:
//! - without `mount-namespace` the program lives in a directory of the host's disk, `/dev/shm` and `/proc` are closed
//!   to it, and the socket files of its own user are open to it (before Landlock version 9);
//!   an image is not executed at all;
//! - without `mount-namespace` it cannot watch folders; without `separate-user` besides, setting modes and times of
//!   files succeeds without being done: it would reach files of the agent's user, which it cannot read;
//! - without `pid-namespace` processes that leave the family are found and ended by looking, not by the kernel;
//! - without `cgroup` memory and processes are bounded by looking ten times a second, and for each process alone by
//!   the kernel. Most memory that looking does not find is refused: files without a name in memory, memory shared
//!   without a file, `/dev/zero`. What the run writes to a root of its own and to `/dev/shm` is memory and counts as
//!   such, as it does in a control group; what it writes to a work directory that lies in memory counts as disk. What
//!   the kernel keeps for sockets and pipes is bounded by how many may be open; files without a name that lie in a
//!   socket, sent and not yet received, are not seen there: they count as soon as somebody has them, and the disk keeps
//!   what the agent needs.

mod capture;
mod cgroup;
mod collect;
mod devices;
mod executable;
mod free;
mod image;
mod installation;
mod interpreter;
mod layers;
mod link;
mod module;
mod outcome;
mod probe;
mod processes;
mod requirements;
mod rooted;
mod sandbox;
mod scratch;
mod spec;
mod supervise;
mod tree;
mod wasm_host;
mod watch;

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prism_core::audit::entry::Packages;
use prism_core::entropy::{SystemEntropy, draw};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use collect::{
    CollectError, Collected, ResultFile, ResultLimits, ResultsDir, UnknownMediaType, Withheld, collect_results,
    known_media_types, require_known_media_types,
};
pub use devices::device_nodes;
pub use interpreter::{Interpreter, InterpreterError};
pub use layers::{Layer, LayerState, Layers, UnknownLayer};
pub use outcome::{Captured, End, Progress, RunError, RunOutcome};
pub use probe::probe;
pub(crate) use requirements::Kept;
#[cfg(feature = "pull")]
pub(crate) use requirements::Shelf;
pub use requirements::{KeepEnvironments, KeptError, LOCK_NAME, Plan, RequirementsError, WheelFault, choose_wheels};
pub use sandbox::{helper_main, helper_main_if_asked};
pub use spec::{AuxiliaryInput, DatasetInput, HelperProgram, Limits, Python, Requirements, RunSpec, Runtime};
pub use wasm_host::{WasmHost, WasmHostError};

pub(crate) use free::Free;
pub(crate) use image::{BLOCK, ImageFolder};
use sandbox::wire::{IMAGE_DIRECTORY, ImageTerms, Job, Order, Program};
use scratch::Disks;
pub(crate) use scratch::Scratch;
use spec::{Contents, contents_of};
use supervise::{Executed, Execution, execute};
pub(crate) use tree::remove as try_remove_tree;
use watch::Walked;

/// User ids that no distribution, container or name service hands out: systemd's table of ids calls them unused.
const FIRST_UID: u32 = 0x7000_0000;

/// How many of them there are.
const UIDS: u64 = 0x0fff_ffff;

/// Runs `spec` to its end, whatever that is. `progress` is called before anything is executed: what it logs is logged
/// first. Cancelling `cancel`, or dropping the future, ends every process of the run.
///
/// # Errors
/// [`RunError`] when nothing of the algorithm was executed, with the reason.
pub async fn run(
    spec: RunSpec,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
    cancel: CancellationToken,
) -> Result<RunOutcome, RunError> {
    let until = Instant::now() + spec.limits.wall().saturating_sub(spec.spent);
    let preparing = cancel.clone();
    let run = tokio::task::spawn_blocking(move || prepare(spec, &preparing)).await;
    let run = run.map_err(|_| RunError::Helper { found: "a panic" })??;
    match execute_in(&run, progress, &cancel, until).await {
        Ok((executed, packages)) => Ok(outcome(executed, run.disks, packages).await),
        Err(error) => {
            run.disks.remove().await;
            Err(error)
        }
    }
}

async fn execute_in(
    run: &Run,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
    cancel: &CancellationToken,
    until: Instant,
) -> Result<(Executed, Option<Packages>), RunError> {
    if cancel.is_cancelled() {
        return Err(RunError::Stopped);
    }
    let installed = installation::install(run, progress, cancel, until).await?;
    let order = Order { job: algorithm_job(&run.spec)?, kept: installed.kept(), ..order(run) };
    let execution = Execution {
        helper: &run.spec.helper,
        walked: walked(run, &order),
        order,
        capture: (&run.spec.work, ""),
        until,
        cancel,
    };
    let executed = execute(execution, &mut |layers| progress(Progress::Starting(layers))).await;
    let executed = executed.map_err(|error| explain(&run.spec, error))?;
    Ok((executed, installed.packages))
}

/// Whose fault it is that nothing was executed depends on what was to be.
fn explain(spec: &RunSpec, error: RunError) -> RunError {
    match (error, &spec.runtime) {
        (RunError::NotExecuted { path, reason }, runtime) => match runtime {
            Runtime::Python(python) => RunError::Interpreter { path: python.interpreter.executable.clone(), reason },
            Runtime::Wasm(host) => RunError::WasmHost { path: host.executable.clone(), reason },
            Runtime::Binary => {
                RunError::Spec { expected: "an executable whose loader and libraries this machine has", found: reason }
            }
            Runtime::Image(_) => {
                let found = format!("{}: {reason}", image::shown(&path.to_string_lossy()));
                RunError::Spec { expected: "an image whose entrypoint can be executed", found }
            }
        },
        (RunError::Sandbox { step, reason }, Runtime::Image(_)) if step == IMAGE_DIRECTORY => {
            RunError::Spec { expected: "an image whose working directory can be made", found: reason }
        }
        (error, _) => error,
    }
}

/// What is walked where the run has no file system of its own. The copies of the datasets are no writing of the run's.
fn walked(run: &Run, order: &Order) -> Walked {
    let (limits, space) = (&run.spec.limits, order.disk().join("space"));
    let Contents { bytes: copies, entries: files } = run.datasets;
    let datasets = limits.datasets_bytes.map(|bytes| (space.join("work/datasets"), bytes.saturating_add(copies)));
    let copies = if datasets.is_some() { 0 } else { copies };
    Walked { paths: vec![space], limit: limits.disk_bytes.saturating_add(copies), files, datasets }
}

/// A run with its own disk space and its own user.
struct Run {
    spec: RunSpec,
    disks: Disks,
    uid: u32,
    datasets: Contents,
}

async fn outcome(executed: Executed, disks: Disks, packages: Option<Packages>) -> RunOutcome {
    let Executed { layers, end, ended, stdout, stderr, wall, peak_memory, work } = executed;
    let kept = if layers.is_active(Layer::MountNamespace) {
        disks.remove().await;
        Vec::new()
    } else {
        disks.take()
    };
    RunOutcome {
        layers,
        end,
        stdout,
        stderr,
        wall,
        cpu: Duration::from_micros(ended.cpu_micros),
        peak_memory,
        survivors: ended.survivors,
        packages,
        results: ResultsDir::from_parent(work, kept),
    }
}

/// Blocks.
fn prepare(spec: RunSpec, until: &CancellationToken) -> Result<Run, RunError> {
    check(&spec)?;
    lay_out(spec, until)
}

/// Room for a run on the disk, and a user for it.
fn lay_out(spec: RunSpec, until: &CancellationToken) -> Result<Run, RunError> {
    let io = RunError::io;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&spec.work).map_err(io("make the work directory"))?;
    let disks = Disks::create(&spec.work).map_err(io("make the scratch directory"))?;
    let number = fresh_number().map_err(io("choose a user id"))? % UIDS;
    let uid = FIRST_UID + u32::try_from(number).unwrap_or_default();
    let datasets = contents_of(spec.datasets.iter().map(|input| input.path.as_path()), until);
    Ok(Run { spec, disks, uid, datasets })
}

fn check(spec: &RunSpec) -> Result<(), RunError> {
    check_algorithm(spec)?;
    let bad = |expected, found: &str| Err(RunError::Spec { expected, found: found.to_owned() });
    let plain = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    if let Some(name) = spec.environment.keys().find(|name| !plain(name)) {
        return bad("plain names of variables", name);
    }
    if spec.runtime.python().is_some_and(|python| spec.work.starts_with(&python.interpreter.prefix)) {
        return bad("a work directory outside the interpreter's, which the program can read", "one inside");
    }
    if let Some(input) = spec.auxiliary.iter().find(|input| spec::plain_relative(&input.place).is_none()) {
        return bad("auxiliary files at plain relative paths", &input.place);
    }
    let mut words = spec.args.iter().chain(spec.environment.values());
    if words.any(|word| word.contains('\0')) {
        return bad("arguments and variables without zero bytes", "one");
    }
    let mut names: Vec<_> = spec.datasets.iter().map(|dataset| &dataset.name).collect();
    names.sort();
    if let Some([name, _]) = names.array_windows().find(|[a, b]| a == b) {
        return bad("datasets with different names", name.as_str());
    }
    Ok(())
}

fn check_algorithm(spec: &RunSpec) -> Result<(), RunError> {
    let bad = |expected, found: &str| Err(RunError::Spec { expected, found: found.to_owned() });
    let folder = spec.algorithm.is_dir();
    if matches!(spec.runtime, Runtime::Image(_)) {
        return if folder { Ok(()) } else { bad("an unpacked image", "no folder") };
    }
    if !folder && !spec.algorithm.is_file() {
        return bad("an algorithm that is a file or a folder", "neither");
    }
    let entry = spec.entry.as_deref().unwrap_or_default();
    if folder && !spec::plain_relative(entry).is_some_and(|entry| spec.algorithm.join(entry).is_file()) {
        return bad("an entry that is a file in the algorithm's folder", entry);
    }
    let file = if folder { spec.algorithm.join(entry) } else { spec.algorithm.clone() };
    match &spec.runtime {
        Runtime::Python(_) | Runtime::Image(_) => Ok(()),
        Runtime::Binary => executable::check(&file),
        Runtime::Wasm(_) => module::check(&file),
    }
}

fn algorithm_job(spec: &RunSpec) -> Result<Job, RunError> {
    let absolute = |path: &Path| path.canonicalize().map_err(RunError::io("find the run's files"));
    let datasets = spec.datasets.iter().map(|input| Ok((input.name.to_string(), absolute(&input.path)?)));
    let entry = if spec.algorithm.is_dir() { spec.entry.as_ref().map(PathBuf::from) } else { None };
    let auxiliary = spec.auxiliary.iter().map(|input| Ok((PathBuf::from(&input.place), absolute(&input.path)?)));
    let args = match &spec.runtime {
        Runtime::Image(config) => image::command(config, &spec.args)?,
        _ => spec.args.clone(),
    };
    Ok(Job::Run {
        algorithm: absolute(&spec.algorithm)?,
        entry,
        args,
        datasets: datasets.collect::<Result<_, RunError>>()?,
        auxiliary: auxiliary.collect::<Result<_, RunError>>()?,
    })
}

/// An order without a job worth its name; the callers put theirs in.
fn order(run: &Run) -> Order {
    let Run { spec, disks, uid, datasets } = run;
    let program = match &spec.runtime {
        Runtime::Python(python) => Program::Python(python.interpreter.clone()),
        Runtime::Binary => Program::Binary,
        Runtime::Wasm(host) => Program::Wasm { host: host.executable.clone() },
        Runtime::Image(config) => Program::Image(ImageTerms::from(config)),
    };
    let mut disks = disks.paths().map(Path::to_owned);
    Order {
        scratch: disks.next().unwrap_or_default(),
        fallback: disks.next(),
        uid: *uid,
        job: Job::Install { wheels: PathBuf::new(), files: Vec::new() },
        kept: None,
        program,
        devices: spec.devices.clone(),
        environment: spec.environment.clone(),
        limits: spec.limits,
        datasets: *datasets,
        required: spec.demanded(),
        groups: BTreeSet::new(),
        layers: Layers::default(),
    }
}

/// Eight random bytes as a number, for names and ids that no other run has.
fn fresh_number() -> io::Result<u64> {
    draw::<8>(&mut SystemEntropy::default()).map(u64::from_le_bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use prism_core::image::ImageConfig;

    use super::*;

    #[test]
    fn who_could_not_be_executed_is_called_by_its_kind() {
        let explained = |runtime, path: &str| {
            let error = RunError::NotExecuted { path: path.into(), reason: "ENOENT".to_owned() };
            explain(&RunSpec::new("/work", "/algorithm", runtime), error)
        };
        let host = WasmHost { executable: "/opt/prism-wasm".into(), engine: String::new() };
        let error = explained(Runtime::Wasm(host), "/env/wasm-host");
        assert!(matches!(&error, RunError::WasmHost { path, .. } if path == Path::new("/opt/prism-wasm")), "{error}");
        let error = explained(Runtime::Binary, "/algorithm/program");
        assert!(matches!(&error, RunError::Spec { .. }), "{error}");
        // An image's words are no words of the agent's.
        let error = explained(Runtime::Image(ImageConfig::default()), &"\u{1b}[2J\n".repeat(1000)).to_string();
        assert!(error.len() < 400 && error.contains("\\u{1b}[2J\\n") && !error.contains('\u{1b}'), "{error}");
    }
}

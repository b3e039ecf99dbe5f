//! The install phase of a run: from a lock to an environment, before anything else of the run is there.

use std::io;
use std::path::{Path, PathBuf};

use prism_core::audit::entry::{Packages, PackagesOrigin};
use prism_core::code::message;
use prism_core::digest::Digest;
use prism_core::requirements::{Lock, Target};
use rustix::fs::{AtFlags, CWD, Gid, Uid, chownat, fchown};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::requirements::{
    Environment, KeepEnvironments, Kept, KeptError, LOCK_NAME, Plan, RequirementsError, Until, choose_wheels,
    environment_key, read_lock,
};
use super::sandbox::wire::{Job, Order};
use super::spec::{Python, Requirements};
use super::supervise::{Execution, execute};
use super::watch::Walked;
use super::{End, Layer, Progress, Run, RunError, order, tree};
use crate::index::PackageIndex;

/// What is installed: which files of which folder, and under which name the environment is kept.
struct Chosen {
    wheels: PathBuf,
    plan: Plan,
    key: Option<String>,
}

/// An environment that is there already, or what has to be installed.
enum Means {
    Nothing,
    Kept(Environment),
    Wheels(Chosen),
}

/// What the program finds installed.
#[derive(Debug, Default)]
pub(super) struct Installed {
    /// The kept environment that it is in; nobody makes way with it as long as this lives.
    environment: Option<Environment>,
    pub(super) packages: Option<Packages>,
}

impl Installed {
    /// Where the environment is kept, if it is.
    pub(super) fn kept(&self) -> Option<PathBuf> {
        self.environment.as_ref().map(|environment| environment.path.clone())
    }
}

/// Installs the requirements in a sandbox that has neither datasets nor results nor a network.
pub(super) async fn install(
    run: &Run,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
    cancel: &CancellationToken,
    until: Instant,
) -> Result<Installed, RunError> {
    let patience = Until { cancel: cancel.clone(), deadline: Some(until.into_std()) };
    let means = tokio::select! {
        // Who has nothing to choose is done at once, also when the time is over: the run says that itself.
        biased;
        means = choose(run, &patience) => means?,
        () = cancel.cancelled() => return Err(RunError::Stopped),
        () = tokio::time::sleep_until(until) => {
            let complaint = "the wheels were still being fetched".to_owned();
            return Err(RunError::requirements(RequirementsError::Failed { end: End::WallLimit, complaint }));
        }
    };
    let Chosen { wheels, plan, key } = match means {
        Means::Nothing => return Ok(Installed::default()),
        Means::Kept(environment) => {
            progress(Progress::Reusing);
            let packages = Some(Packages { origin: PackagesOrigin::Kept, wheels: environment.wheels });
            return Ok(Installed { environment: Some(environment), packages });
        }
        Means::Wheels(chosen) => chosen,
    };
    let digest = plan.digest();
    let execution = Execution {
        helper: &run.spec.helper,
        walked: Walked {
            paths: run.disks.paths().map(Path::to_owned).collect(),
            limit: run.spec.limits.install_bytes,
            files: 0,
            datasets: None,
        },
        order: installing(run, Job::Install { wheels, files: plan.files }),
        capture: (&run.spec.work, "install-"),
        until,
        cancel,
    };
    let executed = execute(execution, &mut |layers| progress(Progress::Installing(layers))).await;
    let executed = match executed {
        Ok(executed) => executed,
        Err(
            error @ (RunError::Stopped | RunError::WallLimit | RunError::NoRoom { .. } | RunError::LayerMissing { .. }),
        ) => return Err(error),
        Err(error) => return Err(RunError::requirements(RequirementsError::Sandbox(Box::new(error)))),
    };
    match executed.end {
        End::Exited(0) => {
            let environment = close(run, key.map(|key| (key, digest)), patience).await?;
            let packages = Some(Packages { origin: PackagesOrigin::Installed, wheels: digest });
            Ok(Installed { environment, packages })
        }
        End::Stopped => Err(RunError::Stopped),
        end => {
            Err(RunError::requirements(RequirementsError::from_end(end, &executed.stdout.path, &executed.stderr.path)))
        }
    }
}

/// What the installer gets: nothing of the run's but its user, its limits and its sandbox.
fn installing(run: &Run, job: Job) -> Order {
    let mut order = Order { job, ..order(run) };
    order.environment.clear();
    order.required.remove(&Layer::DatasetsCopy);
    order.devices.clear();
    order
}

/// Takes the environment from the installer and, if it is to be kept, moves it there. Neither a stop nor the end of the
/// run's time waits for a disk that synchronises.
async fn close(run: &Run, name: Option<(String, Digest)>, until: Until) -> Result<Option<Environment>, RunError> {
    let disks: Vec<PathBuf> = run.disks.paths().map(Path::to_owned).collect();
    let tidied = disks.clone();
    let tidied = tokio::task::spawn_blocking(move || tidy(&tidied)).await;
    tidied.map_err(|_| RunError::Helper { found: "a panic" })?.map_err(RunError::io("close the environment"))?;
    let (Some(root), Some(name)) = (run.spec.kept.clone(), name) else { return Ok(None) };
    let made = disks.iter().map(|disk| disk.join("env")).find(|env| env.exists());
    let Some(made) = made else { return Ok(None) };
    let (cancel, deadline) = (until.cancel.clone(), until.deadline.map(Instant::from_std));
    let kept = tokio::task::spawn_blocking(move || keep(&root, name, &made, &until));
    tokio::select! {
        kept = kept => kept.map_err(|_| RunError::Helper { found: "a panic" })?,
        () = cancel.cancelled() => Err(RunError::Stopped),
        () = over(deadline) => {
            let complaint = "the environment was still being kept".to_owned();
            Err(RunError::requirements(RequirementsError::Failed { end: End::WallLimit, complaint }))
        }
    }
}

async fn over(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Keeps an environment: the run goes on without that if the system refuses, and nobody waits for others to make way.
/// Blocks.
fn keep(
    root: &KeepEnvironments,
    (name, wheels): (String, Digest),
    made: &Path,
    until: &Until,
) -> Result<Option<Environment>, RunError> {
    let attempt = |kept: Kept| {
        let environment = kept.keep((&name, wheels), made, until);
        drop(tokio::task::spawn_blocking(move || kept.make_way(&name)));
        environment
    };
    match Kept::open(root).and_then(attempt) {
        Err(error @ KeptError::Io { .. }) if made.exists() => {
            tracing::warn!(error = %message(&error), "an environment could not be kept");
            Ok(None)
        }
        kept => kept.map_err(not_kept),
    }
}

/// Why an environment was neither kept nor found.
fn not_kept(error: KeptError) -> RunError {
    match error {
        KeptError::Stopped { .. } => RunError::Stopped,
        KeptError::Late { .. } => {
            RunError::requirements(RequirementsError::Failed { end: End::WallLimit, complaint: error.to_string() })
        }
        error => RunError::requirements(error.into()),
    }
}

async fn choose(run: &Run, until: &Until) -> Result<Means, RunError> {
    let Some(python) = run.spec.runtime.python() else { return Ok(Means::Nothing) };
    let (python, root, until) = (python.clone(), run.spec.kept.clone(), until.clone());
    match python.requirements.clone() {
        Requirements::None => Ok(Means::Nothing),
        Requirements::Offline { dir } => {
            let chosen = tokio::task::spawn_blocking(move || among(&dir, &python, root.as_ref(), &until));
            chosen.await.map_err(|_| RunError::Helper { found: "a panic" })?
        }
        Requirements::Index { lock, index } => {
            let (target, wheels) =
                (python.interpreter.target.clone(), run.disks.paths().next().unwrap_or(&run.spec.work).join("wheels"));
            let folder = wheels.clone();
            let before = move || before_asking((&lock, &folder), &python, root.as_ref(), &until);
            let before = tokio::task::spawn_blocking(before);
            let (lock, key, found) = before.await.map_err(|_| RunError::Helper { found: "a panic" })??;
            if let Some(environment) = found {
                return Ok(Means::Kept(environment));
            }
            let plan = fetch(&index, (&lock, &target), &wheels, run.spec.limits.install_bytes).await;
            Ok(Means::Wheels(Chosen { wheels, plan: plan.map_err(RunError::requirements)?, key }))
        }
    }
}

/// The lock, the name of its environment, and where that is if it is kept; else there is a folder for wheels. Blocks.
fn before_asking(
    (lock, wheels): (&Path, &Path),
    python: &Python,
    root: Option<&KeepEnvironments>,
    until: &Until,
) -> Result<(Lock, Option<String>, Option<Environment>), RunError> {
    let (text, lock) = read_lock(lock).map_err(RunError::requirements)?;
    let key = root.is_some().then(|| environment_key(&text, None, &python.interpreter));
    let found = find(root, key.as_deref(), until)?;
    if found.is_none() {
        std::fs::create_dir(wheels).map_err(RunError::io("make a directory for the wheels"))?;
    }
    Ok((lock, key, found))
}

/// What is installed of a folder with a lock and wheels. Blocks.
fn among(dir: &Path, python: &Python, root: Option<&KeepEnvironments>, until: &Until) -> Result<Means, RunError> {
    let (text, lock) = read_lock(&dir.join(LOCK_NAME)).map_err(RunError::requirements)?;
    let plan = choose_wheels(&lock, &python.interpreter.target, dir, &until.cancel).map_err(RunError::requirements)?;
    let plan = plan.ok_or(RunError::Stopped)?;
    let key = root.is_some().then(|| environment_key(&text, Some(&plan), &python.interpreter));
    if let Some(environment) = find(root, key.as_deref(), until)? {
        return Ok(Means::Kept(environment));
    }
    let wheels = dir.canonicalize().map_err(RunError::io("find the requirements"))?;
    Ok(Means::Wheels(Chosen { wheels, plan, key }))
}

/// The environment of this name, if environments are kept and there is one. Blocks.
fn find(root: Option<&KeepEnvironments>, key: Option<&str>, until: &Until) -> Result<Option<Environment>, RunError> {
    let (Some(root), Some(key)) = (root, key) else { return Ok(None) };
    Kept::open(root).and_then(|kept| kept.find(key, until)).map_err(not_kept)
}

#[cfg(feature = "pull")]
async fn fetch(
    index: &PackageIndex,
    wanted: (&Lock, &Target),
    folder: &Path,
    most: u64,
) -> Result<Plan, RequirementsError> {
    crate::index::fetch(index, wanted, folder, most, std::sync::Arc::new(|_| {})).await
}

#[cfg(not(feature = "pull"))]
#[expect(clippy::unused_async, reason = "with `pull` it asks a network")]
async fn fetch(_: &PackageIndex, _: (&Lock, &Target), _: &Path, _: u64) -> Result<Plan, RequirementsError> {
    Err(RequirementsError::Index(crate::index::IndexError::NotBuiltIn))
}

/// Takes the environment back from the installer's user and removes everything else that it had.
fn tidy(disks: &[PathBuf]) -> io::Result<()> {
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    for disk in disks {
        if disk.join("env").exists() {
            take_back(&disk.join("env"), own)?;
        }
        for name in ["space", "root", "code", "auxiliary", "lower", "wheels"] {
            tree::remove(&disk.join(name))?;
        }
    }
    Ok(())
}

fn take_back(path: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    let top = tree::open(CWD, path)?;
    let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    fchown(&top, owner, group)?;
    tree::visit(top, &mut |directory, name, stat| {
        if stat.st_uid != uid || stat.st_gid != gid {
            chownat(directory, name, owner, group, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(tree::Next::On)
    })
    .map_err(io::Error::from)
}

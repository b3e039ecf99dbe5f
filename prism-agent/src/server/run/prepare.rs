//! From the manifest's terms and the accepted assets to what the runner executes.

use std::fs;
use std::io;
use std::path::PathBuf;

use prism_core::code::{Code, Coded};
use prism_core::manifest::{Install, Manifest};
use prism_core::name::Name;
use tokio_util::sync::CancellationToken;

use super::super::engine::Engine;
use super::super::store::create_private;
use super::super::upload::disk_code;
use super::unpack::{UnpackAssetError, Unpacker};
use super::{Setting, asset};
use crate::index::IndexError;
use crate::runner::{
    AuxiliaryInput, DatasetInput, Layer, Limits, Python, Requirements, RunSpec, Runtime, UnknownLayer,
};
use crate::server::means::Program;

/// Why a run could not be prepared.
#[derive(Debug, thiserror::Error)]
pub(super) enum PrepareError {
    /// An asset that should be an archive is none, is unsafe, or does not fit.
    #[error(transparent)]
    Unpack(#[from] UnpackAssetError),
    /// The manifest demands a sandbox layer that this agent has never heard of.
    #[error(transparent)]
    Layer(#[from] UnknownLayer),
    /// The manifest wants packages from an index, and the operator named none.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The agent's disk refused.
    #[error("expected to lay out the run's files, found an error of the system")]
    Disk(#[from] io::Error),
}

impl Coded for PrepareError {
    fn code(&self) -> Code {
        match self {
            Self::Unpack(error) => error.code(),
            Self::Layer(_) => Code::SandboxUnavailable,
            Self::Index(error) => error.code(),
            Self::Disk(error) => disk_code(error.kind()),
        }
    }
}

impl PrepareError {
    /// The code, if it is the agent that cannot go on and not what the participants brought.
    pub(super) fn fault_of_agent(&self) -> Option<Code> {
        match self {
            Self::Disk(error) => Some(disk_code(error.kind())),
            Self::Unpack(error @ (UnpackAssetError::NoRoom { .. } | UnpackAssetError::Disk { .. })) => {
                Some(error.code())
            }
            Self::Unpack(_) | Self::Layer(_) | Self::Index(_) => None,
        }
    }
}

/// Unpacks what has to be unpacked and says what to run, unless `cancel` comes first. Blocking threads only.
pub(super) fn spec(engine: &Engine, setting: &Setting, cancel: &CancellationToken) -> Result<RunSpec, PrepareError> {
    let config = &setting.runner;
    let unpacker = Unpacker { room: engine.store().room(), limits: &setting.unpacking, cancel };
    let manifest = engine.signed().manifest();
    let root = engine.store().run();
    let work = root.join("work");
    fs::create_dir(&work)?;
    keep_output(engine, &work)?;
    let (algorithm, runtime) = match &setting.means.program {
        Program::Python(interpreter) => {
            let python = Python::new(interpreter.clone(), requirements(engine, setting, &unpacker)?);
            (algorithm(engine, &unpacker)?, Runtime::Python(python))
        }
        Program::Binary => (algorithm(engine, &unpacker)?, Runtime::Binary),
        Program::Image(architecture) => {
            let (file, folder) = (asset(engine, &manifest.algorithm.name), root.join("algorithm"));
            let config = unpacker.image(&file, &folder, *architecture)?;
            (folder, Runtime::Image(config))
        }
        Program::Wasm(host) => (algorithm(engine, &unpacker)?, Runtime::Wasm(host.clone())),
    };
    let mut spec = RunSpec::new(work, algorithm, runtime);
    spec.helper.clone_from(&config.helper);
    spec.kept.clone_from(&config.keep_environments);
    let terms = &manifest.algorithm;
    spec.entry = terms.unpack.then(|| terms.entry.clone());
    spec.args.clone_from(&terms.args);
    spec.environment = terms.environment.iter().map(|v| (v.name.clone(), v.value.clone())).collect();
    spec.datasets = datasets(engine, manifest, &unpacker)?;
    spec.auxiliary = auxiliary(engine, &unpacker)?;
    spec.devices.clone_from(&setting.means.devices);
    spec.limits = Limits::from(&terms.limits);
    spec.limits.install_bytes = config.install_bytes.unwrap_or(spec.limits.install_bytes);
    spec.required = terms.sandbox.iter().map(|layer| Layer::try_from(*layer)).collect::<Result<_, _>>()?;
    Ok(spec)
}

/// Lets what the runner captures appear where `Logs` reads it, live: two names of one file. What nobody may read is not
/// kept: it goes with the run.
fn keep_output(engine: &Engine, work: &std::path::Path) -> io::Result<()> {
    let policy = &engine.signed().manifest().logs;
    let has_readers = |stream: &[Name]| !stream.is_empty();
    let stdout = has_readers(&policy.stdout) || has_readers(&policy.metrics);
    let streams = [("stdout", stdout), ("stderr", has_readers(&policy.stderr))];
    for (stream, _) in streams.into_iter().filter(|(_, kept)| *kept) {
        let kept = engine.store().output(stream);
        create_private(&kept)?;
        fs::hard_link(&kept, work.join(stream))?;
    }
    Ok(())
}

fn algorithm(engine: &Engine, unpacker: &Unpacker<'_>) -> Result<PathBuf, PrepareError> {
    let terms = &engine.signed().manifest().algorithm;
    let file = asset(engine, &terms.name);
    if !terms.unpack {
        return Ok(file);
    }
    let folder = engine.store().run().join("algorithm");
    unpacker.unpack(&file, &folder)?;
    Ok(folder)
}

fn requirements(engine: &Engine, setting: &Setting, unpacker: &Unpacker<'_>) -> Result<Requirements, PrepareError> {
    let Some(terms) = &engine.signed().manifest().algorithm.requirements else {
        return Ok(Requirements::None);
    };
    let file = asset(engine, &terms.name);
    if terms.install == Install::Index {
        let index = setting.runner.index.clone().ok_or(IndexError::NotConfigured)?;
        return Ok(Requirements::Index { lock: file, index: Box::new(index) });
    }
    let dir = engine.store().run().join("requirements");
    unpacker.unpack(&file, &dir)?;
    Ok(Requirements::Offline { dir })
}

fn auxiliary(engine: &Engine, unpacker: &Unpacker<'_>) -> Result<Vec<AuxiliaryInput>, PrepareError> {
    let files = &engine.signed().manifest().algorithm.auxiliary;
    let folders = engine.store().run().join("auxiliary");
    fs::create_dir(&folders)?;
    let mut inputs = Vec::new();
    for file in files {
        let mut path = asset(engine, &file.name);
        if file.unpack {
            let folder = folders.join(file.name.as_str());
            unpacker.unpack(&path, &folder)?;
            path = folder;
        }
        inputs.push(AuxiliaryInput::new(&file.path, path));
    }
    Ok(inputs)
}

fn datasets(engine: &Engine, manifest: &Manifest, unpacker: &Unpacker<'_>) -> Result<Vec<DatasetInput>, PrepareError> {
    let folders = engine.store().run().join("datasets");
    fs::create_dir(&folders)?;
    let mut inputs = Vec::new();
    for dataset in &manifest.datasets {
        let mut path = asset(engine, &dataset.name);
        if dataset.unpack {
            let folder = folders.join(dataset.path.as_str());
            unpacker.unpack(&path, &folder)?;
            path = folder;
        }
        inputs.push(DatasetInput::new(dataset.path.clone(), path));
    }
    Ok(inputs)
}

//! What to run, on what, and within which bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prism_core::image::ImageConfig;
use prism_core::manifest;
use prism_core::name::Name;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::interpreter::Interpreter;
use super::layers::Layer;
use super::requirements::KeepEnvironments;
use super::wasm_host::WasmHost;
use crate::index::PackageIndex;

/// The program that builds the sandbox, and what it is called with before the one argument that makes it the helper.
///
/// By default the host program itself (`/proc/self/exe`), which has to call
/// [`helper_main_if_asked`](super::helper_main_if_asked) first thing in `main`. A host that is an interpreter names
/// itself and a script that calls [`helper_main`](super::helper_main).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelperProgram {
    /// What is executed.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<OsString>,
}

impl Default for HelperProgram {
    fn default() -> Self {
        Self { program: PathBuf::from("/proc/self/exe"), arguments: Vec::new() }
    }
}

impl From<PathBuf> for HelperProgram {
    /// A program that is called without other arguments.
    fn from(program: PathBuf) -> Self {
        Self { program, arguments: Vec::new() }
    }
}

/// One execution of an algorithm: every path is the agent's, none of them is visible to the program under this name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunSpec {
    /// The program that builds the sandbox.
    pub helper: HelperProgram,
    /// A directory that belongs to this run alone (mode 0700): captured output and the installed environment.
    /// Made if absent; the caller removes it when it has what it wants.
    pub work: PathBuf,
    /// The algorithm: a file, or an unpacked folder with [`RunSpec::entry`] in it.
    pub algorithm: PathBuf,
    /// The file to start, relative to the algorithm's folder; ignored when the algorithm is a file.
    pub entry: Option<String>,
    /// Arguments, handed over as they are; there is no shell.
    pub args: Vec<String>,
    /// Variables from the manifest, added to a clean environment.
    pub environment: BTreeMap<String, String>,
    /// What appears in `datasets/`.
    pub datasets: Vec<DatasetInput>,
    /// What appears in `HOME`, where the program may read it.
    pub auxiliary: Vec<AuxiliaryInput>,
    /// Device nodes that the program may open, beside the few that every run has.
    pub devices: Vec<PathBuf>,
    /// How the algorithm is executed.
    pub runtime: Runtime,
    /// Where environments with installed requirements are kept for later runs. `None` makes them anew for every run.
    pub kept: Option<KeepEnvironments>,
    /// Bounds on the run.
    pub limits: Limits,
    /// What of its wall time is over already, for example with unpacking.
    pub spent: Duration,
    /// Layers without which nothing is executed; [`Layer::floor`] is always demanded in addition.
    pub required: BTreeSet<Layer>,
}

impl RunSpec {
    /// An algorithm with a runtime and a work directory of its own; everything else at its default.
    #[must_use]
    pub fn new(work: impl Into<PathBuf>, algorithm: impl Into<PathBuf>, runtime: Runtime) -> Self {
        Self {
            helper: HelperProgram::default(),
            work: work.into(),
            algorithm: algorithm.into(),
            entry: None,
            args: Vec::new(),
            environment: BTreeMap::new(),
            datasets: Vec::new(),
            auxiliary: Vec::new(),
            devices: Vec::new(),
            runtime,
            kept: None,
            limits: Limits::default(),
            spent: Duration::ZERO,
            required: BTreeSet::new(),
        }
    }

    /// What must be active before anything is executed.
    #[must_use]
    pub fn demanded(&self) -> BTreeSet<Layer> {
        self.required.union(&Layer::floor()).copied().collect()
    }
}

/// A dataset as the run gets it.
#[derive(Clone, Debug)]
pub struct DatasetInput {
    /// Its name in `datasets/`.
    pub name: Name,
    /// The agent's copy: a file, or a directory that was unpacked before. It is never written to.
    pub path: PathBuf,
}

impl DatasetInput {
    /// The file or directory `path` under the name `name`.
    #[must_use]
    pub fn new(name: Name, path: impl Into<PathBuf>) -> Self {
        Self { name, path: path.into() }
    }
}

/// A file or directory beside the program, as the run gets it.
#[derive(Clone, Debug)]
pub struct AuxiliaryInput {
    /// Where it appears: a plain relative path below `HOME`.
    pub place: String,
    /// The agent's copy. It is never written to.
    pub path: PathBuf,
}

impl AuxiliaryInput {
    /// The file or directory `path` at `place` below `HOME`.
    #[must_use]
    pub fn new(place: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { place: place.into(), path: path.into() }
    }
}

/// How an algorithm is executed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Runtime {
    /// A Python program.
    Python(Python),
    /// An ELF executable for this machine.
    Binary,
    /// A WebAssembly module for WASI preview 1.
    Wasm(WasmHost),
    /// An image, unpacked: the algorithm is the folder that becomes the program's root, this is what it says of itself.
    Image(ImageConfig),
}

impl Runtime {
    /// The requirements and the interpreter they are for, if there can be any.
    pub(super) const fn python(&self) -> Option<&Python> {
        match self {
            Self::Python(python) => Some(python),
            Self::Binary | Self::Wasm(_) | Self::Image(_) => None,
        }
    }
}

/// A Python program's interpreter and packages.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Python {
    /// The interpreter, found by the agent.
    pub interpreter: Interpreter,
    /// The packages.
    pub requirements: Requirements,
}

impl Python {
    /// An interpreter with packages.
    #[must_use]
    pub const fn new(interpreter: Interpreter, requirements: Requirements) -> Self {
        Self { interpreter, requirements }
    }
}

/// Packages that are installed before any dataset is visible, in a sandbox of their own that has no network.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Requirements {
    /// The standard library is enough.
    #[default]
    None,
    /// Wheels that came with the computation.
    Offline {
        /// A folder with `requirements.lock`, every line pinned by hash, and the wheels.
        dir: PathBuf,
    },
    /// Wheels from a package index, which the agent asks itself.
    Index {
        /// The lock file, every line pinned by hash.
        lock: PathBuf,
        /// The operator's index.
        index: Box<PackageIndex>,
    },
}

/// Bounds on one run. Crossing one ends the run with a reason of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of memory, all processes together.
    pub memory_bytes: u64,
    /// Processor time in thousandths of a processor: 2000 is two.
    pub cpu_milli: u32,
    /// Processes and threads at one time.
    pub processes: u32,
    /// Open files of one process.
    pub open_files: u32,
    /// Bytes that the run may write: results and temporary files, and changed datasets if they have no bound of their own.
    pub disk_bytes: u64,
    /// Bytes that the run may write in its copy of the datasets; `None` if they count as `disk_bytes`.
    pub datasets_bytes: Option<u64>,
    /// Bytes of `/dev/shm`.
    pub shm_bytes: u64,
    /// Bytes of stdout, and as many of stderr.
    pub output_bytes: u64,
    /// Seconds from start to end, preparation and installation of the requirements included.
    pub wall_seconds: u64,
    /// Bytes of disk for installing the requirements.
    pub install_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        Self {
            memory_bytes: 4 * GIB,
            cpu_milli: 2000,
            processes: 256,
            open_files: 1024,
            disk_bytes: 2 * GIB,
            datasets_bytes: None,
            shm_bytes: GIB / 4,
            output_bytes: 16 << 20,
            wall_seconds: 3600,
            install_bytes: 16 * GIB,
        }
    }
}

impl From<&manifest::Limits> for Limits {
    /// The manifest's bounds; what a manifest does not name stays at the agent's default, `/dev/shm` at most at a
    /// quarter of the memory.
    fn from(terms: &manifest::Limits) -> Self {
        let default = Self::default();
        Self {
            memory_bytes: terms.memory_bytes,
            cpu_milli: terms.cpu_milli,
            processes: terms.processes,
            open_files: terms.open_files,
            disk_bytes: terms.disk_bytes,
            datasets_bytes: terms.datasets_bytes,
            shm_bytes: default.shm_bytes.min(terms.memory_bytes / 4),
            output_bytes: terms.output_bytes,
            wall_seconds: terms.wall_seconds,
            install_bytes: default.install_bytes,
        }
    }
}

impl Limits {
    /// The wall time as a duration.
    #[must_use]
    pub const fn wall(&self) -> Duration {
        Duration::from_secs(self.wall_seconds)
    }

    /// Whole processors, at least one: how many threads make sense.
    #[must_use]
    pub const fn processors(&self) -> u32 {
        let whole = self.cpu_milli.div_ceil(1000);
        if whole == 0 { 1 } else { whole }
    }
}

/// What files and directories are, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// What copies take on a disk, at most: whole blocks, and one for each name.
    pub(crate) bytes: u64,
    /// Files and directories.
    pub(crate) entries: u64,
}

/// What these files and directories are; whatever was seen until somebody stops it.
pub(crate) fn contents_of<'a>(sources: impl Iterator<Item = &'a Path>, until: &CancellationToken) -> Contents {
    const BLOCK: u64 = 4096;
    let mut pending: Vec<PathBuf> = sources.map(Path::to_owned).collect();
    let mut found = Contents::default();
    while let Some(path) = pending.pop().filter(|_| !until.is_cancelled()) {
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        found.bytes = found.bytes.saturating_add(meta.len().next_multiple_of(BLOCK)).saturating_add(BLOCK);
        found.entries = found.entries.saturating_add(1);
        if meta.is_dir() {
            pending.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    found
}

/// Files and directories that a run may have which may write so many bytes: empty ones cost the machine something too.
pub(crate) const fn files_within(bytes: u64) -> u64 {
    let files = bytes / 4096;
    if files < 20_000 {
        20_000
    } else if files > 4_000_000 {
        4_000_000
    } else {
        files
    }
}

/// The file to start inside the algorithm's folder, if it is a plain relative path.
pub(crate) fn plain_relative(entry: &str) -> Option<&Path> {
    let path = Path::new(entry);
    let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    (plain && !entry.is_empty()).then_some(path)
}

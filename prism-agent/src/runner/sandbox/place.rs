//! Where the program lives: the same layout in a root of its own, or on the agent's disk where there is none.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::thread::UnshareFlags;

use super::identity::Who;
use super::root::Broken;
use super::wire::{Job, Order, Program};
use super::{During, Failure, image, root, stage, sys};
use crate::runner::layers::{Layer, Layers};

/// The WebAssembly host in the environment's directory.
pub(super) const WASM_HOST: &str = "wasm-host";

/// Where a private root has memory that is shared by name.
pub(super) const SHARED_MEMORY: &str = "/dev/shm";

/// The paths as the program sees them.
pub(super) struct Place {
    /// Working directory, with `datasets/` and `results/`.
    pub(super) work: PathBuf,
    pub(super) home: PathBuf,
    pub(super) temporary: PathBuf,
    /// Python environment: writable while installing, read-only while running.
    pub(super) environment: PathBuf,
    /// The algorithm's file or folder, or the requirements' folder.
    pub(super) code: PathBuf,
    /// The working directory, open, for the agent.
    pub(super) work_fd: OwnedFd,
    /// `/dev/shm`, open, where it is the run's own.
    pub(super) shared_memory: Option<OwnedFd>,
    /// Whether paths outside are out of sight.
    pub(super) private: bool,
}

impl Place {
    /// The place below `base`, with `code` as it is called there.
    pub(super) fn at(base: &Path, environment: PathBuf, code: PathBuf, private: bool) -> Result<Self, Failure> {
        let work = base.join("work");
        let work_fd = open(&work).during("open the working directory")?;
        let shared_memory = private.then(|| open(SHARED_MEMORY.as_ref())).transpose().during("open /dev/shm")?;
        let home = base.join("home").join("prism");
        Ok(Self { work, home, temporary: base.join("tmp"), environment, code, work_fd, shared_memory, private })
    }

    /// What the agent gets to see.
    pub(super) fn seen(&self) -> impl Iterator<Item = &OwnedFd> {
        std::iter::once(&self.work_fd).chain(&self.shared_memory)
    }

    /// The WebAssembly host, in a run that has one.
    pub(super) fn wasm_host(&self) -> PathBuf {
        self.environment.join(WASM_HOST)
    }
}

/// Opens a directory of the place.
pub(super) fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Builds the place in a root of its own; on disk where the machine permits none. `None` when there is none for an image.
pub(super) fn build(order: &Order, who: &Who, layers: &mut Layers) -> Result<Option<Place>, Failure> {
    let unavailable = match try_root(order, who, layers) {
        Ok(place) => return Ok(Some(place)),
        Err(Broken::Fatal(failure)) => return Err(failure),
        Err(Broken::Unavailable(failure)) => failure,
    };
    layers.unavailable(Layer::MountNamespace, unavailable.to_string());
    if order.image().is_some() {
        return Ok(None);
    }
    stage::build(order, who, layers).map(Some)
}

fn try_root(order: &Order, who: &Who, layers: &mut Layers) -> Result<Place, Broken> {
    if !layers.is_active(Layer::PidNamespace) {
        return Err(Failure::new("mount /proc", "needs pid-namespace").into());
    }
    sys::unshare(UnshareFlags::NEWNS).during("leave the mount namespace")?;
    let built = match order.image() {
        Some(terms) => image::build(order, terms, who, layers),
        None => root::build(order, who, layers),
    };
    if let Err(Broken::Unavailable(_)) = built {
        root::undo(order);
    }
    built
}

/// The algorithm or the requirements: what the program reads and never writes.
pub(super) fn code_source(order: &Order) -> &Path {
    match &order.job {
        Job::Install { wheels, .. } => wheels,
        Job::Run { algorithm, .. } => algorithm,
    }
}

/// The file below the algorithm that is executed itself, empty when it is the algorithm.
pub(super) fn executable(order: &Order) -> Option<&Path> {
    match (&order.program, &order.job) {
        (Program::Binary, Job::Run { entry, .. }) => Some(entry.as_deref().unwrap_or_else(|| Path::new(""))),
        _ => None,
    }
}

/// The name under which a single file appears in its folder.
pub(super) fn file_name(path: &Path) -> Result<&std::ffi::OsStr, Failure> {
    path.file_name().ok_or_else(|| Failure::new("name the algorithm", "no file name"))
}

/// Makes the directories of the run's writable space below `base`, owned by `who`.
pub(super) fn make_space(base: &Path, who: &Who) -> io::Result<()> {
    for name in ["work", "work/results", "work/datasets", "tmp", "home", "home/prism"] {
        let path = base.join(name);
        std::fs::create_dir_all(&path)?;
        if who.separate {
            std::os::unix::fs::lchown(&path, Some(who.uid), Some(who.gid))?;
        }
    }
    Ok(())
}

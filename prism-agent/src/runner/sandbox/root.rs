//! A root of the run's own: memory, read-only views of system libraries and the interpreter, and nothing else.

pub(super) mod system;

use std::ffi::CString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, mount_remount, unmount,
};

use super::identity::Who;
use super::place::{Place, WASM_HOST, code_source, executable, file_name, make_space};
use super::wire::{Job, Order};
use super::{During, Failure, dataset, image, stage, sys};
use crate::runner::interpreter::Interpreter;
use crate::runner::layers::{Layer, Layers};
use crate::runner::requirements::lay_out_environment;
use crate::runner::tree;

pub(super) const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
const PLAIN: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// What went wrong: before anything that cannot be undone, or after.
pub(super) enum Broken {
    /// This machine does not permit it; the run may go on without.
    Unavailable(Failure),
    /// The program's view is half made: nothing may run.
    Fatal(Failure),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(failure)
    }
}

/// Builds the root and enters it.
pub(super) fn build(order: &Order, who: &Who, layers: &mut Layers) -> Result<Place, Broken> {
    std::env::set_current_dir(&order.scratch).during("enter the scratch directory")?;
    let any = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", any).during("keep mounts private")?;
    let root = Path::new("root");
    memory(root, "mode=755,size=16m,nr_inodes=16k").during("mount the root")?;
    system::show(root, who)?;
    // The machine permits a root. What fails from here on is no reason to run without one: a full disk, say.
    let code = fill(order, who, root, layers).map_err(Broken::Fatal)?;
    enter(root).map_err(Broken::Fatal)?;
    sys::restrict_mount(Path::new("/"), READ_ONLY, false).during("make the root read-only").map_err(Broken::Fatal)?;
    layers.active(Layer::MountNamespace, "private root");
    layers.active(Layer::DiskLimit, if matches!(order.job, Job::Run { .. }) { "tmpfs" } else { "polling" });
    Place::at(Path::new("/"), PathBuf::from("/env"), code, true).map_err(Broken::Fatal)
}

/// Shows all that the run has; the result is where its code is.
fn fill(order: &Order, who: &Who, root: &Path, layers: &mut Layers) -> Result<PathBuf, Failure> {
    for device in &order.devices {
        bind(device, &under(root, device), None).during("show a device")?;
    }
    show_space(order, who, root)?;
    let code = show_code(order, who, root)?;
    show_auxiliary(order, who, root)?;
    show_environment(order, who, root)?;
    show_interpreter(order, root)?;
    show_wasm_host(order, who, root)?;
    if let Job::Run { datasets, .. } = &order.job {
        dataset::show((datasets, &root.join("work/datasets")), who, order, layers)?;
    }
    Ok(code)
}

/// Takes back what a failed [`build`] left behind.
pub(super) fn undo(order: &Order) {
    for name in ["root", "space", "changes", image::LOWER] {
        let _ = unmount(order.scratch.join(name), UnmountFlags::DETACH);
    }
    let _ = tree::remove(&order.scratch.join("lower"));
}

/// The run's writable space: one piece of memory with the disk limit as its size. Installers unpack on disk: no
/// dataset is there yet, and wheels are large.
fn show_space(order: &Order, who: &Who, root: &Path) -> Result<(), Failure> {
    if matches!(order.job, Job::Run { .. }) {
        mount_space(order)?;
    }
    make_space(Path::new("space"), who).during("make the run's space")?;
    for name in ["work", "tmp", "home/prism"] {
        bind(&Path::new("space").join(name), &root.join(name), None).during("show the run's space")?;
    }
    show_shared_memory(order, root)
}

pub(super) fn show_shared_memory(order: &Order, root: &Path) -> Result<(), Failure> {
    let shm = root.join("dev/shm");
    memory(&shm, &format!("mode=1777,size={},nr_inodes=20000", order.limits.shm_bytes)).during("mount /dev/shm")
}

pub(super) fn mount_space(order: &Order) -> Result<(), Failure> {
    let bytes = order.limits.disk_bytes;
    let options = format!("mode=711,size={bytes},nr_inodes={}", order.files(bytes));
    memory(Path::new("space"), &options).during("mount the run's space")
}

/// Makes room in the run's space for copies of the datasets, which are no writing of the run's.
pub(super) fn widen_space(order: &Order) -> io::Result<()> {
    let bytes = order.limits.disk_bytes.saturating_add(order.datasets.bytes);
    let options = CString::new(format!("size={bytes},nr_inodes={}", order.files(bytes)))?;
    Ok(mount_remount("space", PLAIN, options.as_c_str())?)
}

/// The algorithm's folder, or the requirements', read-only and readable by the run's user.
fn show_code(order: &Order, who: &Who, root: &Path) -> Result<PathBuf, Failure> {
    let source = code_source(order);
    let inside = Path::new("algorithm");
    let executable = executable(order);
    let shown = if executable.is_some() || (who.separate && !stage::is_public(source)) {
        let copy = Path::new("code").join(file_name(source)?);
        stage::claim(std::iter::once(source), Path::new("."))?;
        stage::copy_public(source, &copy).during("copy the algorithm")?;
        stage::make_executable(&copy, executable).during("make the algorithm executable")?;
        copy
    } else {
        source.to_owned()
    };
    let target = if source.is_dir() { inside.to_owned() } else { inside.join(file_name(source)?) };
    bind(&shown, &root.join(&target), Some(READ_ONLY)).during("show the algorithm")?;
    Ok(Path::new("/").join(target))
}

/// Each auxiliary file where the program looks for it, read-only.
pub(super) fn show_auxiliary(order: &Order, who: &Who, root: &Path) -> Result<(), Failure> {
    let Job::Run { auxiliary, .. } = &order.job else { return Ok(()) };
    for (number, (target, source)) in auxiliary.iter().enumerate() {
        let shown = if who.separate && !stage::is_public(source) {
            let copy = Path::new("auxiliary").join(number.to_string());
            stage::claim(std::iter::once(source.as_path()), Path::new("."))?;
            stage::copy_public(source, &copy).during("copy an auxiliary file")?;
            copy
        } else {
            source.to_owned()
        };
        let home = Path::new("space/home/prism");
        stage::make_way(home, target, who).during("make way for an auxiliary file")?;
        bind(&shown, &root.join("home/prism").join(target), Some(READ_ONLY)).during("show an auxiliary file")?;
    }
    Ok(())
}

fn show_environment(order: &Order, who: &Who, root: &Path) -> Result<(), Failure> {
    if let Some(kept) = &order.kept {
        return bind(kept, &root.join("env"), Some(READ_ONLY)).during("show the environment");
    }
    let Some(interpreter) = order.interpreter() else { return Ok(()) };
    lay_out_environment(Path::new("env"), interpreter).during("lay out the environment")?;
    let installing = matches!(order.job, Job::Install { .. });
    if installing && who.separate {
        stage::give(Path::new("env"), who, true).during("hand over the environment")?;
    }
    let attributes = if installing { None } else { Some(READ_ONLY) };
    bind(Path::new("env"), &root.join("env"), attributes).during("show the environment")
}

fn show_interpreter(order: &Order, root: &Path) -> Result<(), Failure> {
    let Some(Interpreter { executable, prefix, .. }) = order.interpreter() else { return Ok(()) };
    if system::shows(executable) && system::shows(&prefix.join("lib")) {
        return Ok(());
    }
    bind(prefix, &under(root, prefix), Some(READ_ONLY)).during("show the interpreter")
}

fn show_wasm_host(order: &Order, who: &Who, root: &Path) -> Result<(), Failure> {
    let Some(host) = order.wasm_host() else { return Ok(()) };
    let shown = if who.separate && !stage::is_public(host) {
        let copy = Path::new("env").join(WASM_HOST);
        stage::claim(std::iter::once(host), Path::new("."))?;
        stage::copy_public(host, &copy).during("copy the WebAssembly host")?;
        copy
    } else {
        host.to_owned()
    };
    bind(&shown, &root.join("env").join(WASM_HOST), Some(READ_ONLY)).during("show the WebAssembly host")
}

/// An absolute path below the new root.
pub(super) fn under(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

pub(super) fn memory(target: &Path, options: &str) -> io::Result<()> {
    fs::create_dir_all(target)?;
    let options = CString::new(options)?;
    Ok(mount("tmpfs", target, "tmpfs", PLAIN, options.as_c_str())?)
}

/// Shows `source` at `target`, which is made if absent.
pub(super) fn bind(source: &Path, target: &Path, attributes: Option<u64>) -> io::Result<()> {
    if source.is_dir() {
        fs::create_dir_all(target)?;
    } else {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::File::create(target)?;
    }
    mount_bind_recursive(source, target)?;
    attributes.map_or(Ok(()), |attributes| sys::restrict_mount(target, attributes, true))
}

/// Makes `root` the root, and what was there before unreachable.
pub(super) fn enter(root: &Path) -> Result<(), Failure> {
    std::env::set_current_dir(root).during("enter the root")?;
    rustix::process::pivot_root(".", ".").during("change the root")?;
    unmount(".", UnmountFlags::DETACH).during("leave the old root")?;
    std::env::set_current_dir("/").during("enter the root")
}

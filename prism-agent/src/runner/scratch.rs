//! The disk space that the agent gives to one run, removed when dropped.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::fresh_number;

/// A directory tree that disappears with this value.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new directory below `base` that only this user may enter.
    pub(crate) fn create(base: &Path) -> io::Result<Self> {
        for _ in 0..100 {
            let path = base.join(format!("prism-run-{:016x}", fresh_number()?));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path: path.canonicalize()? }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// One in the system's temporary directory, if this is root and another user could not even reach `work`.
    pub(crate) fn fallback(work: &Path) -> io::Result<Option<Self>> {
        let needed = rustix::process::geteuid().is_root() && !reachable_by_others(work);
        needed.then(|| Self::create(&std::env::temp_dir())).transpose()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_tree(&self.path);
    }
}

/// Removes a tree although a program took permissions away inside it. Nothing may run there any more.
///
/// # Errors
/// What the system says of the first thing that stays.
pub(crate) fn try_remove_tree(path: &Path) -> io::Result<()> {
    if fs::remove_dir_all(path).is_ok() {
        return Ok(());
    }
    open_up(path);
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The same for whoever can only go on.
pub(crate) fn remove_tree(path: &Path) {
    if let Err(error) = try_remove_tree(path) {
        tracing::warn!(%error, "a run's scratch directory could not be removed");
    }
}

fn open_up(path: &Path) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    if !meta.is_dir() || fs::set_permissions(path, Permissions::from_mode(0o700)).is_err() {
        return;
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        open_up(&entry.path());
    }
}

fn reachable_by_others(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    path.ancestors().all(|part| fs::metadata(part).is_ok_and(|meta| meta.mode() & 0o001 != 0))
}

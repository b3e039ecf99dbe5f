//! The disk space that the agent gives to one run, removed when dropped.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{fresh_number, tree};

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

/// Removes a tree, for whoever can only go on if that does not work.
pub(crate) fn remove_tree(path: &Path) {
    if let Err(error) = tree::remove(path) {
        tracing::warn!(%error, "a run's scratch directory could not be removed");
    }
}

fn reachable_by_others(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    path.ancestors().all(|part| fs::metadata(part).is_ok_and(|meta| meta.mode() & 0o001 != 0))
}

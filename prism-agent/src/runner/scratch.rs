//! The disk space that the agent gives to one run, removed when dropped, or by the next agent if this one dies before.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};

use super::{fresh_number, tree};

/// What every name begins with.
const PREFIX: &str = "prism-run-";

/// A directory tree that disappears with this value.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    /// As long as it is locked, somebody lives who will remove it.
    _lock: OwnedFd,
}

impl Scratch {
    /// A new directory below `base` that only this user may enter.
    pub(crate) fn create(base: &Path) -> io::Result<Self> {
        for _ in 0..100 {
            let path = base.join(format!("{PREFIX}{:016x}", fresh_number()?));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => match lock(&path) {
                    Ok(lock) => return Ok(Self { path: path.canonicalize()?, _lock: lock }),
                    // Somebody who sweeps was faster: it gets another name.
                    Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotFound) => {}
                    Err(error) => {
                        remove_tree(&path);
                        return Err(error);
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// One in the system's temporary directory, if this is root and another user could not even reach `work`.
    fn fallback(work: &Path) -> io::Result<Option<Self>> {
        let needed = rustix::process::geteuid().is_root() && !reachable_by_others(work);
        needed.then(|| Self::create(&std::env::temp_dir())).transpose()
    }

    /// Whether this is the name of one.
    pub(crate) fn is_named(name: &OsStr) -> bool {
        name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
    }

    /// Removes what agents of this user that died left in `base`.
    pub(crate) fn sweep(base: &Path) {
        let own = rustix::process::geteuid().as_raw();
        for entry in fs::read_dir(base).into_iter().flatten().flatten() {
            let path = entry.path();
            if Self::is_named(&entry.file_name())
                && fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir() && meta.uid() == own)
                // Held until it is gone.
                && let Ok(_lock) = lock(&path)
            {
                remove_tree(&path);
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The lock of a directory, which the kernel takes back from the dead.
fn lock(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(CWD, path, flags, Mode::empty())?;
    flock(&directory, FlockOperation::NonBlockingLockExclusive)?;
    // It may have been swept and gone before it was locked.
    fs::symlink_metadata(path)?;
    Ok(directory)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove_tree(&self.path);
    }
}

/// The disk space of one run. Removing a tree of a million files takes its time: no thread of the runtime waits for it.
#[derive(Debug)]
pub(super) struct Disks(Vec<Scratch>);

impl Disks {
    /// A directory below `work`, and another one if a user of the run's own could not reach the first. Blocks.
    pub(super) fn create(work: &Path) -> io::Result<Self> {
        Ok(Self(std::iter::once(Scratch::create(work)?).chain(Scratch::fallback(work)?).collect()))
    }

    /// The directories, the one below `work` first.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(Scratch::path)
    }

    /// They go with what has them now.
    pub(super) fn take(mut self) -> Vec<Scratch> {
        std::mem::take(&mut self.0)
    }

    /// Removes them, and waits for that.
    pub(super) async fn remove(self) {
        let disks = self.take();
        // Whoever stops waiting does not keep them from being removed.
        let _ = tokio::task::spawn_blocking(move || drop(disks)).await;
    }
}

impl Drop for Disks {
    fn drop(&mut self) {
        let disks = std::mem::take(&mut self.0);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !disks.is_empty() => drop(runtime.spawn_blocking(move || drop(disks))),
            _ => drop(disks),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_thread_of_the_runtime_removes_a_tree() {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        runtime.block_on(async {
            // The one thread that may wait has something else to do.
            let busy = tokio::task::spawn_blocking(move || wait.recv());
            let disks = Disks::create(home.path()).unwrap();
            let path = disks.paths().next().unwrap().to_owned();
            drop(disks);
            assert!(path.exists());
            drop(release);
            assert!(busy.await.unwrap().is_err());
            Disks::create(home.path()).unwrap().remove().await;
            assert!(!path.exists());
        });
    }

    #[test]
    fn what_the_dead_left_is_removed_and_nothing_of_the_living() {
        let base = tempfile::tempdir().unwrap();
        let alive = Scratch::create(base.path()).unwrap();
        let dead = base.path().join("prism-run-0000000000000000");
        fs::create_dir_all(dead.join("space")).unwrap();
        let other = base.path().join("something");
        fs::create_dir(&other).unwrap();
        Scratch::sweep(base.path());
        assert!(alive.path().exists() && other.exists() && !dead.exists());
    }
}

//! A directory taken for a root: whatever symbolic links lie in it, every path ends inside.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, chownat, mkdirat, openat2, statat, unlinkat,
};
use rustix::io::Errno;

use super::tree;

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Follow symbolic links as if this directory were the root; nothing of `/proc` is followed.
const INSIDE: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

/// How often a path with `..` in a link is looked up again: the kernel gives up when anything is renamed meanwhile.
const TRIES: u32 = 64;

/// A directory that is a root of its own.
#[derive(Debug)]
pub(super) struct Rooted(OwnedFd);

impl Rooted {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// The directory at `path`, through links that stay inside.
    pub(super) fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        self.open_inside(path, DIRECTORY)
    }

    /// Opens what is at `path`, through links that stay inside.
    pub(super) fn open_inside(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let mut result = Err(Errno::AGAIN);
        for _ in 0..TRIES {
            result = openat2(&self.0, path, flags | OFlags::CLOEXEC, Mode::empty(), INSIDE);
            if !matches!(result, Err(Errno::AGAIN | Errno::INTR)) {
                break;
            }
        }
        Ok(result?)
    }

    /// The directory at `path`; it and those above it are made where they are absent, and announced to `made`.
    pub(super) fn make(
        &self,
        path: &Path,
        made: &mut dyn FnMut(BorrowedFd<'_>, &OsStr) -> io::Result<()>,
    ) -> io::Result<OwnedFd> {
        match self.directory(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let parent = self.make(parent, made)?;
        mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
        made(parent.as_fd(), name)?;
        self.directory(path)
    }

    /// A real directory `name` at the top: anything else of this name goes.
    pub(super) fn real(&self, name: &str) -> io::Result<()> {
        if kind(self.0.as_fd(), OsStr::new(name))? != Some(FileType::Directory) {
            remove(self.0.as_fd(), OsStr::new(name), &mut || Ok(()))?;
            mkdirat(&self.0, name, Mode::from_raw_mode(0o755))?;
        }
        Ok(())
    }
}

impl AsFd for Rooted {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a name in a directory stands for, without following it; `None` for nothing.
pub(super) fn kind(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<Option<FileType>> {
    match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Gives a name in a directory to a user, without following it.
pub(super) fn give(parent: BorrowedFd<'_>, name: &OsStr, (uid, gid): (u32, u32)) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    Ok(chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Removes a name from a directory, with everything below it; whether it was more than a file. `go_on` is asked before
/// anything of a directory is removed, again and again.
pub(super) fn remove(
    parent: BorrowedFd<'_>,
    name: &OsStr,
    go_on: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<bool> {
    match kind(parent, name)? {
        None => Ok(false),
        Some(FileType::Directory) => {
            tree::remove_at(parent, name, go_on)?;
            Ok(true)
        }
        Some(kind) => {
            unlinkat(parent, name, AtFlags::empty())?;
            Ok(kind == FileType::Symlink)
        }
    }
}

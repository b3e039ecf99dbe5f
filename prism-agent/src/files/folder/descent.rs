//! Opening the files of a folder one after the other: relative to the directory that holds them, and never through a
//! link.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use crate::files::FileError;

/// Goes from file to file in the order of their names: the directories on the way to the present one stay open, at most
/// [`DEPTH_MAX`](prism_core::archive::DEPTH_MAX) of them.
pub(super) struct Descent<'a> {
    root: BorrowedFd<'a>,
    path: &'a Path,
    before: &'a str,
    /// Where each directory's path ends in `before`, and the directory.
    open: Vec<(usize, OwnedFd)>,
}

/// A regular file that is open for reading.
#[derive(Debug)]
pub(super) struct Opened {
    file: OwnedFd,
    size: u64,
}

impl<'a> Descent<'a> {
    /// Starts at the directory `root`, which errors call `path`.
    pub(super) fn new(root: &'a OwnedFd, path: &'a Path) -> Self {
        Self { root: root.as_fd(), path, before: "", open: Vec::new() }
    }

    /// Opens a file that the walk found to be regular, and refuses what has taken its place since.
    pub(super) fn open(&mut self, name: &'a str) -> Result<Opened, FileError> {
        let shared = self.before.bytes().zip(name.bytes()).take_while(|(before, now)| before == now).count();
        self.open.retain(|(end, _)| *end < shared);
        self.before = name;
        let mut start = self.open.last().map_or(0, |(end, _)| end + 1);
        while let Some(length) = name.get(start..).and_then(|rest| rest.find('/')) {
            let end = start + length;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let directory = self.child(name, start, end, flags)?;
            self.open.push((end, directory));
            start = end + 1;
        }
        // A pipe at this place must not make the open wait.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = self.child(name, start, name.len(), flags)?;
        let facts = fstat(&file).map_err(|error| self.error("inspect", name, error))?;
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::RegularFile => Ok(Opened { file, size: u64::try_from(facts.st_size).unwrap_or_default() }),
            found => Err(FileError::NotRegular { path: self.path.join(name), found: word(found) }),
        }
    }

    /// Opens the part of `name` between `start` and `end` in the innermost directory.
    fn child(&self, name: &str, start: usize, end: usize, flags: OFlags) -> Result<OwnedFd, FileError> {
        let within = self.open.last().map_or(self.root, |(_, directory)| directory.as_fd());
        let part = name.get(start..end).unwrap_or_default();
        let path = name.get(..end).unwrap_or_default();
        openat(within, part, flags, Mode::empty()).map_err(|error| match error {
            // What these stand for depends on the flags and the system: look.
            Errno::LOOP | Errno::NOTDIR | Errno::NXIO => match statat(within, part, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(facts) => {
                    let found = word(FileType::from_raw_mode(facts.st_mode));
                    FileError::NotRegular { path: self.path.join(path), found }
                }
                Err(error) => self.error("inspect", path, error),
            },
            error => self.error("open", path, error),
        })
    }

    fn error(&self, verb: &'static str, name: &str, error: Errno) -> FileError {
        FileError::io(verb, &self.path.join(name))(error.into())
    }
}

impl Opened {
    /// The number of bytes when it was opened.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        rustix::io::read(&self.file, buffer).map_err(io::Error::from)
    }
}

/// The word for a kind of file that is not taken.
fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        _ => "a device",
    }
}

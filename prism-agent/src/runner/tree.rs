//! Trees that a program shaped: as deep, as wide and as locked as it liked. Nothing here recurses or follows a link,
//! and what is open and in memory at a time has a bound of its own.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, chmod, fstat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::fresh_number;

/// Directories within directories that are visited: more than any program needs, fewer than files may be open.
pub(crate) const DEPTH_MAX: usize = 128;

/// Opens a directory, and opens it up if its owner, the agent's user, has locked it. Nothing else is opened.
pub(crate) fn open(parent: impl AsFd, name: impl Arg + Copy) -> io::Result<OwnedFd> {
    let directory = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(&parent, name, directory | OFlags::RDONLY, Mode::empty()) {
        Ok(fd) if fstat(&fd)?.st_mode & 0o700 == 0o700 => Ok(fd),
        Ok(_) | Err(Errno::ACCESS) => {
            let path = openat(&parent, name, directory | OFlags::PATH, Mode::empty())?;
            // By its number: between looking and changing, a name could become a link.
            let _ = chmod(format!("/proc/self/fd/{}", path.as_raw_fd()), Mode::RWXU);
            Ok(openat(&path, ".", directory | OFlags::RDONLY, Mode::empty())?)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a visitor says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Go on.
    On,
    /// Nothing more has to be seen.
    Enough,
}

/// Why a tree was not seen to its end.
#[derive(Debug)]
pub(crate) enum Unseen {
    /// Deeper than [`DEPTH_MAX`].
    TooDeep,
    /// The visitor's or the system's error.
    Io(io::Error),
}

impl From<io::Error> for Unseen {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Unseen> for io::Error {
    fn from(unseen: Unseen) -> Self {
        match unseen {
            Unseen::TooDeep => Self::from(io::ErrorKind::InvalidData),
            Unseen::Io(error) => error,
        }
    }
}

/// Shows everything below `top` to `visit`: the directory that has it, its name there, and what it is. The tree may
/// change meanwhile: what vanishes is left out.
pub(crate) fn visit(
    top: OwnedFd,
    visit: &mut dyn FnMut(BorrowedFd<'_>, &CStr, &Stat) -> io::Result<Next>,
) -> Result<(), Unseen> {
    let mut open_now = vec![Dir::new(top).map_err(io::Error::from)?];
    while let Some(directory) = open_now.last_mut() {
        let Some(entry) = directory.next() else {
            open_now.pop();
            continue;
        };
        let entry = entry.map_err(io::Error::from)?;
        let name = entry.file_name();
        if is_dots(name) {
            continue;
        }
        let here = directory.fd().map_err(io::Error::from)?;
        let Ok(stat) = statat(here, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        if visit(here, name, &stat)? == Next::Enough {
            return Ok(());
        }
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            continue;
        }
        let Ok(child) = open(here, name) else { continue };
        if open_now.len() >= DEPTH_MAX {
            return Err(Unseen::TooDeep);
        }
        open_now.push(Dir::new(child).map_err(io::Error::from)?);
    }
    Ok(())
}

/// Removes a tree although a program took permissions away inside it. Nothing may run there any more.
///
/// # Errors
/// What the system says of the first thing that stays.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    remove_at(CWD, path, &mut || Ok(()))
}

/// Removes the tree `name` of a directory, as [`remove`] does, as long as `go_on` says nothing against it.
pub(crate) fn remove_at(
    parent: impl AsFd,
    name: impl Arg + Copy,
    go_on: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<()> {
    match open(&parent, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        top => clear(top?, go_on)?,
    }
    Ok(unlinkat(&parent, name, AtFlags::REMOVEDIR)?)
}

/// Removes everything in a directory, as long as `go_on` says nothing against it.
pub(crate) fn clear(top: OwnedFd, go_on: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
    Removal { top, go_on, stamp: fresh_number()?, lifted: 0, emptied: 0 }.everything()
}

/// Directories within directories that are emptied where they are.
const LEVELS: usize = 64;

/// A removal: what is deeper than [`LEVELS`] moves up to the top before its turn comes.
struct Removal<'a> {
    top: OwnedFd,
    /// Asked before each entry.
    go_on: &'a mut dyn FnMut() -> io::Result<()>,
    /// Makes names that no program can have foreseen.
    stamp: u64,
    lifted: u64,
    emptied: u64,
}

impl Removal<'_> {
    fn everything(&mut self) -> io::Result<()> {
        loop {
            let (mut progress, mut failure) = (false, None);
            for entry in Dir::read_from(&self.top)? {
                let entry = entry?;
                if is_dots(entry.file_name()) {
                    continue;
                }
                match self.with_what_is_lifted(entry.file_name()) {
                    Ok(()) => progress = true,
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            match failure {
                _ if progress => {}
                Some(failure) => return Err(failure),
                None => return Ok(()),
            }
        }
    }

    /// Removes an entry of the top, and every directory that was found below it.
    fn with_what_is_lifted(&mut self, name: &CStr) -> io::Result<()> {
        let mut removed = self.entry(name);
        while self.emptied < self.lifted {
            let name = self.name(self.emptied)?;
            self.emptied += 1;
            removed = removed.and(self.entry(&name));
        }
        removed
    }

    fn entry(&mut self, name: &CStr) -> io::Result<()> {
        (self.go_on)()?;
        if unlink(&self.top, name)? {
            return Ok(());
        }
        let mut levels = vec![Level::enter(&self.top, name)?];
        while let Some(level) = levels.last_mut() {
            if let Some(found) = level.next()? {
                (self.go_on)()?;
                if unlink(&level.fd, &found)? {
                    continue;
                }
                if levels.len() < LEVELS {
                    let inner = levels.last().map(|level| Level::enter(&level.fd, &found)).transpose()?;
                    levels.extend(inner);
                } else if let Some(level) = levels.last() {
                    self.lift(&level.fd, &found)?;
                }
                continue;
            }
            let Some(done) = levels.pop() else { break };
            let parent = levels.last().map_or(&self.top, |level| &level.fd);
            match unlinkat(parent, &*done.name, AtFlags::REMOVEDIR) {
                // A directory may skip names while others are taken out of it.
                Err(Errno::NOTEMPTY | Errno::EXIST) if done.found => levels.push(done.again()?),
                removed => removed?,
            }
        }
        Ok(())
    }

    fn lift(&mut self, directory: &OwnedFd, name: &CStr) -> io::Result<()> {
        let above = self.name(self.lifted)?;
        if renameat(directory, name, &self.top, &above).is_err() {
            // To have another parent, it has to be writable itself.
            drop(open(directory, name)?);
            renameat(directory, name, &self.top, &above)?;
        }
        self.lifted += 1;
        Ok(())
    }

    fn name(&self, number: u64) -> io::Result<CString> {
        Ok(CString::new(format!("{:016x}-{number}", self.stamp))?)
    }
}

/// A directory that is being emptied.
struct Level {
    name: CString,
    fd: OwnedFd,
    entries: Dir,
    /// Whether anything was in it.
    found: bool,
}

impl Level {
    fn enter(parent: &OwnedFd, name: &CStr) -> io::Result<Self> {
        let fd = open(parent, name)?;
        let entries = Dir::read_from(&fd)?;
        Ok(Self { name: name.to_owned(), fd, entries, found: false })
    }

    fn again(self) -> io::Result<Self> {
        let entries = Dir::read_from(&self.fd)?;
        Ok(Self { entries, found: false, ..self })
    }

    fn next(&mut self) -> io::Result<Option<CString>> {
        for entry in self.entries.by_ref() {
            let entry = entry?;
            if !is_dots(entry.file_name()) {
                self.found = true;
                return Ok(Some(entry.file_name().to_owned()));
            }
        }
        Ok(None)
    }
}

/// Removes a name that is no directory, or an empty one; false if it is a directory with something in it.
fn unlink(directory: &OwnedFd, name: &CStr) -> io::Result<bool> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(true),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    match unlinkat(directory, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

#[cfg(test)]
mod tests;

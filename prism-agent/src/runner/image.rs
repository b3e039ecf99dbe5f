//! Images on the agent's disk: unpacked into a directory that stands for the image's root, and what of it is executed.
//!
//! The agent unpacks, not the sandbox: what reads the image is `prism_core::image`, memory-safe from the tar's headers
//! to the last decompressed byte, and only the agent knows the room on its disk and when somebody stops the run. No
//! path of an image is ever resolved by the system from anywhere but the image's own root.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use prism_core::image::{FileTerms, ImageConfig, ImagePath, Sink};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, chmodat, fchmod, futimens, linkat, mkdirat, openat, statat,
    symlinkat,
};
use rustix::io::Errno;

use super::outcome::RunError;
use super::rooted::{self, Rooted};
use super::tree;

/// What a file or directory takes on the disk beside its bytes.
pub(crate) const BLOCK: u64 = 4096;

/// Directories within directories, links of the image followed.
const DEPTH_MAX: usize = 120;

/// Told of bytes of the disk before they are taken; its error ends unpacking.
pub(crate) type Take<'a> = dyn FnMut(u64) -> io::Result<()> + 'a;

/// A directory that stands for an image's root while the image is unpacked.
pub(crate) struct ImageFolder<'a> {
    root: Rooted,
    /// Where the root lies, as the system says it.
    depth: usize,
    take: &'a mut Take<'a>,
    /// Directories that no entry names may still be made.
    implied: u64,
    /// The directory of the entry before, which is mostly that of the next.
    last: Option<(Vec<u8>, OwnedFd)>,
}

impl<'a> ImageFolder<'a> {
    /// The empty directory `path`, to which nobody else writes. At most `entries` directories are made in it that no
    /// entry names.
    pub(crate) fn open(path: &Path, entries: u64, take: &'a mut Take<'a>) -> io::Result<Self> {
        let root = Rooted::open(path)?;
        let depth = depth(root.as_fd())?;
        Ok(Self { root, depth, take, implied: entries, last: None })
    }

    /// The directory in which `path` lies, made if it is absent.
    fn parent(&mut self, path: &ImagePath) -> io::Result<OwnedFd> {
        let (parent, _) = path.split();
        let parent = parent.as_ref().map(ImagePath::as_bytes).unwrap_or_default();
        if let Some((_, fd)) = self.last.as_ref().filter(|(last, _)| last == parent) {
            return fd.try_clone();
        }
        let (take, implied) = (&mut *self.take, &mut self.implied);
        let mut made = |_: BorrowedFd<'_>, _: &OsStr| {
            *implied = implied.checked_sub(1).ok_or(io::ErrorKind::InvalidInput)?;
            take(BLOCK)
        };
        let fd = self.root.make(Path::new(OsStr::from_bytes(parent)), &mut made)?;
        // Links lead deeper than names say; what walks over the image later has a bound.
        if depth(fd.as_fd())? > self.depth + DEPTH_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.last = Some((parent.to_vec(), fd.try_clone()?));
        Ok(fd)
    }

    /// The directory in which `path` lies, if there is one.
    fn existing_parent(&self, path: &ImagePath) -> io::Result<Option<OwnedFd>> {
        let (parent, _) = path.split();
        let parent = parent.as_ref().map(ImagePath::as_bytes).unwrap_or_default();
        match self.root.directory(Path::new(OsStr::from_bytes(parent))) {
            Ok(fd) => Ok(Some(fd)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes way for an entry.
    fn vacate(&mut self, parent: &OwnedFd, name: &OsStr) -> io::Result<()> {
        // Nothing is taken; whoever stops the run is heard.
        let take = &mut *self.take;
        if rooted::remove(parent.as_fd(), name, &mut || take(0))? {
            self.last = None;
        }
        Ok(())
    }
}

fn name_of(path: &ImagePath) -> &OsStr {
    OsStr::from_bytes(path.split().1)
}

/// How deep a directory lies.
fn depth(fd: BorrowedFd<'_>) -> io::Result<usize> {
    Ok(std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?.components().count())
}

impl Sink for ImageFolder<'_> {
    fn directory(&mut self, path: &ImagePath, mode: u32) -> io::Result<()> {
        let (parent, name) = (self.parent(path)?, name_of(path));
        if rooted::kind(parent.as_fd(), name)? != Some(FileType::Directory) {
            self.vacate(&parent, name)?;
            (self.take)(BLOCK)?;
            mkdirat(&parent, name, Mode::RWXU)?;
        }
        // Not through a link: it is a directory.
        Ok(chmodat(&parent, name, Mode::from_raw_mode(mode | 0o700), AtFlags::empty())?)
    }

    fn file(&mut self, path: &ImagePath, terms: FileTerms) -> io::Result<Box<dyn Write + '_>> {
        let (parent, name) = (self.parent(path)?, name_of(path));
        self.vacate(&parent, name)?;
        (self.take)(BLOCK)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&parent, name, flags, Mode::RUSR | Mode::WUSR)?;
        fchmod(&file, Mode::from_raw_mode(terms.mode | 0o600))?;
        Ok(Box::new(Piece { file: file.into(), take: self.take, modified: terms.modified }))
    }

    fn symlink(&mut self, path: &ImagePath, target: &[u8]) -> io::Result<()> {
        let (parent, name) = (self.parent(path)?, name_of(path));
        self.vacate(&parent, name)?;
        (self.take)(BLOCK)?;
        Ok(symlinkat(OsStr::from_bytes(target), &parent, name)?)
    }

    fn hard_link(&mut self, path: &ImagePath, target: &ImagePath) -> io::Result<()> {
        let (parent, name) = (self.parent(path)?, name_of(path));
        let from = self.existing_parent(target)?.ok_or(io::ErrorKind::NotFound)?;
        let stat = statat(&from, name_of(target), AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        match statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) if (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino) => return Ok(()),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        self.vacate(&parent, name)?;
        (self.take)(BLOCK)?;
        Ok(linkat(&from, name_of(target), &parent, name, AtFlags::empty())?)
    }

    fn remove(&mut self, path: &ImagePath) -> io::Result<()> {
        let Some(parent) = self.existing_parent(path)? else { return Ok(()) };
        self.vacate(&parent, name_of(path))
    }

    fn clear(&mut self, path: Option<&ImagePath>) -> io::Result<()> {
        self.last = None;
        let top = match path {
            None => tree::open(&self.root, ".")?,
            Some(path) => {
                let Some(parent) = self.existing_parent(path)? else { return Ok(()) };
                if rooted::kind(parent.as_fd(), name_of(path))? != Some(FileType::Directory) {
                    return Ok(());
                }
                tree::open(&parent, name_of(path))?
            }
        };
        let take = &mut *self.take;
        tree::clear(top, &mut || take(0))
    }
}

/// A file in the making.
struct Piece<'f, 'a> {
    file: File,
    take: &'f mut Take<'a>,
    modified: u64,
}

impl Write for Piece<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.take)(bytes.len() as u64)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Interpreters compare times with what they compiled before.
        let time = Timespec { tv_sec: i64::try_from(self.modified).unwrap_or_default(), tv_nsec: 0 };
        Ok(futimens(&self.file, &Timestamps { last_access: time, last_modification: time })?)
    }
}

/// What is executed: the image's entrypoint, then `args`, or the image's own arguments when there are none.
pub(super) fn command(config: &ImageConfig, args: &[String]) -> Result<Vec<String>, RunError> {
    let args = if args.is_empty() { &config.cmd } else { args };
    let command: Vec<String> = config.entrypoint.iter().chain(args).cloned().collect();
    if command.first().is_none_or(String::is_empty) {
        let found = "neither, and no arguments in the manifest".to_owned();
        return Err(RunError::Spec { expected: "an image with an entrypoint or a command", found });
    }
    Ok(command)
}

/// Most characters of an image's words in an error.
const SHOWN_MAX: usize = 200;

/// An image's words as they stand in an error: escaped and not too many.
pub(super) fn shown(words: &str) -> String {
    words.chars().flat_map(char::escape_debug).take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests;

mod pieces;

use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use prism_core::digest::Hasher;
use rustix::io::preadv;

use super::measure::{measure, open_regular};
use super::{Change, FileError, Folder, Measured};
pub(crate) use pieces::Pieces;

/// Where the bytes of an asset come from: a file, a folder (as its canonical archive) or memory. It can be read as
/// often as needed and from any offset, so that a broken upload resumes.
#[derive(Clone, Debug)]
pub struct Source(Kind);

#[derive(Clone, Debug)]
enum Kind {
    File { path: PathBuf, file: Arc<File> },
    Folder(Folder),
    Memory(Bytes),
    Custom(Custom),
}

/// Bytes that a host program holds in its own way, such as an array of another language. They can be read from anywhere,
/// as often as needed, and are the same each time.
pub trait ReadAt: Send + Sync {
    /// The number of bytes.
    fn length(&self) -> u64;

    /// Fills `buffer` from `offset` on, wholly unless the end comes first, and says how many bytes it wrote.
    ///
    /// # Errors
    /// What the host says; the reading ends with it.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

#[derive(Clone)]
struct Custom(Arc<dyn ReadAt>);

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of the host program", self.0.length())
    }
}

impl Source {
    /// Opens a file or a folder. The file stays open: what is measured is what is sent, even when another file takes
    /// its name in between.
    ///
    /// # Errors
    /// [`FileError`] when nothing is there, or something that is neither.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let facts = std::fs::metadata(path).map_err(FileError::io("inspect", path))?;
        if facts.is_dir() {
            return Ok(Self(Kind::Folder(Folder::open(path)?)));
        }
        let file = Arc::new(open_regular(path)?);
        Ok(Self(Kind::File { path: path.to_owned(), file }))
    }

    /// Takes bytes that are in memory already.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Kind::Memory(bytes.into()))
    }

    /// Takes bytes that the host program goes on holding; they are read piece by piece and never copied as a whole.
    #[must_use]
    pub fn from_host(bytes: Arc<dyn ReadAt>) -> Self {
        Self(Kind::Custom(Custom(bytes)))
    }

    /// Digest and size in one pass; `progress` hears the number of bytes read so far.
    ///
    /// # Errors
    /// [`FileError`] when the source cannot be read.
    pub fn measure(&self, hasher: Hasher, progress: &mut dyn FnMut(u64)) -> Result<Measured, FileError> {
        match &self.0 {
            Kind::Folder(folder) => folder.measure(hasher, progress),
            Kind::File { path, .. } => {
                measure(&mut self.reader(0)?, hasher, progress).map_err(FileError::io("read", path))
            }
            Kind::Memory(_) | Kind::Custom(_) => {
                measure(&mut self.reader(0)?, hasher, progress).map_err(FileError::io("read", Path::new("memory")))
            }
        }
    }

    /// The checksum of Cocos AI, which is always a SHA3-256: of a file, of bytes, or of the archive that it makes of a
    /// folder (see [`Folder::measure_cocos`], which says what that depends on).
    ///
    /// # Errors
    /// [`FileError`] when the source cannot be read.
    pub fn measure_cocos(&self, progress: &mut dyn FnMut(u64)) -> Result<Measured, FileError> {
        match &self.0 {
            Kind::Folder(folder) => folder.measure_cocos(progress),
            _ => self.measure(Hasher::sha3_256(), progress),
        }
    }

    /// The folder, if it is one.
    #[must_use]
    pub const fn folder(&self) -> Option<&Folder> {
        match &self.0 {
            Kind::Folder(folder) => Some(folder),
            _ => None,
        }
    }

    /// The bytes from `offset` on.
    ///
    /// # Errors
    /// [`FileError`] when the source cannot be read; a reader's own errors come later, from `read`.
    pub fn reader(&self, offset: u64) -> Result<Box<dyn Read + Send>, FileError> {
        match &self.0 {
            Kind::File { file, .. } => Ok(Box::new(Positioned { file: Arc::clone(file), offset })),
            Kind::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(Box::new(bytes.slice(start..).reader()))
            }
            Kind::Custom(bytes) => Ok(Box::new(Held { bytes: Arc::clone(&bytes.0), offset })),
            Kind::Folder(folder) => Ok(Box::new(folder.reader(offset)?)),
        }
    }
}

impl Source {
    /// The bytes of `span` in pieces of `size`, the last one shorter; bytes in memory are shared and not copied.
    ///
    /// # Errors
    /// [`FileError`] as for [`reader`](Self::reader).
    pub(crate) fn pieces(&self, span: Range<u64>, size: usize) -> Result<Pieces, FileError> {
        if let Kind::Memory(bytes) = &self.0 {
            let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(Pieces::of_bytes(bytes.slice(at(span.start)..at(span.end)), size));
        }
        let length = span.end - span.start;
        Ok(Pieces::of_reader(Box::new(self.reader(span.start)?.take(length)), size))
    }

    /// Whether it can be read from anywhere at once. Several parts of another source are better read one by one.
    pub(crate) const fn is_seekable(&self) -> bool {
        !matches!(self.0, Kind::Folder(_))
    }

    /// What a file looks like from outside; nothing of a folder, which compares what it reads by itself, and of memory.
    pub(crate) fn stamp(&self) -> Result<Option<Stamp>, FileError> {
        let Kind::File { path, file } = &self.0 else { return Ok(None) };
        let facts = file.metadata().map_err(FileError::io("inspect", path))?;
        Ok(Some(Stamp { size: facts.len(), written: (facts.mtime(), facts.mtime_nsec()) }))
    }

    /// Refuses a file that somebody wrote to since `before`, and one of which not as many bytes as then were `read`.
    pub(crate) fn require_same(&self, before: Option<Stamp>, read: u64) -> Result<(), FileError> {
        let (Kind::File { path, .. }, Some(before), Some(now)) = (&self.0, before, self.stamp()?) else {
            return Ok(());
        };
        let change = match [now.size, read].into_iter().find(|size| *size != before.size) {
            Some(now) => Change::Size { before: before.size, now },
            None if now != before => Change::Content,
            None => return Ok(()),
        };
        Err(FileError::Changed { path: path.clone(), change })
    }

    /// The number of its bytes, if that is known without reading them: not of a folder.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Kind::File { file, .. } => file.metadata().ok().map(|facts| facts.len()),
            Kind::Memory(bytes) => Some(bytes.len() as u64),
            Kind::Custom(bytes) => Some(bytes.0.length()),
            Kind::Folder(_) => None,
        }
    }
}

/// What tells from outside that a file was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    /// When it was last written to: seconds and nanoseconds.
    written: (i64, i64),
}

/// Reads what a host program holds.
struct Held {
    bytes: Arc<dyn ReadAt>,
    offset: u64,
}

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read_at(buffer, self.offset)?.min(buffer.len());
        self.offset += n as u64;
        Ok(n)
    }
}

/// Reads a shared file at its own position.
struct Positioned {
    file: Arc<File>,
    offset: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let n = preadv(&*self.file, buffers, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use prism_core::digest::{Digest, Hasher};
use rustix::fs::OFlags;

use super::{FileError, kind_of};

/// How many bytes are read at a time.
const STEP: usize = 256 * 1024;

/// What one pass over some bytes found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measured {
    /// Their digest.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
}

/// A writer that keeps nothing of what it is given but digest and size.
#[derive(Debug)]
pub struct Measure {
    hasher: Hasher,
    size: u64,
}

impl Measure {
    /// Starts with a hasher, of the caller's algorithm and salt.
    #[must_use]
    pub const fn new(hasher: Hasher) -> Self {
        Self { hasher, size: 0 }
    }

    /// Bytes seen so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Digest and size of everything written.
    #[must_use]
    pub fn finish(self) -> Measured {
        Measured { digest: self.hasher.finish(), size: self.size }
    }
}

impl Write for Measure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads to the end in one pass with constant memory; `progress` hears the number of bytes read so far.
///
/// # Errors
/// What the reader says.
pub fn measure(reader: &mut dyn Read, hasher: Hasher, progress: &mut dyn FnMut(u64)) -> io::Result<Measured> {
    let mut sum = Measure::new(hasher);
    let mut buffer = vec![0; STEP];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(sum.finish()),
            Ok(n) => sum.write_all(buffer.get(..n).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        progress(sum.size());
    }
}

/// [`measure`] of the file at `path`.
///
/// # Errors
/// [`FileError`] when it is missing, not a regular file or unreadable.
pub fn measure_file(path: &Path, hasher: Hasher, progress: &mut dyn FnMut(u64)) -> Result<Measured, FileError> {
    let mut file = open_regular(path)?;
    measure(&mut file, hasher, progress).map_err(FileError::io("read", path))
}

/// Opens what must be a regular file, or a link to one.
pub(crate) fn open_regular(path: &Path) -> Result<File, FileError> {
    // Asked after opening: what was asked before may have gone to another file. A pipe must not make the open wait.
    let opened = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path);
    let kind = match &opened {
        Ok(file) => file.metadata().map_err(FileError::io("inspect", path))?.file_type(),
        // Sockets and some devices cannot be opened at all.
        Err(_) => match std::fs::metadata(path) {
            Ok(facts) => facts.file_type(),
            Err(error) => return Err(FileError::io("inspect", path)(error)),
        },
    };
    if !kind.is_file() {
        return Err(FileError::NotRegular { path: path.to_owned(), found: kind_of(kind) });
    }
    opened.map_err(FileError::io("open", path))
}

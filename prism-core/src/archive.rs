//! Archives of files: packed in one canonical form, unpacked without trust.
//!
//! * [`Packer`] writes a ZIP whose bytes depend on nothing but names and contents, so that two people who pack the
//!   same folder get the same digest. [`Packer::cocos`] writes the form of Cocos AI instead.
//! * [`unpack`] reads the ZIPs that people really have, and refuses every one that two readers could understand
//!   differently or that reaches for something outside its directory. Nothing is written before the whole archive
//!   has been checked; what is written goes through a [`Sink`] that sees only [`SafePath`]s.
//!
//! Both sides hold the same rules for names, so what was packed here can be unpacked here.

mod directory;
mod error;
mod extract;
mod form;
mod layout;
mod names;
mod pack;
mod path;
mod record;

use std::io::{self, Read, Seek, SeekFrom, Write};

pub use error::{ArchiveFault, Bound, EntryFault, PackError, UnpackError};
pub use pack::{Content, Packer, check_names};
pub use path::{COMPONENT_MAX, DEPTH_MAX, PATH_MAX, PathError, SafePath};

use crate::digest::{Digest, Hasher};

/// Entries up to this size may be compressed to any ratio: a page of zeros is not a bomb.
const RATIO_FLOOR: u64 = 1 << 20;
/// All entries together may be compressed to any ratio up to this size.
const TOTAL_RATIO_FLOOR: u64 = 256 << 20;

/// How much an archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of all files together.
    pub total_bytes: u64,
    /// Most bytes of one file.
    pub entry_bytes: u64,
    /// Most files and directories together.
    pub entries: u64,
    /// Most bytes that one compressed byte may become; not asked of entries below 1 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    /// 1 TiB in all, 256 GiB a file, 1,000,000 entries (about 250 bytes of memory each), a ratio of 100.
    fn default() -> Self {
        Self { total_bytes: 1 << 40, entry_bytes: 256 << 30, entries: 1_000_000, ratio: 100 }
    }
}

/// Where unpacked files go. The edge implements it, confined to one directory.
pub trait Sink {
    /// Creates a directory. Each is announced once, its parent before it, all of them before the first file.
    ///
    /// # Errors
    /// Whatever keeps the directory from being created; unpacking ends with it.
    fn directory(&mut self, path: &SafePath) -> io::Result<()>;

    /// Creates a file of exactly `size` bytes, which are then written and flushed. Its directory was announced.
    ///
    /// # Errors
    /// Whatever keeps the file from being created; unpacking ends with it.
    fn file(&mut self, path: &SafePath, size: u64) -> io::Result<Box<dyn Write + '_>>;
}

/// What an archive contained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of files.
    pub files: u64,
    /// The number of directories, named in the archive or implied by a file's path.
    pub directories: u64,
    /// The bytes of all files together.
    pub bytes: u64,
}

/// Checks a whole ZIP archive, then unpacks it into `sink`. `reader` is read from its very first byte to its last.
///
/// Stored and deflated entries are read, ZIP64 too; modes, owners, times and comments are ignored. After an error
/// the sink may hold a part of the files: throw all of it away.
///
/// # Errors
/// [`UnpackError`] says what is wrong with the archive, with which entry, or which limit it exceeds.
pub fn unpack<R: Read + Seek>(mut reader: R, limits: &Limits, sink: &mut dyn Sink) -> Result<Summary, UnpackError> {
    let length = reader.seek(SeekFrom::End(0)).map_err(UnpackError::Read)?;
    let end = directory::End::find(&mut reader, length)?;
    let mut listing = directory::read(&mut reader, &end, limits)?;
    layout::check(&mut reader, &mut listing.entries, end.directory_start())?;
    extract::all(&mut reader, &listing, sink)
}

/// A writer that hashes what passes through it, for the digest of an archive while it is being packed.
#[derive(Debug)]
pub struct Hashing<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> Hashing<W> {
    /// Hashes with `hasher` everything that is written to `inner`.
    #[must_use]
    pub const fn new(inner: W, hasher: Hasher) -> Self {
        Self { inner, hasher }
    }

    /// The digest of everything written, and the writer beneath.
    #[must_use]
    pub fn finish(self) -> (Digest, W) {
        (self.hasher.finish(), self.inner)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests;

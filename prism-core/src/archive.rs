//! Archives of files: packed in one canonical form, unpacked without trust.
//!
//! * [`Packer`] writes a ZIP whose bytes depend on nothing but names and contents, so that two people who pack the
//!   same folder get the same digest. [`Packer::cocos`] writes the form of Cocos AI instead.
//! * [`Archive`] and [`unpack`] read the ZIPs that people really have, and refuse every one that two readers could
//!   understand differently or that reaches for something outside its directory. Nothing is written before the whole
//!   archive has been checked; what is written goes through a [`Sink`] that sees only [`SafePath`]s.
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

use directory::Listing;
pub use error::{ArchiveFault, Bound, EntryFault, PackError, UnpackError};
pub use names::NameSet;
pub use pack::{Content, Packer, check_names};
pub use path::{COMPONENT_MAX, DEPTH_MAX, PATH_MAX, PathError, SafePath};

use crate::digest::{Digest, Hasher};

/// Entries up to this size may be compressed to any ratio: a page of zeros is not a bomb.
const RATIO_FLOOR: u64 = 1 << 20;
/// All entries together may be compressed to any ratio up to this size.
const TOTAL_RATIO_FLOOR: u64 = 256 << 20;
/// Folders that no entry names: so many for each entry there is, as deep hierarchies of single files have them. Each
/// takes a place on the disk without a byte of its own in the archive.
const IMPLIED_FOR_EACH: u64 = 8;
/// So many may be implied by however few entries.
const IMPLIED_FLOOR: u64 = 1024;

/// How much an archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of all files together.
    pub total_bytes: u64,
    /// Most bytes of one file.
    pub entry_bytes: u64,
    /// Most files and directories together.
    pub entries: u64,
    /// Most bytes of all paths together, each directory's counted whole, named or implied: they are kept in memory.
    pub path_bytes: u64,
    /// Most bytes that one compressed byte may become; not asked of entries below 1 MiB.
    pub ratio: u64,
}

impl Default for Limits {
    /// 1 TiB in all, 256 GiB a file, 1,000,000 entries (about 150 bytes of memory each, and their paths), 128 MiB of
    /// paths, a ratio of 100.
    fn default() -> Self {
        Self { total_bytes: 1 << 40, entry_bytes: 256 << 30, entries: 1_000_000, path_bytes: 128 << 20, ratio: 100 }
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

/// A file of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member<'a> {
    /// Its path.
    pub path: &'a SafePath,
    /// Its bytes when unpacked.
    pub size: u64,
    /// Whether a Unix system packed it as a program. Unpacking leaves that to the sink.
    pub is_executable: bool,
}

/// A ZIP archive that was checked whole: what it holds is known before anything of it is written.
///
/// Stored and deflated entries are read, ZIP64 too; modes, owners, times and comments are ignored.
///
/// ```
/// use prism_core::archive::{Archive, Limits, Packer};
/// let mut packer = Packer::new(Vec::new());
/// packer.file("a/b.txt", &mut b"hello".as_slice())?;
/// let zip = std::io::Cursor::new(packer.finish()?);
/// let contents = Archive::open(zip, &Limits::default())?.contents();
/// assert_eq!((contents.files, contents.directories, contents.bytes), (1, 1, 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Archive<R> {
    reader: R,
    listing: Listing,
}

impl<R: Read + Seek> Archive<R> {
    /// Checks the archive that `reader` holds from its very first byte to its last. No content is read yet.
    ///
    /// # Errors
    /// [`UnpackError`] says what is wrong with the archive, with which entry, or which limit it exceeds.
    pub fn open(mut reader: R, limits: &Limits) -> Result<Self, UnpackError> {
        let length = reader.seek(SeekFrom::End(0)).map_err(UnpackError::Read)?;
        let end = directory::End::find(&mut reader, length)?;
        let mut listing = directory::read(&mut reader, &end, limits)?;
        layout::check(&mut reader, &mut listing.entries, end.directory_start())?;
        Ok(Self { reader, listing })
    }

    /// What unpacking it makes, to the last byte.
    #[must_use]
    pub fn contents(&self) -> Summary {
        self.listing.summary()
    }

    /// Every file, in no order that means anything.
    pub fn files(&self) -> impl Iterator<Item = Member<'_>> {
        let files = self.listing.entries.iter().filter(|entry| entry.kind == names::Kind::File);
        files.map(|entry| Member { path: &entry.path, size: entry.size, is_executable: entry.is_executable })
    }

    /// The content of one file, if it is there, of at most `most` bytes.
    ///
    /// # Errors
    /// [`UnpackError`]: it is longer, its content is not what the list of entries says, or the reader failed.
    pub fn read(&mut self, path: &str, most: u64) -> Result<Option<Vec<u8>>, UnpackError> {
        let mut files = self.listing.entries.iter().filter(|entry| entry.kind == names::Kind::File);
        let Some(entry) = files.find(|entry| entry.path.as_str() == path) else { return Ok(None) };
        if entry.size > most {
            return Err(UnpackError::TooLarge { bound: Bound::EntryBytes, limit: most, found: entry.size });
        }
        extract::one(&mut self.reader, entry).map(Some)
    }

    /// Unpacks everything into `sink`. After an error the sink may hold a part of the files: throw all of it away.
    ///
    /// # Errors
    /// [`UnpackError`]: the contents are not those that the list of entries says, or reader or sink failed.
    pub fn unpack(mut self, sink: &mut dyn Sink) -> Result<Summary, UnpackError> {
        extract::all(&mut self.reader, &self.listing, sink)
    }
}

/// Checks a whole ZIP archive, then unpacks it into `sink`: [`Archive::open`] and [`Archive::unpack`] in one.
///
/// # Errors
/// [`UnpackError`] says what is wrong with the archive, with which entry, or which limit it exceeds.
pub fn unpack<R: Read + Seek>(reader: R, limits: &Limits, sink: &mut dyn Sink) -> Result<Summary, UnpackError> {
    Archive::open(reader, limits)?.unpack(sink)
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

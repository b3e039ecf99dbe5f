//! The canonical archive: one sequence of bytes for one set of names and contents.
//!
//! Written here and not with a ZIP library, because these bytes are hashed and agreed on: no upgrade of a dependency
//! may change one of them. The form, in terms of PKWARE APPNOTE 6.3:
//!
//! * entries in ascending order of their names' bytes, files only; empty folders leave no trace;
//! * method "stored"; version needed 4.5; flags bit 3 (sizes follow the data) and bit 11 (UTF-8) always set;
//! * date 1980-01-01, time 00:00; no extra fields, no comments;
//! * made by Unix with the one mode 0644 for all: said of another system, or with no mode, `unzip` garbles names or
//!   leaves files that nobody can read;
//! * crc and sizes zero in the local header; after the data a descriptor with signature, its sizes 64 bits wide if
//!   the file has at least 2^32 - 1 bytes, else 32;
//! * ZIP64 extra field in the central directory only with the values that need it; ZIP64 end records only if the
//!   number of entries, the size or the offset of the central directory needs them.

use std::io::{self, Read, Write};

use super::error::PackError;
use super::form::{self, Form};
use super::names::{Kind, Names};
use super::path::SafePath;
use super::record::{CENTRAL_LEN, Fields};

/// Bytes read at a time: they stay in the processor's cache until they are hashed.
const BUFFER: usize = 128 << 10;

/// Writes a canonical archive to any [`Write`], without seeking and without knowing sizes in advance.
///
/// ```
/// use prism_core::archive::{Hashing, Packer};
/// use prism_core::digest::Hasher;
/// let mut packer = Packer::new(Hashing::new(std::io::sink(), Hasher::sha256()));
/// packer.file("a.txt", &mut b"hello".as_slice())?;
/// packer.file("b/c.txt", &mut b"world".as_slice())?;
/// let (digest, _) = packer.finish()?.finish();
/// assert_eq!(digest.to_string(), "sha256:1c8f9c7da7205f10ad6829a699eac095e9ca8161fb6f055b92b94b0ac9d90d25");
/// # Ok::<(), prism_core::archive::PackError>(())
/// ```
#[derive(Debug)]
pub struct Packer<W: Write> {
    form: Form,
    writer: Counting<W>,
    names: Names,
    last: Option<SafePath>,
    entries: u64,
    /// The list of files so far: all that is kept of them.
    directory: Vec<u8>,
    /// The records around the file at hand.
    record: Vec<u8>,
    buffer: Vec<u8>,
    broken: bool,
}

/// What was packed as one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Content {
    /// Its number of bytes.
    pub size: u64,
    /// Their CRC-32 (ISO 3309), as in the archive: it tells accidents, not intentions.
    pub crc32: u32,
}

impl<W: Write> Packer<W> {
    /// An archive without files, to be written to `writer`.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self::of(Form::Canonical, writer)
    }

    /// An archive as Cocos AI makes it of a directory, on a machine in the time zone UTC and of files with the mode
    /// 0644: the SHA3-256 of it is what `cocos-cli checksum` prints there. Its own archive, and hence its checksum,
    /// depends on the zone and the modes.
    #[must_use]
    pub fn cocos(writer: W) -> Self {
        Self::of(Form::Cocos, writer)
    }

    fn of(form: Form, writer: W) -> Self {
        Self {
            form,
            writer: Counting { inner: writer, count: 0 },
            names: Names::default(),
            last: None,
            entries: 0,
            directory: Vec::new(),
            record: Vec::new(),
            buffer: vec![0; BUFFER],
            broken: false,
        }
    }

    /// Adds the file `name` with everything that `content` gives.
    ///
    /// Names are [`SafePath`]s and must come in strictly ascending order of their bytes.
    ///
    /// # Errors
    /// [`PackError`]. After any of them the archive cannot be finished.
    pub fn file(&mut self, name: &str, content: &mut dyn Read) -> Result<Content, PackError> {
        if self.broken {
            return Err(PackError::Broken);
        }
        self.broken = true;
        let path = self.admit(name)?;
        let offset = self.writer.count;
        let content = self.write_file(name, content)?;
        self.list(path, content, offset);
        Ok(content)
    }

    /// Passes over the file `name`, whose `content` another packer told, if all its bytes lie before `offset` in the
    /// archive: for a reader who has that beginning already. Returns how many they are; nothing is written. If some lie
    /// behind, nothing happens and the answer is 0: give the file to [`file`](Self::file).
    ///
    /// # Errors
    /// [`PackError`]. After any of them the archive cannot be finished.
    pub fn pass(&mut self, name: &str, content: Content, offset: u64) -> Result<u64, PackError> {
        if self.broken {
            return Err(PackError::Broken);
        }
        self.record.clear();
        self.form.local_header(&mut self.record, name);
        form::descriptor(&mut self.record, content.crc32, content.size);
        let (start, length) = (self.writer.count, content.size.saturating_add(self.record.len() as u64));
        if start.saturating_add(length) > offset {
            return Ok(0);
        }
        self.broken = true;
        let path = self.admit(name)?;
        self.writer.count += length;
        self.list(path, content, start);
        Ok(length)
    }

    /// The writer beneath.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.writer.inner
    }

    /// Writes the list of files and gives the writer back, flushed.
    ///
    /// # Errors
    /// [`PackError::Broken`] after an earlier error, and [`PackError::Write`].
    pub fn finish(mut self) -> Result<W, PackError> {
        if self.broken {
            return Err(PackError::Broken);
        }
        let (start, len) = (self.writer.count, self.directory.len() as u64);
        self.form.end_records(&mut self.directory, self.entries, start, len);
        self.writer.write_all(&self.directory).map_err(PackError::Write)?;
        self.writer.flush().map_err(PackError::Write)?;
        Ok(self.writer.inner)
    }

    fn admit(&mut self, name: &str) -> Result<SafePath, PackError> {
        let path = SafePath::new(name).map_err(|source| PackError::Path { name: name.to_owned(), source })?;
        if let Some(after) = self.last.as_ref().filter(|last| **last >= path) {
            return Err(PackError::Order { name: name.to_owned(), after: after.to_string() });
        }
        self.names.add(&path, Kind::File).map_err(|clash| PackError::Clash {
            name: name.to_owned(),
            other: nth_name(&self.directory, clash.earlier).unwrap_or_default(),
        })?;
        Ok(path)
    }

    /// Puts a file into the list: it is whole.
    fn list(&mut self, path: SafePath, content: Content, offset: u64) {
        let file = form::Packed { name: path.as_str(), crc: content.crc32, size: content.size, offset };
        self.form.central_record(&mut self.directory, &file);
        self.last = Some(path);
        self.entries += 1;
        self.broken = false;
    }

    fn write_file(&mut self, name: &str, content: &mut dyn Read) -> Result<Content, PackError> {
        self.record.clear();
        self.form.local_header(&mut self.record, name);
        self.writer.write_all(&self.record).map_err(PackError::Write)?;
        let (mut size, mut crc) = (0, crc32fast::Hasher::new());
        loop {
            let chunk = match content.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(read) => self.buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(PackError::Read { name: name.to_owned(), source }),
            };
            crc.update(chunk);
            size += chunk.len() as u64;
            self.writer.write_all(chunk).map_err(PackError::Write)?;
        }
        let crc32 = crc.finalize();
        self.record.clear();
        form::descriptor(&mut self.record, crc32, size);
        self.writer.write_all(&self.record).map_err(PackError::Write)?;
        Ok(Content { size, crc32 })
    }
}

/// Refuses before any content is read what [`Packer::file`] would refuse for its name.
///
/// # Errors
/// As [`Packer::file`]: [`PackError::Path`], [`PackError::Order`] or [`PackError::Clash`].
pub fn check_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), PackError> {
    let (mut packer, nothing) = (Packer::new(io::sink()), Content { size: 0, crc32: 0 });
    names.into_iter().try_for_each(|name| packer.pass(name, nothing, u64::MAX).map(|_| ()))
}

/// The name in the record of that number in a list of files.
fn nth_name(mut directory: &[u8], number: usize) -> Option<String> {
    for left in (0..=number).rev() {
        let mut lengths = Fields::new(directory.get(28..CENTRAL_LEN)?);
        let (name, extra) = (usize::from(lengths.u16()?), usize::from(lengths.u16()?));
        if left == 0 {
            let name = directory.get(CENTRAL_LEN..CENTRAL_LEN + name)?;
            return Some(String::from_utf8_lossy(name).into_owned());
        }
        directory = directory.get(CENTRAL_LEN + name + extra..)?;
    }
    None
}

/// Knows the offset of the next byte.
#[derive(Debug)]
struct Counting<W> {
    inner: W,
    count: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

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
use super::names::{Kind, Names};
use super::path::SafePath;
use super::record::{
    CENTRAL, DESCRIPTOR, END, END64, END64_LEN, EXTRA_ZIP64, FLAG_DESCRIPTOR, FLAG_UTF8, LOCAL, LOCATOR64, STORED,
    WIDE_16, WIDE_32,
};

const BUFFER: usize = 128 << 10;
const VERSION: u16 = 45;
const MADE_BY: u16 = (3 << 8) | VERSION;
const REGULAR_FILE_0644: u32 = 0o100_644 << 16;
const FLAGS: u16 = FLAG_DESCRIPTOR | FLAG_UTF8;
const TIME: u16 = 0;
/// 1980-01-01, the first day that the format knows.
const DATE: u16 = (1 << 5) | 1;

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
    writer: Counting<W>,
    names: Names,
    entries: Vec<Packed>,
    broken: bool,
}

/// What the central directory says of a file.
#[derive(Debug)]
struct Packed {
    path: SafePath,
    crc: u32,
    size: u64,
    offset: u64,
}

impl<W: Write> Packer<W> {
    /// An archive without files, to be written to `writer`.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self {
            writer: Counting { inner: writer, count: 0 },
            names: Names::default(),
            entries: Vec::new(),
            broken: false,
        }
    }

    /// Adds the file `name` with everything that `content` gives; returns its size in bytes.
    ///
    /// Names are [`SafePath`]s and must come in strictly ascending order of their bytes.
    ///
    /// # Errors
    /// [`PackError`]. After any of them the archive cannot be finished.
    pub fn file(&mut self, name: &str, content: &mut dyn Read) -> Result<u64, PackError> {
        if self.broken {
            return Err(PackError::Broken);
        }
        self.broken = true;
        let path = self.admit(name)?;
        let offset = self.writer.count;
        let (size, crc) = self.write_file(&path, content)?;
        self.entries.push(Packed { path, crc, size, offset });
        self.broken = false;
        Ok(size)
    }

    /// Writes the list of files and gives the writer back, flushed.
    ///
    /// # Errors
    /// [`PackError::Broken`] after an earlier error, and [`PackError::Write`].
    pub fn finish(mut self) -> Result<W, PackError> {
        if self.broken {
            return Err(PackError::Broken);
        }
        let directory = self.writer.count;
        for entry in &self.entries {
            self.writer.write_all(&entry.central_record()).map_err(PackError::Write)?;
        }
        let end = end_records(self.entries.len() as u64, directory, self.writer.count - directory);
        self.writer.write_all(&end).map_err(PackError::Write)?;
        self.writer.flush().map_err(PackError::Write)?;
        Ok(self.writer.inner)
    }

    fn admit(&mut self, name: &str) -> Result<SafePath, PackError> {
        let path = SafePath::new(name).map_err(|source| PackError::Path { name: name.to_owned(), source })?;
        let name = name.to_owned();
        if let Some(last) = self.entries.last()
            && last.path >= path
        {
            return Err(PackError::Order { name, after: last.path.to_string() });
        }
        self.names.add(&path, Kind::File).map_err(|clash| {
            let other = self.entries.get(clash.earlier).map(|entry| entry.path.to_string()).unwrap_or_default();
            PackError::Clash { name, other }
        })?;
        Ok(path)
    }

    fn write_file(&mut self, path: &SafePath, content: &mut dyn Read) -> Result<(u64, u32), PackError> {
        self.writer.write_all(&local_header(path)).map_err(PackError::Write)?;
        let (mut size, mut crc, mut buffer) = (0, crc32fast::Hasher::new(), vec![0; BUFFER]);
        loop {
            let chunk = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => buffer.get(..read).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(PackError::Read { name: path.to_string(), source }),
            };
            crc.update(chunk);
            size += chunk.len() as u64;
            self.writer.write_all(chunk).map_err(PackError::Write)?;
        }
        let crc = crc.finalize();
        self.writer.write_all(&descriptor(crc, size)).map_err(PackError::Write)?;
        Ok((size, crc))
    }
}

/// The fields that local header and central record share, up to the date.
fn common() -> [u8; 10] {
    let mut bytes = [0; 10];
    for (place, field) in bytes.chunks_exact_mut(2).zip([VERSION, FLAGS, STORED, TIME, DATE]) {
        place.copy_from_slice(&field.to_le_bytes());
    }
    bytes
}

fn local_header(path: &SafePath) -> Vec<u8> {
    let name = path.as_str().as_bytes();
    [&LOCAL, common().as_slice(), &[0; 12], &name_len(path).to_le_bytes(), &[0; 2], name].concat()
}

fn descriptor(crc: u32, size: u64) -> Vec<u8> {
    let size = match narrow(size) {
        WIDE_32 => size.to_le_bytes().to_vec(),
        narrow => narrow.to_le_bytes().to_vec(),
    };
    [DESCRIPTOR.as_slice(), &crc.to_le_bytes(), &size, &size].concat()
}

impl Packed {
    fn central_record(&self) -> Vec<u8> {
        let name = self.path.as_str().as_bytes();
        let (size, offset) = (narrow(self.size), narrow(self.offset));
        let mut wide = Vec::new();
        if size == WIDE_32 {
            wide.extend([self.size.to_le_bytes(), self.size.to_le_bytes()].concat());
        }
        if offset == WIDE_32 {
            wide.extend(self.offset.to_le_bytes());
        }
        let wide_len = u16::try_from(wide.len()).unwrap_or(WIDE_16).to_le_bytes();
        let extra = if wide.is_empty() {
            Vec::new()
        } else {
            [&EXTRA_ZIP64.to_le_bytes(), &wide_len, wide.as_slice()].concat()
        };
        let extra_len = u16::try_from(extra.len()).unwrap_or(WIDE_16);
        [
            CENTRAL.as_slice(),
            &MADE_BY.to_le_bytes(),
            &common(),
            &self.crc.to_le_bytes(),
            &size.to_le_bytes(),
            &size.to_le_bytes(),
            &name_len(&self.path).to_le_bytes(),
            &extra_len.to_le_bytes(),
            // Length of the comment, volume, internal attributes.
            &[0; 6],
            &REGULAR_FILE_0644.to_le_bytes(),
            &offset.to_le_bytes(),
            name,
            &extra,
        ]
        .concat()
    }
}

fn end_records(entries: u64, directory: u64, directory_len: u64) -> Vec<u8> {
    let narrow_entries = u16::try_from(entries).unwrap_or(WIDE_16);
    let (narrow_len, narrow_directory) = (narrow(directory_len), narrow(directory));
    let mut bytes = Vec::new();
    if narrow_entries == WIDE_16 || narrow_len == WIDE_32 || narrow_directory == WIDE_32 {
        bytes.extend(wide_end_records(entries, directory, directory_len));
    }
    bytes.extend(END);
    bytes.extend([0; 4]);
    bytes.extend([narrow_entries.to_le_bytes(), narrow_entries.to_le_bytes()].concat());
    bytes.extend([narrow_len.to_le_bytes(), narrow_directory.to_le_bytes()].concat());
    bytes.extend([0; 2]);
    bytes
}

fn wide_end_records(entries: u64, directory: u64, directory_len: u64) -> Vec<u8> {
    [
        END64.as_slice(),
        &(END64_LEN as u64 - 12).to_le_bytes(),
        &VERSION.to_le_bytes(),
        &VERSION.to_le_bytes(),
        &[0; 8],
        &entries.to_le_bytes(),
        &entries.to_le_bytes(),
        &directory_len.to_le_bytes(),
        &directory.to_le_bytes(),
        &LOCATOR64,
        &[0; 4],
        &(directory + directory_len).to_le_bytes(),
        &1_u32.to_le_bytes(),
    ]
    .concat()
}

/// The 32-bit field for a value, all ones when the value needs more.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(WIDE_32)
}

fn name_len(path: &SafePath) -> u16 {
    u16::try_from(path.as_str().len()).unwrap_or(WIDE_16)
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

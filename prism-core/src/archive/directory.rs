//! The end of a ZIP file and the list of entries before it, read so that there is one way only to understand them.

use std::io::{self, BufRead as _, BufReader, Read, Seek, SeekFrom};

use super::error::{ArchiveFault, Bound, EntryFault, UnpackError};
use super::names::{Kind, Names};
use super::path::SafePath;
use super::record::{
    CENTRAL, CENTRAL_LEN, DEFLATED, END, END_LEN, END64, END64_LEN, Extra, FLAG_DESCRIPTOR, FLAG_UTF8, Fields,
    LOCATOR64, LOCATOR64_LEN, STORED, WIDE_16, WIDE_32, widen,
};
use super::{IMPLIED_FLOOR, IMPLIED_FOR_EACH, Limits, RATIO_FLOOR, Summary, TOTAL_RATIO_FLOOR};

/// Longest list of entries in bytes; its names are kept in memory. A million names of 88 bytes fit.
const DIRECTORY_MAX: u64 = 128 << 20;
/// Longest end record: its comment's length is a u16.
const END_MAX: u64 = END_LEN as u64 + 0xffff;

const FLAG_ENCRYPTED: u16 = 1 << 0;
const FLAG_STRONG_ENCRYPTION: u16 = 1 << 6;
const FLAG_MASKED: u16 = 1 << 13;
/// Bits 1 and 2 tell how hard a compressor tried.
pub(super) const FLAGS_EFFORT: u16 = 0b110;
const FLAGS_KNOWN: u16 = FLAGS_EFFORT | FLAG_DESCRIPTOR | FLAG_UTF8;

const MODE_TYPE: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_DIRECTORY: u32 = 0o040_000;
const MODE_SYMLINK: u32 = 0o120_000;
const MODE_EXECUTABLE: u32 = 0o111;
const DOS_VOLUME: u32 = 0x08;
const DOS_DIRECTORY: u32 = 0x10;
const DOS_REPARSE: u32 = 0x400;

/// Where the list of entries stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    entries: u64,
    directory: u64,
    directory_len: u64,
}

impl End {
    /// Finds the one end record of a file of `length` bytes.
    pub(super) fn find<R: Read + Seek>(reader: &mut R, length: u64) -> Result<Self, UnpackError> {
        let start = length.saturating_sub(END_MAX);
        let tail = read_at(reader, start, length - start)?;
        let last = tail.windows(END.len()).rposition(|window| window == END).ok_or(fault(ArchiveFault::NoEnd))?;
        let reaches_end = |at: usize| {
            let comment = tail.get(at + END_LEN - 2..at + END_LEN).and_then(|len| Fields::new(len).u16());
            comment.is_some_and(|len| at + END_LEN + usize::from(len) == tail.len())
        };
        if !reaches_end(last) {
            return Err(fault(ArchiveFault::Trailing));
        }
        let mut earlier = tail.windows(END.len()).take(last).enumerate().filter(|(_, window)| *window == END);
        if earlier.any(|(at, _)| reaches_end(at)) {
            return Err(fault(ArchiveFault::TwoEnds));
        }
        let record = tail.get(last..).unwrap_or_default();
        Self::read(reader, record, start + last as u64)
    }

    /// The offset of the list of entries, where the last entry ends.
    pub(super) const fn directory_start(&self) -> u64 {
        self.directory
    }

    fn read<R: Read + Seek>(reader: &mut R, record: &[u8], at: u64) -> Result<Self, UnpackError> {
        let narrow = Narrow::read(record).ok_or(fault(ArchiveFault::NoEnd))?;
        let locator_at = at.checked_sub(LOCATOR64_LEN as u64);
        let locator = match locator_at {
            Some(locator_at) => Some(read_at(reader, locator_at, LOCATOR64_LEN as u64)?),
            None => None,
        };
        let (end, directory_end) = match locator {
            Some(locator) if locator.starts_with(&LOCATOR64) => {
                let wide_at = at.checked_sub((LOCATOR64_LEN + END64_LEN) as u64).ok_or(fault(ArchiveFault::Zip64))?;
                let record = read_at(reader, wide_at, END64_LEN as u64)?;
                (narrow.widen(&locator, &record, wide_at).ok_or(fault(ArchiveFault::Zip64))?, wide_at)
            }
            _ => (narrow.alone()?, at),
        };
        if end.directory.checked_add(end.directory_len) == Some(directory_end) {
            Ok(end)
        } else {
            Err(fault(ArchiveFault::DirectoryMisplaced))
        }
    }
}

/// The end record proper, section 4.3.16.
struct Narrow {
    disk: u16,
    directory_disk: u16,
    entries_here: u16,
    entries: u16,
    directory_len: u32,
    directory: u32,
}

impl Narrow {
    fn read(record: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(record);
        fields.signature(END)?;
        Some(Self {
            disk: fields.u16()?,
            directory_disk: fields.u16()?,
            entries_here: fields.u16()?,
            entries: fields.u16()?,
            directory_len: fields.u32()?,
            directory: fields.u32()?,
        })
    }

    /// The end of an archive without ZIP64 records.
    fn alone(&self) -> Result<End, UnpackError> {
        if self.disk != 0 || self.directory_disk != 0 || self.entries_here != self.entries {
            return Err(fault(ArchiveFault::Volumes));
        }
        if self.entries == WIDE_16 || self.directory_len == WIDE_32 || self.directory == WIDE_32 {
            return Err(fault(ArchiveFault::Zip64));
        }
        let (directory, directory_len) = (self.directory.into(), self.directory_len.into());
        Ok(End { entries: self.entries.into(), directory, directory_len })
    }

    /// The end according to the ZIP64 records (sections 4.3.14 and 4.3.15), if every narrow field is all ones or
    /// says the same.
    fn widen(&self, locator: &[u8], record: &[u8], record_at: u64) -> Option<End> {
        let mut fields = Fields::new(locator);
        fields.signature(LOCATOR64)?;
        let (disk, at, disks) = (fields.u32()?, fields.u64()?, fields.u32()?);
        let mut fields = Fields::new(record);
        fields.signature(END64)?;
        let (len, _made_by, _needed) = (fields.u64()?, fields.u16()?, fields.u16()?);
        let (this_disk, directory_disk) = (fields.u32()?, fields.u32()?);
        let (entries_here, entries) = (fields.u64()?, fields.u64()?);
        let (directory_len, directory) = (fields.u64()?, fields.u64()?);
        let one_volume = disk == 0 && disks <= 1 && this_disk == 0 && directory_disk == 0 && entries_here == entries;
        let placed = at == record_at && len == (END64_LEN - 12) as u64;
        let short = [(self.disk, 0), (self.directory_disk, 0), (self.entries_here, entries), (self.entries, entries)];
        let long = [(self.directory_len, directory_len), (self.directory, directory)];
        let agreed = short.iter().all(|&(narrow, wide)| narrow == WIDE_16 || u64::from(narrow) == wide)
            && long.iter().all(|&(narrow, wide)| narrow == WIDE_32 || u64::from(narrow) == wide);
        (one_volume && placed && agreed).then_some(End { entries, directory, directory_len })
    }
}

/// Everything that the list of entries says, checked as far as the list alone allows.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// Every directory, named or implied, after its parent.
    pub(super) directories: Vec<SafePath>,
}

impl Listing {
    /// How much there is of everything.
    pub(super) fn summary(&self) -> Summary {
        let files = self.entries.iter().filter(|entry| entry.kind == Kind::File);
        let bytes = files.clone().fold(0_u64, |sum, file| sum.saturating_add(file.size));
        Summary { files: files.count() as u64, directories: self.directories.len() as u64, bytes }
    }
}

/// One file or directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: SafePath,
    pub(super) kind: Kind,
    pub(super) is_executable: bool,
    pub(super) flags: u16,
    pub(super) deflated: bool,
    pub(super) crc: u32,
    /// Bytes in the archive.
    pub(super) packed: u64,
    /// Bytes when unpacked.
    pub(super) size: u64,
    /// Where the entry's own header starts.
    pub(super) header: u64,
    /// Where its data starts; known once its header was read.
    pub(super) data: u64,
}

impl Entry {
    /// The name as it stands in the archive.
    pub(super) fn raw_name(&self) -> Vec<u8> {
        let slash = if self.kind == Kind::Directory { "/" } else { "" };
        [self.path.as_str(), slash].concat().into_bytes()
    }

    pub(super) fn fault(&self, fault: EntryFault) -> UnpackError {
        UnpackError::Entry { name: self.path.to_string(), fault }
    }
}

/// Reads the list of entries and checks names, types and sizes.
pub(super) fn read<R: Read + Seek>(reader: &mut R, end: &End, limits: &Limits) -> Result<Listing, UnpackError> {
    within(Bound::Entries, limits.entries, end.entries)?;
    within(Bound::DirectoryBytes, DIRECTORY_MAX, end.directory_len)?;
    reader.seek(SeekFrom::Start(end.directory)).map_err(UnpackError::Read)?;
    let mut list = BufReader::new(reader.take(end.directory_len));
    let (mut names, mut listing) = (Names::default(), Listing { entries: Vec::new(), directories: Vec::new() });
    let (mut packed, mut size, mut paths) = (0_u64, 0_u64, 0_u64);
    let implied = IMPLIED_FLOOR.max(end.entries.saturating_mul(IMPLIED_FOR_EACH));
    for read in 1..=end.entries {
        let entry = Record::read(&mut list)?.entry()?;
        let new = names.add(&entry.path, entry.kind).map_err(|clash| {
            let other = listing.entries.get(clash.earlier).map(|e| e.path.to_string()).unwrap_or_default();
            let both = EntryFault::FileAndDirectory { other: other.clone() };
            entry.fault(if clash.is_file_and_directory { both } else { EntryFault::Duplicate { other } })
        })?;
        within(Bound::Entries, limits.entries, names.count() as u64)?;
        within(Bound::Implied, implied, (names.count() as u64).saturating_sub(read))?;
        paths += path_bytes(&new) + path_bytes(std::slice::from_ref(&entry.path));
        within(Bound::PathBytes, limits.path_bytes, paths)?;
        within(Bound::EntryBytes, limits.entry_bytes, entry.size)?;
        within_ratio(limits, entry.packed, entry.size, RATIO_FLOOR)?;
        (packed, size) = (packed.saturating_add(entry.packed), size.saturating_add(entry.size));
        within(Bound::TotalBytes, limits.total_bytes, size)?;
        listing.directories.extend(new);
        listing.entries.push(entry);
    }
    within_ratio(limits, packed, size, TOTAL_RATIO_FLOOR)?;
    let exhausted = list.fill_buf().map_err(UnpackError::Read)?.is_empty();
    if exhausted { Ok(listing) } else { Err(fault(ArchiveFault::DirectoryMalformed)) }
}

fn path_bytes(paths: &[SafePath]) -> u64 {
    paths.iter().map(|path| path.as_str().len() as u64).sum()
}

fn within(bound: Bound, limit: u64, found: u64) -> Result<(), UnpackError> {
    if found <= limit { Ok(()) } else { Err(UnpackError::TooLarge { bound, limit, found }) }
}

fn within_ratio(limits: &Limits, packed: u64, size: u64, floor: u64) -> Result<(), UnpackError> {
    if size <= floor { Ok(()) } else { within(Bound::Ratio, limits.ratio, size.div_ceil(packed.max(1))) }
}

/// One record of the list, section 4.3.12.
struct Record {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    disk: u16,
    attributes: u32,
    header: u32,
    name: Vec<u8>,
    extra: Vec<u8>,
}

impl Record {
    fn read(list: &mut impl Read) -> Result<Self, UnpackError> {
        let mut fixed = [0; CENTRAL_LEN];
        list.read_exact(&mut fixed).map_err(truncated)?;
        let (mut record, [name, extra, comment]) =
            Self::read_fixed(&fixed).ok_or(fault(ArchiveFault::DirectoryMalformed))?;
        let mut next = |len: u16| {
            let mut bytes = vec![0; len.into()];
            list.read_exact(&mut bytes).map(|()| bytes).map_err(truncated)
        };
        record.name = next(name)?;
        record.extra = next(extra)?;
        next(comment)?;
        Ok(record)
    }

    /// The fixed fields and the lengths of name, extra fields and comment.
    fn read_fixed(bytes: &[u8]) -> Option<(Self, [u16; 3])> {
        let mut fields = Fields::new(bytes);
        fields.signature(CENTRAL)?;
        let (_made_by, _needed) = (fields.u16()?, fields.u16()?);
        let (flags, method, _time, _date) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
        let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let lengths = [fields.u16()?, fields.u16()?, fields.u16()?];
        let (disk, _internal) = (fields.u16()?, fields.u16()?);
        let (attributes, header) = (fields.u32()?, fields.u32()?);
        let (name, extra) = (Vec::new(), Vec::new());
        Some((Self { flags, method, crc, packed, size, disk, attributes, header, name, extra }, lengths))
    }

    fn entry(self) -> Result<Entry, UnpackError> {
        let named = |fault| UnpackError::Entry { name: String::from_utf8_lossy(&self.name).into_owned(), fault };
        self.checked().map_err(named)
    }

    fn checked(&self) -> Result<Entry, EntryFault> {
        let name = std::str::from_utf8(&self.name).map_err(|_| EntryFault::NotUtf8)?;
        let path = SafePath::new(name.strip_suffix('/').unwrap_or(name))?;
        let extra = Extra::read(&self.extra).ok_or(EntryFault::Extra)?;
        if !extra.agrees_with(&self.name) {
            return Err(EntryFault::TwoNames);
        }
        check_flags(self.flags)?;
        let kind = kind(name.ends_with('/'), self.attributes)?;
        let (size, packed, header) = self.widened(&extra).ok_or(EntryFault::Extra)?;
        let deflated = match self.method {
            STORED if size != packed => return Err(EntryFault::StoredSize),
            STORED => false,
            DEFLATED => true,
            method => return Err(EntryFault::Method { method }),
        };
        // Some tools deflate the nothing that a directory holds: two bytes.
        if kind == Kind::Directory && (size != 0 || self.crc != 0 || packed > 2) {
            return Err(EntryFault::TypeContradiction);
        }
        let (flags, crc) = (self.flags, self.crc);
        let is_executable = (self.attributes >> 16) & MODE_EXECUTABLE != 0;
        Ok(Entry { path, kind, is_executable, flags, deflated, crc, packed, size, header, data: header })
    }

    /// Size, packed size and offset, from exactly the ZIP64 values that are needed.
    fn widened(&self, extra: &Extra<'_>) -> Option<(u64, u64, u64)> {
        let mut wide = Fields::new(extra.zip64.unwrap_or_default());
        let size = widen(self.size, &mut wide)?;
        let packed = widen(self.packed, &mut wide)?;
        let header = widen(self.header, &mut wide)?;
        let disk = if self.disk == WIDE_16 { wide.u32()? } else { self.disk.into() };
        (disk == 0 && wide.is_empty()).then_some((size, packed, header))
    }
}

fn check_flags(flags: u16) -> Result<(), EntryFault> {
    if flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED) != 0 {
        return Err(EntryFault::Encrypted);
    }
    if flags & !FLAGS_KNOWN == 0 { Ok(()) } else { Err(EntryFault::Flags { flags }) }
}

/// File or directory, if the name and the attributes of every system agree on it.
fn kind(named_directory: bool, attributes: u32) -> Result<Kind, EntryFault> {
    let mode = (attributes >> 16) & MODE_TYPE;
    match mode {
        MODE_SYMLINK => return Err(EntryFault::Symlink),
        0 if attributes & DOS_REPARSE != 0 && attributes >> 16 == 0 => return Err(EntryFault::Symlink),
        0 | MODE_FILE | MODE_DIRECTORY if attributes & DOS_VOLUME == 0 => {}
        _ => return Err(EntryFault::Special),
    }
    let says_directory = mode == MODE_DIRECTORY || attributes & DOS_DIRECTORY != 0;
    match (named_directory, says_directory, mode == MODE_FILE) {
        (true, _, false) => Ok(Kind::Directory),
        (false, false, _) => Ok(Kind::File),
        _ => Err(EntryFault::TypeContradiction),
    }
}

/// Reads `len` bytes at `offset`; both were checked against the length of the file.
pub(super) fn read_at<R: Read + Seek>(reader: &mut R, offset: u64, len: u64) -> Result<Vec<u8>, UnpackError> {
    reader.seek(SeekFrom::Start(offset)).map_err(UnpackError::Read)?;
    let mut bytes = Vec::new();
    reader.take(len).read_to_end(&mut bytes).map_err(UnpackError::Read)?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(UnpackError::Read(io::ErrorKind::UnexpectedEof.into())) }
}

pub(super) const fn fault(fault: ArchiveFault) -> UnpackError {
    UnpackError::Archive(fault)
}

/// A record that ends before its list does not is malformed; everything else is an error of the reader.
fn truncated(error: io::Error) -> UnpackError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => fault(ArchiveFault::DirectoryMalformed),
        _ => UnpackError::Read(error),
    }
}

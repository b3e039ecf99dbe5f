//! A walk over a tar, entry by entry, with bounds on everything that is kept.
//!
//! The `tar` crate reads the headers; its own walk keeps long names and extended headers of any length, so this is ours.

use std::io::{self, Read};

use tar::{EntryType, Header};

use super::error::EntryFault;

const BLOCK: usize = 512;

/// Longest extended header or long name.
const EXTENDED_MAX: u64 = 1 << 20;

/// A reader that can leave bytes out.
pub(super) trait Forward: Read {
    /// Passes over so many bytes; the result is how many there were.
    fn forward(&mut self, bytes: u64) -> io::Result<u64>;
}

/// What goes wrong while walking.
#[derive(Debug)]
pub(super) enum Halt {
    /// The tar is at fault, in the entry of this name if there is one.
    Fault(Vec<u8>, EntryFault),
    /// The reader is.
    Read(io::Error),
}

/// One entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: EntryType,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) modified: u64,
}

/// What an extended header or long name says of the next entry.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

/// A tar that is being walked over.
#[derive(Debug)]
pub(super) struct Tar<R> {
    reader: R,
    /// Bytes passed, up to the current entry's content.
    position: u64,
    /// Bytes of the current entry's content that nobody has read.
    left: u64,
    /// Bytes that fill its last block.
    padding: u64,
}

impl<R: Forward> Tar<R> {
    pub(super) const fn new(reader: R) -> Self {
        Self { reader, position: 0, left: 0, padding: 0 }
    }

    /// Where the current entry's content begins.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn into_inner(self) -> R {
        self.reader
    }

    /// The next entry; what its content is can be read before asking for another.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Halt> {
        let mut extended = Extended::default();
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size().map_err(|_| fault(&header, EntryFault::Header))?;
            match header.entry_type() {
                EntryType::GNULongName => extended.path = Some(name(self.short(&header, size)?)),
                EntryType::GNULongLink => extended.link = Some(name(self.short(&header, size)?)),
                EntryType::XHeader => {
                    let text = self.short(&header, size)?;
                    read_extended(&text, &mut extended).ok_or_else(|| fault(&header, EntryFault::Extended))?;
                }
                // Says something of all entries that follow, such as a comment; nothing of it matters here.
                EntryType::XGlobalHeader => drop(self.short(&header, size)?),
                _ => return self.entry(&header, size, extended).map(Some),
            }
        }
    }

    fn entry(&mut self, header: &Header, size: u64, extended: Extended) -> Result<Entry, Halt> {
        let kind = header.entry_type();
        let path = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
        if extended.sparse || kind == EntryType::GNUSparse {
            return Err(Halt::Fault(path, EntryFault::Sparse));
        }
        // Nothing else has content, whatever some writers put into its size.
        let has_content = !matches!(
            kind,
            EntryType::Link
                | EntryType::Symlink
                | EntryType::Directory
                | EntryType::Char
                | EntryType::Block
                | EntryType::Fifo
        );
        let size = if has_content { extended.size.unwrap_or(size) } else { 0 };
        self.announce(size).ok_or_else(|| Halt::Fault(path.clone(), EntryFault::Header))?;
        let link = header.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let (mode, modified) = (header.mode().unwrap_or(0o644), header.mtime().unwrap_or_default());
        Ok(Entry { path, link: extended.link.unwrap_or(link), kind, size, mode, modified })
    }

    /// The content of the current entry as far as it was not read.
    pub(super) fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    fn announce(&mut self, size: u64) -> Option<()> {
        self.left = size;
        self.padding = size.checked_next_multiple_of(BLOCK as u64)? - size;
        Some(())
    }

    /// The next header; `None` at the end, with its blocks of zeros or without.
    fn header(&mut self) -> Result<Option<Header>, Halt> {
        let (left, padding) = (std::mem::take(&mut self.left), std::mem::take(&mut self.padding));
        if self.reader.forward(left).map_err(Halt::Read)? < left {
            return Err(Halt::Fault(Vec::new(), EntryFault::Truncated));
        }
        // Some writers leave out what fills the last block.
        let passed = left.saturating_add(self.reader.forward(padding).map_err(Halt::Read)?);
        self.position = self.position.saturating_add(passed);
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        let read = fill(&mut self.reader, block).map_err(Halt::Read)?;
        self.position = self.position.saturating_add(read as u64);
        if read == 0 || block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if read < BLOCK {
            return Err(Halt::Fault(Vec::new(), EntryFault::Truncated));
        }
        let whole = header.cksum().is_ok_and(|sum| sum == checksum(header.as_bytes()));
        if whole { Ok(Some(header)) } else { Err(fault(&header, EntryFault::Header)) }
    }

    /// The content of a header that speaks of the next entry.
    fn short(&mut self, header: &Header, size: u64) -> Result<Vec<u8>, Halt> {
        if size > EXTENDED_MAX || self.announce(size).is_none() {
            return Err(fault(header, EntryFault::Extended));
        }
        let mut text = Vec::new();
        self.content().read_to_end(&mut text).map_err(Halt::Read)?;
        if text.len() as u64 == size { Ok(text) } else { Err(fault(header, EntryFault::Truncated)) }
    }
}

/// Reads an entry's content.
pub(super) struct Content<'t, R>(&'t mut Tar<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.0.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.0.reader.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.0.left -= read as u64;
        self.0.position = self.0.position.saturating_add(read as u64);
        Ok(read)
    }
}

fn fault(header: &Header, fault: EntryFault) -> Halt {
    Halt::Fault(header.path_bytes().into_owned(), fault)
}

/// A long name ends with a zero byte.
fn name(mut text: Vec<u8>) -> Vec<u8> {
    if text.last() == Some(&0) {
        text.pop();
    }
    text
}

/// Reads until the buffer is full or there is no more.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The sum of a header's bytes, its own field counted as spaces (POSIX, ustar).
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let counted = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
    counted.map(u32::from).sum()
}

/// Reads the records `"<length> <keyword>=<value>\n"` of an extended header (POSIX, pax). Values may hold any byte.
fn read_extended(mut text: &[u8], extended: &mut Extended) -> Option<()> {
    while !text.is_empty() {
        let space = text.iter().position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(text.get(..space)?).ok()?.parse().ok()?;
        let record = text.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let (keyword, value) = (record.get(..equals)?, record.get(equals + 1..)?);
        match keyword {
            b"path" => extended.path = Some(value.to_vec()),
            b"linkpath" => extended.link = Some(value.to_vec()),
            b"size" => extended.size = Some(std::str::from_utf8(value).ok()?.parse().ok()?),
            keyword => extended.sparse |= keyword.starts_with(b"GNU.sparse."),
        }
        text = text.get(length..)?;
    }
    Some(())
}

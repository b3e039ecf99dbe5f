//! Writing the files of a checked archive, counting and summing what really comes out.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use flate2::bufread::DeflateDecoder;

use super::directory::{Entry, Listing};
use super::error::{EntryFault, UnpackError};
use super::names::Kind;
use super::{Sink, Summary};

const BUFFER: usize = 128 << 10;

/// Announces every directory and writes every file, in the order in which they lie in the archive.
pub(super) fn all<R: Read + Seek>(
    reader: &mut R,
    listing: &Listing,
    sink: &mut dyn Sink,
) -> Result<Summary, UnpackError> {
    let mut summary = Summary::default();
    for path in &listing.directories {
        sink.directory(path).map_err(|source| UnpackError::Write { path: path.to_string(), source })?;
        summary.directories += 1;
    }
    let mut buffer = vec![0; BUFFER];
    for entry in listing.entries.iter().filter(|entry| entry.kind == Kind::File) {
        reader.seek(SeekFrom::Start(entry.data)).map_err(UnpackError::Read)?;
        let mut writer = sink.file(&entry.path, entry.size).map_err(|source| write_error(entry, source))?;
        file(reader.by_ref().take(entry.packed), entry, writer.as_mut(), &mut buffer)?;
        writer.flush().map_err(|source| write_error(entry, source))?;
        summary.files += 1;
        summary.bytes += entry.size;
    }
    Ok(summary)
}

/// The content of one file, whose size was compared with what there may be.
pub(super) fn one<R: Read + Seek>(reader: &mut R, entry: &Entry) -> Result<Vec<u8>, UnpackError> {
    reader.seek(SeekFrom::Start(entry.data)).map_err(UnpackError::Read)?;
    let mut content = Vec::new();
    file(reader.by_ref().take(entry.packed), entry, &mut content, &mut vec![0; BUFFER])?;
    Ok(content)
}

fn file(packed: impl Read, entry: &Entry, writer: &mut dyn Write, buffer: &mut [u8]) -> Result<(), UnpackError> {
    if !entry.deflated {
        return pour(packed, entry, writer, buffer);
    }
    let mut inflater = DeflateDecoder::new(BufReader::with_capacity(BUFFER, packed));
    pour(&mut inflater, entry, writer, buffer)?;
    // Compressed data that ends early would leave room for bytes that only some readers see.
    if inflater.total_in() == entry.packed { Ok(()) } else { Err(entry.fault(EntryFault::Deflate)) }
}

/// Copies exactly `entry.size` bytes with the right checksum; never writes a byte more.
fn pour(mut data: impl Read, entry: &Entry, writer: &mut dyn Write, buffer: &mut [u8]) -> Result<(), UnpackError> {
    let (mut left, mut crc) = (entry.size, crc32fast::Hasher::new());
    loop {
        let chunk = match data.read(buffer) {
            Ok(read) => buffer.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_error(entry, error)),
        };
        if chunk.is_empty() {
            break;
        }
        left = left.checked_sub(chunk.len() as u64).ok_or(entry.fault(EntryFault::Size { expected: entry.size }))?;
        crc.update(chunk);
        writer.write_all(chunk).map_err(|source| write_error(entry, source))?;
    }
    match (left, crc.finalize() == entry.crc) {
        (0, true) => Ok(()),
        (0, false) => Err(entry.fault(EntryFault::Crc)),
        _ => Err(entry.fault(EntryFault::Size { expected: entry.size })),
    }
}

/// The inflater reports malformed data with these kinds; all others come from the archive's reader.
fn read_error(entry: &Entry, error: io::Error) -> UnpackError {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof if entry.deflated => {
            entry.fault(EntryFault::Deflate)
        }
        _ => UnpackError::Read(error),
    }
}

fn write_error(entry: &Entry, source: io::Error) -> UnpackError {
    UnpackError::Write { path: entry.path.to_string(), source }
}

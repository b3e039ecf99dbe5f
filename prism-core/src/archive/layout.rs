//! Every byte of an archive belongs to one entry: headers that agree, no overlap, nothing hidden between.

use std::io::{Read, Seek};

use super::directory::{Entry, FLAGS_EFFORT, fault, read_at};
use super::error::{ArchiveFault, EntryFault, UnpackError};
use super::record::{DEFLATED, DESCRIPTOR, Extra, FLAG_DESCRIPTOR, Fields, LOCAL, LOCAL_LEN, STORED, widen};

/// Orders the entries as they lie in the file, reads each one's own header, and checks that together they fill the
/// file up to `end`, where the list of entries begins.
pub(super) fn check<R: Read + Seek>(reader: &mut R, entries: &mut [Entry], end: u64) -> Result<(), UnpackError> {
    entries.sort_by_key(|entry| entry.header);
    let mut followers: Vec<u64> = entries.iter().skip(1).map(|entry| entry.header.min(end)).collect();
    followers.push(end);
    let mut at = 0;
    for (entry, next) in entries.iter_mut().zip(followers) {
        match entry.header {
            header if header >= end => return Err(entry.fault(EntryFault::Outside)),
            header if header < at => return Err(entry.fault(EntryFault::Overlap)),
            header if header > at => return Err(entry.fault(EntryFault::Hidden)),
            _ => at = check_entry(reader, entry, next, end)?,
        }
    }
    if at == end { Ok(()) } else { Err(fault(ArchiveFault::Hidden)) }
}

/// Checks what surrounds an entry's data; returns where the entry ends.
fn check_entry<R: Read + Seek>(reader: &mut R, entry: &mut Entry, next: u64, end: u64) -> Result<u64, UnpackError> {
    let inside = |start: u64, len: u64| start.checked_add(len).filter(|&it| it <= end);
    let outside = || entry.fault(EntryFault::Outside);
    let names = inside(entry.header, LOCAL_LEN as u64).ok_or_else(outside)?;
    let header = Header::read(&read_at(reader, entry.header, LOCAL_LEN as u64)?);
    let header = header.ok_or_else(|| entry.fault(EntryFault::HeadersDiffer))?;
    let data = inside(names, header.names_len()).ok_or_else(outside)?;
    let data_end = inside(data, entry.packed).ok_or_else(outside)?;
    let names = read_at(reader, names, header.names_len())?;
    header.compare(entry, &names).map_err(|fault| entry.fault(fault))?;
    entry.data = data;
    if entry.flags & FLAG_DESCRIPTOR == 0 {
        return Ok(data_end);
    }
    let len = next.checked_sub(data_end).ok_or_else(|| entry.fault(EntryFault::Overlap))?;
    let descriptor = if len <= DESCRIPTOR_MAX { read_at(reader, data_end, len)? } else { Vec::new() };
    let agrees = descriptor_agrees(&descriptor, entry).unwrap_or(false);
    if agrees { Ok(next) } else { Err(entry.fault(EntryFault::Descriptor)) }
}

/// An entry's own header, section 4.3.7.
struct Header {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    size: u32,
    name_len: u16,
    extra_len: u16,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::new(bytes);
        fields.signature(LOCAL)?;
        let _needed = fields.u16()?;
        let (flags, method, _time, _date) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
        let (crc, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        Some(Self { flags, method, crc, packed, size, name_len: fields.u16()?, extra_len: fields.u16()? })
    }

    /// The bytes of name and extra fields, which stand before the data.
    fn names_len(&self) -> u64 {
        u64::from(self.name_len) + u64::from(self.extra_len)
    }

    fn compare(&self, entry: &Entry, names: &[u8]) -> Result<(), EntryFault> {
        let (name, extra) = names.split_at_checked(self.name_len.into()).ok_or(EntryFault::HeadersDiffer)?;
        let extra = Extra::read(extra).ok_or(EntryFault::Extra)?;
        if !extra.agrees_with(name) {
            return Err(EntryFault::TwoNames);
        }
        let mut wide = Fields::new(extra.zip64.unwrap_or_default());
        let size = widen(self.size, &mut wide).ok_or(EntryFault::Extra)?;
        let packed = widen(self.packed, &mut wide).ok_or(EntryFault::Extra)?;
        // When a descriptor follows the data, the writer did not know these yet and may have left zeros.
        let later = self.flags & FLAG_DESCRIPTOR != 0;
        let agrees = |here: u64, listed: u64| here == listed || (later && here == 0);
        let same = name == entry.raw_name()
            && (self.flags ^ entry.flags) & !FLAGS_EFFORT == 0
            && self.method == if entry.deflated { DEFLATED } else { STORED }
            && agrees(self.crc.into(), entry.crc.into())
            && agrees(packed, entry.packed)
            && agrees(size, entry.size);
        if same { Ok(()) } else { Err(EntryFault::HeadersDiffer) }
    }
}

const DESCRIPTOR_MAX: u64 = 24;

/// Whether the record after the data (section 4.3.9) says the same as the list. Its four forms, with and without
/// signature, with 32-bit and 64-bit sizes, all differ in length.
fn descriptor_agrees(bytes: &[u8], entry: &Entry) -> Option<bool> {
    let mut fields = Fields::new(bytes);
    if matches!(bytes.len(), 16 | 24) {
        fields.signature(DESCRIPTOR)?;
    }
    let crc = fields.u32()?;
    let (packed, size) = match bytes.len() {
        12 | 16 => (fields.u32()?.into(), fields.u32()?.into()),
        20 | 24 => (fields.u64()?, fields.u64()?),
        _ => return None,
    };
    Some((crc, packed, size) == (entry.crc, entry.packed, entry.size))
}

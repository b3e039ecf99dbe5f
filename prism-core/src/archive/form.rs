//! The bytes around the files of a packed archive, in the two forms that are written.

use super::record::{
    CENTRAL, DESCRIPTOR, END, END64, END64_LEN, EXTRA_TIME, EXTRA_ZIP64, FLAG_DESCRIPTOR, FLAG_UTF8, LOCAL, LOCATOR64,
    STORED, WIDE_16, WIDE_32,
};

const UNIX: u16 = 3 << 8;
const REGULAR_FILE_0644: u32 = 0o100_644 << 16;
const VERSION_ZIP64: u16 = 45;
const VERSION_FOLDERS: u16 = 20;

/// Which bytes stand around the files. Both forms hold the same files in the same order, stored, with the mode 0644.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Ours, as [`pack`](super::pack) tells it.
    Canonical,
    /// That of Cocos AI: what Go's `archive/zip` writes for files of 1970-01-01T00:00:00Z in the zone UTC.
    Cocos,
}

/// What the list of files says of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a> {
    pub(super) name: &'a str,
    pub(super) crc: u32,
    pub(super) size: u64,
    pub(super) offset: u64,
}

impl Form {
    /// The header before a file's content.
    pub(super) fn local_header(self, out: &mut Vec<u8>, name: &str) {
        out.extend(LOCAL);
        self.common(out, name, self.version());
        // CRC and sizes follow the data.
        out.extend([0; 12]);
        put_len(out, name.len());
        put_len(out, self.extra().len());
        out.extend(name.as_bytes());
        out.extend(self.extra());
    }

    /// The record of a file in the list.
    pub(super) fn central_record(self, out: &mut Vec<u8>, file: &Packed<'_>) {
        let (zip64, zip64_len) = self.zip64(file);
        let zip64 = zip64.get(..zip64_len).unwrap_or_default();
        let wide = narrow(file.size) == WIDE_32;
        let size = if self == Self::Cocos && zip64_len > 0 { WIDE_32 } else { narrow(file.size) };
        out.extend(CENTRAL);
        out.extend((UNIX | self.version()).to_le_bytes());
        self.common(out, file.name, if wide { VERSION_ZIP64 } else { self.version() });
        for field in [file.crc, size, size] {
            out.extend(field.to_le_bytes());
        }
        let zip64_field = if zip64.is_empty() { 0 } else { 4 + 8 * zip64.len() };
        put_len(out, file.name.len());
        put_len(out, self.extra().len() + zip64_field);
        // Length of the comment, volume, internal attributes.
        out.extend([0; 6]);
        out.extend(REGULAR_FILE_0644.to_le_bytes());
        out.extend(narrow(file.offset).to_le_bytes());
        out.extend(file.name.as_bytes());
        out.extend(self.extra());
        if !zip64.is_empty() {
            out.extend(EXTRA_ZIP64.to_le_bytes());
            put_len(out, 8 * zip64.len());
            for value in zip64 {
                out.extend(value.to_le_bytes());
            }
        }
    }

    /// What follows the list of files.
    pub(super) fn end_records(self, out: &mut Vec<u8>, entries: u64, directory: u64, directory_len: u64) {
        let count = u16::try_from(entries).unwrap_or(WIDE_16);
        let (mut count, mut len, mut at) = (count, narrow(directory_len), narrow(directory));
        if count == WIDE_16 || len == WIDE_32 || at == WIDE_32 {
            wide_end_records(out, entries, directory, directory_len);
            if self == Self::Cocos {
                (count, len, at) = (WIDE_16, WIDE_32, WIDE_32);
            }
        }
        out.extend(END);
        out.extend([0; 4]);
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(len.to_le_bytes());
        out.extend(at.to_le_bytes());
        // Length of the comment.
        out.extend([0; 2]);
    }

    /// The fields that local header and central record share: version, flags, method, time, date.
    fn common(self, out: &mut Vec<u8>, name: &str, version: u16) {
        for field in [version, self.flags(name), STORED, 0, self.date()] {
            out.extend(field.to_le_bytes());
        }
    }

    const fn version(self) -> u16 {
        match self {
            Self::Canonical => VERSION_ZIP64,
            Self::Cocos => VERSION_FOLDERS,
        }
    }

    fn flags(self, name: &str) -> u16 {
        match self {
            Self::Cocos if !needs_utf8(name) => FLAG_DESCRIPTOR,
            _ => FLAG_DESCRIPTOR | FLAG_UTF8,
        }
    }

    const fn date(self) -> u16 {
        match self {
            // 1980-01-01, the first day that the format knows.
            Self::Canonical => (1 << 5) | 1,
            // 1970-01-01: Go's year before the first wraps around.
            Self::Cocos => (1970_u16.wrapping_sub(1980) << 9) | (1 << 5) | 1,
        }
    }

    /// Extra fields of every file: for Cocos the moment 0 in seconds since 1970.
    const fn extra(self) -> &'static [u8] {
        const TIME: [u8; 2] = EXTRA_TIME.to_le_bytes();
        match self {
            Self::Canonical => &[],
            Self::Cocos => &[TIME[0], TIME[1], 5, 0, 1, 0, 0, 0, 0],
        }
    }

    /// The 64-bit values that the central record needs, and their number: we give those that do not fit, Go all three
    /// as soon as one does not.
    fn zip64(self, file: &Packed<'_>) -> ([u64; 3], usize) {
        let (size, offset) = (narrow(file.size) == WIDE_32, narrow(file.offset) == WIDE_32);
        match (size, offset) {
            (false, false) => ([0; 3], 0),
            (false, true) if self == Self::Canonical => ([file.offset, 0, 0], 1),
            (true, false) if self == Self::Canonical => ([file.size, file.size, 0], 2),
            _ => ([file.size, file.size, file.offset], 3),
        }
    }
}

/// CRC and size after a file's content; the same in both forms.
pub(super) fn descriptor(out: &mut Vec<u8>, crc: u32, size: u64) {
    out.extend(DESCRIPTOR);
    out.extend(crc.to_le_bytes());
    for _ in ["packed", "unpacked"] {
        match narrow(size) {
            WIDE_32 => out.extend(size.to_le_bytes()),
            narrow => out.extend(narrow.to_le_bytes()),
        }
    }
}

fn wide_end_records(out: &mut Vec<u8>, entries: u64, directory: u64, directory_len: u64) {
    out.extend(END64);
    out.extend((END64_LEN as u64 - 12).to_le_bytes());
    out.extend(VERSION_ZIP64.to_le_bytes());
    out.extend(VERSION_ZIP64.to_le_bytes());
    out.extend([0; 8]);
    for field in [entries, entries, directory_len, directory] {
        out.extend(field.to_le_bytes());
    }
    out.extend(LOCATOR64);
    out.extend([0; 4]);
    out.extend((directory + directory_len).to_le_bytes());
    out.extend(1_u32.to_le_bytes());
}

/// Whether Go marks the name as UTF-8: also for `~` and the backslash, which some old code pages replace.
fn needs_utf8(name: &str) -> bool {
    name.chars().any(|c| !(' '..='}').contains(&c) || c == '\\')
}

/// The 32-bit field for a value, all ones when the value needs more.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(WIDE_32)
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend(u16::try_from(len).unwrap_or(WIDE_16).to_le_bytes());
}

//! ZIP archives built byte by byte, every field open to a lie.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// One of the two headers of an entry.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) signature: [u8; 4],
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u32,
    pub(super) size: u32,
    pub(super) name: Vec<u8>,
    pub(super) extra: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct Item {
    pub(super) local: Header,
    pub(super) central: Header,
    pub(super) data: Vec<u8>,
    /// What stands after the data.
    pub(super) after: Vec<u8>,
    /// What stands before the local header.
    pub(super) before: Vec<u8>,
    pub(super) attributes: u32,
    pub(super) disk: u16,
    pub(super) comment: Vec<u8>,
    /// Instead of the true offset of the local header.
    pub(super) offset: Option<u32>,
    pub(super) listed: bool,
}

/// A stored file.
pub(super) fn stored(name: &str, content: &[u8]) -> Item {
    item(name.as_bytes(), content, content.to_vec(), 0)
}

/// A deflated file.
pub(super) fn deflated(name: &str, content: &[u8]) -> Item {
    item(name.as_bytes(), content, deflate(content), 8)
}

pub(super) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A file whose sizes follow its data.
pub(super) fn streamed(name: &str, content: &[u8]) -> Item {
    let mut item = stored(name, content);
    item.set_flags(1 << 3);
    (item.local.crc, item.local.packed, item.local.size) = (0, 0, 0);
    item.after = descriptor(item.central.crc, content.len() as u64, true, false);
    item
}

pub(super) fn descriptor(crc: u32, size: u64, signed: bool, wide: bool) -> Vec<u8> {
    let size = if wide { size.to_le_bytes().to_vec() } else { u32::try_from(size).unwrap().to_le_bytes().to_vec() };
    let signature: &[u8] = if signed { b"PK\x07\x08" } else { b"" };
    [signature, &crc.to_le_bytes(), &size, &size].concat()
}

fn item(name: &[u8], content: &[u8], data: Vec<u8>, method: u16) -> Item {
    let local = Header {
        signature: *b"PK\x03\x04",
        flags: 0,
        method,
        crc: crc32fast::hash(content),
        packed: u32::try_from(data.len()).unwrap(),
        size: u32::try_from(content.len()).unwrap(),
        name: name.to_vec(),
        extra: Vec::new(),
    };
    let central = Header { signature: *b"PK\x01\x02", ..local.clone() };
    let (after, before, comment) = (Vec::new(), Vec::new(), Vec::new());
    Item { local, central, data, after, before, attributes: 0, disk: 0, comment, offset: None, listed: true }
}

impl Item {
    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn set_name(&mut self, name: &[u8]) {
        self.local.name = name.to_vec();
        self.central.name = name.to_vec();
    }

    pub(super) fn set_flags(&mut self, flags: u16) {
        self.local.flags |= flags;
        self.central.flags |= flags;
    }

    pub(super) fn set_method(&mut self, method: u16) {
        self.local.method = method;
        self.central.method = method;
    }

    pub(super) fn set_crc(&mut self, crc: u32) {
        self.local.crc = crc;
        self.central.crc = crc;
    }

    pub(super) fn set_size(&mut self, size: u32) {
        self.local.size = size;
        self.central.size = size;
    }

    pub(super) fn set_packed(&mut self, packed: u32) {
        self.local.packed = packed;
        self.central.packed = packed;
    }

    pub(super) fn set_mode(&mut self, mode: u32) {
        self.attributes = mode << 16;
    }
}

pub(super) fn extra(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes(), &u16::try_from(body.len()).unwrap().to_le_bytes(), body].concat()
}

pub(super) fn wide(values: &[u64]) -> Vec<u8> {
    extra(1, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// The records at the end and what stands around them.
#[derive(Default)]
pub(super) struct Tail {
    pub(super) prefix: Vec<u8>,
    pub(super) before_directory: Vec<u8>,
    pub(super) after_directory: Vec<u8>,
    pub(super) disk: u16,
    pub(super) directory_disk: u16,
    pub(super) entries: Option<u16>,
    pub(super) entries_here: Option<u16>,
    pub(super) directory_len: Option<u32>,
    pub(super) directory: Option<u32>,
    pub(super) comment: Vec<u8>,
    pub(super) comment_len: Option<u16>,
    pub(super) trailing: Vec<u8>,
    pub(super) wide: Option<Wide>,
    /// Offsets count from after the prefix, as a careless tool leaves them.
    pub(super) offsets_ignore_prefix: bool,
}

/// Lies in the ZIP64 end records.
#[derive(Default)]
pub(super) struct Wide {
    pub(super) len: Option<u64>,
    pub(super) entries: Option<u64>,
    pub(super) entries_here: Option<u64>,
    pub(super) directory_len: Option<u64>,
    pub(super) directory: Option<u64>,
    pub(super) disk: u32,
    pub(super) disks: Option<u32>,
    pub(super) at: Option<u64>,
    pub(super) between: Vec<u8>,
    pub(super) signature: Option<[u8; 4]>,
}

pub(super) fn archive(items: &[Item]) -> Vec<u8> {
    archive_with(items, &Tail::default())
}

pub(super) fn archive_with(items: &[Item], tail: &Tail) -> Vec<u8> {
    let mut bytes = tail.prefix.clone();
    let base = if tail.offsets_ignore_prefix { bytes.len() } else { 0 };
    let mut directory = Vec::new();
    for item in items {
        bytes.extend(&item.before);
        let offset = u32::try_from(bytes.len() - base).unwrap();
        bytes.extend(local(&item.local));
        bytes.extend(&item.data);
        bytes.extend(&item.after);
        if item.listed {
            directory.extend(central(item, item.offset.unwrap_or(offset)));
        }
    }
    bytes.extend(&tail.before_directory);
    let at = (bytes.len() - base) as u64;
    let entries = items.iter().filter(|item| item.listed).count() as u64;
    let directory_len = directory.len() as u64;
    bytes.extend(directory);
    bytes.extend(&tail.after_directory);
    if let Some(wide) = &tail.wide {
        let record_at = bytes.len() as u64;
        bytes.extend(wide_records(wide, entries, directory_len, at, record_at));
    }
    bytes.extend(end(tail, entries, directory_len, at));
    bytes.extend(&tail.trailing);
    bytes
}

fn shared(header: &Header) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [20, header.flags, header.method, 0, 33] {
        bytes.extend(field.to_le_bytes());
    }
    for field in [header.crc, header.packed, header.size] {
        bytes.extend(field.to_le_bytes());
    }
    for len in [header.name.len(), header.extra.len()] {
        bytes.extend(u16::try_from(len).unwrap().to_le_bytes());
    }
    bytes
}

fn local(header: &Header) -> Vec<u8> {
    [&header.signature, shared(header).as_slice(), &header.name, &header.extra].concat()
}

fn central(item: &Item, offset: u32) -> Vec<u8> {
    let header = &item.central;
    [
        header.signature.as_slice(),
        &[20, 3],
        &shared(header),
        &u16::try_from(item.comment.len()).unwrap().to_le_bytes(),
        &item.disk.to_le_bytes(),
        &[0; 2],
        &item.attributes.to_le_bytes(),
        &offset.to_le_bytes(),
        &header.name,
        &header.extra,
        &item.comment,
    ]
    .concat()
}

fn wide_records(wide: &Wide, entries: u64, directory_len: u64, directory: u64, record_at: u64) -> Vec<u8> {
    [
        wide.signature.unwrap_or(*b"PK\x06\x06").as_slice(),
        &wide.len.unwrap_or(44).to_le_bytes(),
        &[45, 3, 45, 0],
        &wide.disk.to_le_bytes(),
        &[0; 4],
        &wide.entries_here.unwrap_or(entries).to_le_bytes(),
        &wide.entries.unwrap_or(entries).to_le_bytes(),
        &wide.directory_len.unwrap_or(directory_len).to_le_bytes(),
        &wide.directory.unwrap_or(directory).to_le_bytes(),
        &wide.between,
        b"PK\x06\x07",
        &[0; 4],
        &wide.at.unwrap_or(record_at).to_le_bytes(),
        &wide.disks.unwrap_or(1).to_le_bytes(),
    ]
    .concat()
}

fn end(tail: &Tail, entries: u64, directory_len: u64, directory: u64) -> Vec<u8> {
    let narrow = u16::try_from(entries).unwrap();
    [
        b"PK\x05\x06".as_slice(),
        &tail.disk.to_le_bytes(),
        &tail.directory_disk.to_le_bytes(),
        &tail.entries_here.unwrap_or(narrow).to_le_bytes(),
        &tail.entries.unwrap_or(narrow).to_le_bytes(),
        &tail.directory_len.unwrap_or(u32::try_from(directory_len).unwrap()).to_le_bytes(),
        &tail.directory.unwrap_or(u32::try_from(directory).unwrap()).to_le_bytes(),
        &tail.comment_len.unwrap_or(u16::try_from(tail.comment.len()).unwrap()).to_le_bytes(),
        &tail.comment,
    ]
    .concat()
}

//! What a kept environment is: a tag over everything in it, under a key that no disk has.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use prism_core::digest::{Digest, Hasher};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::Until;
use super::key::MachineKey;

/// Version of the seal's form.
pub(super) const VERSION: u32 = 2;

/// Bytes that are read between two looks at whether the run was stopped.
const PIECE: usize = 1 << 20;

/// Who sealed an environment, and what it has to be.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    version: u32,
    /// The name of the key.
    key: String,
    /// Digest over the SHA-256 of the wheels that are in it.
    pub(super) wheels: Digest,
    /// Bytes of its files.
    pub(super) bytes: u64,
    tag: String,
}

impl Seal {
    /// Seals `tree`, which is called `name`.
    pub(super) fn new(key: &MachineKey, name: &str, wheels: Digest, tree: &Tree) -> Self {
        let tag = key.sign(&message(name, &wheels, tree.bytes, &tree.digest));
        Self { version: VERSION, key: key.id().to_owned(), wheels, bytes: tree.bytes, tag }
    }

    pub(super) fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    pub(super) fn to_text(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Whether it is of this form and names this key: whatever else it says is not to be believed otherwise.
    pub(super) fn is_by(&self, key: &MachineKey) -> bool {
        self.version == VERSION && self.key == key.id()
    }

    /// Whether `tree` is what was sealed under this name.
    pub(super) fn holds(&self, key: &MachineKey, name: &str, tree: &Tree) -> bool {
        self.is_by(key) && key.verifies(&message(name, &self.wheels, tree.bytes, &tree.digest), &self.tag)
    }
}

fn message(name: &str, wheels: &Digest, bytes: u64, tree: &Digest) -> Vec<u8> {
    let mut message = b"prism/kept-environment/v2\0".to_vec();
    for field in [name.as_bytes(), wheels.as_bytes(), &bytes.to_be_bytes(), tree.as_bytes()] {
        message.extend((field.len() as u64).to_be_bytes());
        message.extend(field);
    }
    message
}

/// Everything in an environment: names, kinds, modes, links and content.
#[derive(Debug)]
pub(super) struct Tree {
    digest: Digest,
    pub(super) bytes: u64,
}

impl Tree {
    /// Reads all of it; `None` when a part of it is not the agent's alone.
    pub(super) fn read(path: &Path, until: &Until) -> io::Result<Option<Self>> {
        let mut reading = Reading { hasher: Hasher::sha256(), bytes: 0, piece: vec![0; PIECE], until };
        let safe = reading.add(path)?;
        Ok(safe.then(|| Self { digest: reading.hasher.finish(), bytes: reading.bytes }))
    }
}

/// Whether a file belongs to the agent's user and nobody else may write to it.
pub(super) fn is_safe(meta: &fs::Metadata) -> bool {
    meta.uid() == rustix::process::geteuid().as_raw() && (meta.is_symlink() || meta.mode() & 0o7022 == 0)
}

struct Reading<'a> {
    hasher: Hasher,
    bytes: u64,
    piece: Vec<u8>,
    until: &'a Until,
}

impl Reading<'_> {
    /// Every part says how long it is: no two trees give the same bytes.
    fn field(&mut self, bytes: &[u8]) {
        self.hasher.update(&(bytes.len() as u64).to_be_bytes());
        self.hasher.update(bytes);
    }

    fn add(&mut self, path: &Path) -> io::Result<bool> {
        self.until.check()?;
        let meta = fs::symlink_metadata(path)?;
        let plain = meta.is_dir() || meta.is_symlink() || (meta.is_file() && meta.nlink() == 1);
        if !plain || !is_safe(&meta) {
            return Ok(false);
        }
        self.field(path.file_name().unwrap_or_default().as_encoded_bytes());
        self.field(&meta.mode().to_be_bytes());
        if meta.is_symlink() {
            self.field(fs::read_link(path)?.as_os_str().as_encoded_bytes());
            return Ok(true);
        }
        if meta.is_file() { self.content(path, meta.len()).map(|()| true) } else { self.directory(path) }
    }

    fn content(&mut self, path: &Path, length: u64) -> io::Result<()> {
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        let mut file = OpenOptions::new().read(true).custom_flags(no_link).open(path)?;
        self.hasher.update(&length.to_be_bytes());
        let mut left = length;
        loop {
            self.until.check()?;
            match file.read(&mut self.piece)? {
                0 => break,
                read => {
                    self.hasher.update(self.piece.get(..read).unwrap_or_default());
                    left = left.checked_sub(read as u64).ok_or(io::ErrorKind::InvalidData)?;
                }
            }
        }
        self.bytes += length;
        if left == 0 { Ok(()) } else { Err(io::Error::from(io::ErrorKind::InvalidData)) }
    }

    fn directory(&mut self, path: &Path) -> io::Result<bool> {
        let mut below: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        below.sort();
        self.hasher.update(&(below.len() as u64).to_be_bytes());
        for path in below {
            if !self.add(&path)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

//! The files of a result on its way. Everything here blocks.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use prism_core::digest::{Digest, Hasher};
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{Identity, Opener, RecipientKind, file_key};
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::ResultError;
use super::inflow::Inflow;
use crate::files::{
    Change, Draft, FileError, Measured, measure, measure_file, read_limited, read_private, sync_directory,
    write_atomic, write_new_private,
};
use crate::seal::Effort;

/// Longest header that is kept, in bytes.
const HEADER_MAX: u64 = prism_core::seal::HEADER_MAX as u64;

const PAYLOAD: &str = ".payload-";
const HEADER: &str = ".header-";
const IDENTITY: &str = ".identity-";
/// How many digits of a digest tell two results apart.
const SHORT: usize = 16;

/// Where the files of one result are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) out: PathBuf,
    pub(super) identity: PathBuf,
    pub(super) payload: PathBuf,
    pub(super) sealed: PathBuf,
    header: PathBuf,
    kept_identity: PathBuf,
    short: String,
}

/// The identity, and the word that nobody else is at this result as long as the file is open.
pub(super) struct Holder {
    pub(super) identity: Identity,
    _lock: File,
}

impl Place {
    /// The files of the result with these sealed bytes. Those of another boot's result never mix with them.
    pub(super) fn new(out: &Path, payload: Digest) -> Self {
        let short: String = payload.to_hex().chars().take(SHORT).collect();
        Self {
            out: out.to_owned(),
            identity: with(out, &format!("{IDENTITY}{short}")),
            payload: with(out, &format!("{PAYLOAD}{short}")),
            sealed: with(out, ".age"),
            header: with(out, &format!("{HEADER}{short}")),
            kept_identity: with(out, ".identity"),
            short,
        }
    }

    /// A fresh identity, on disk before anybody hears of it.
    pub(super) fn start(&self, kind: RecipientKind) -> Result<Holder, ResultError> {
        if self.out.symlink_metadata().is_ok() {
            return Err(FileError::Exists { path: self.out.clone() }.into());
        }
        let identity = Identity::generate(kind, &mut SystemEntropy::default())?;
        let text = format!("# public key: {}\n{}\n", identity.recipient(), *identity.to_text());
        let text = zeroize::Zeroizing::new(text);
        match write_new_private(&self.identity, text.as_bytes()) {
            // Another program has begun in this very moment.
            Err(FileError::Exists { .. }) => return Err(ResultError::Busy { out: self.out.clone() }),
            written => written?,
        }
        self.resume()?.ok_or_else(|| FileError::Missing { path: self.identity.clone() }.into())
    }

    /// Refuses an output beside which another result is kept. Once our header is here, what is kept may be ours.
    pub(super) fn refuse_what_is_kept(&self) -> Result<(), ResultError> {
        let kept = [&self.sealed, &self.kept_identity].into_iter().find(|path| path.symlink_metadata().is_ok());
        match kept {
            Some(path) if !self.header.exists() => Err(FileError::Exists { path: path.clone() }.into()),
            _ => Ok(()),
        }
    }

    /// The identity of an earlier attempt at this result, if there is one.
    pub(super) fn resume(&self) -> Result<Option<Holder>, ResultError> {
        let path = self.identity.clone();
        let text = match read_private(&path) {
            Err(FileError::Missing { .. }) => return Ok(None),
            read => read?,
        };
        let lock = File::open(&path).map_err(FileError::io("open", &path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(ResultError::Busy { out: self.out.clone() }),
            Err(error) => return Err(FileError::io("lock", &path)(error.into()).into()),
        }
        let identity = Identity::from_file(&text).map_err(|source| ResultError::Identity { path, source })?;
        Ok(Some(Holder { identity, _lock: lock }))
    }

    /// As [`resume`](Self::resume), once whoever is at this result has left it.
    pub(super) fn resume_when_left(&self) -> Result<Option<Holder>, ResultError> {
        match File::open(&self.identity) {
            Ok(held) => flock(&held, FlockOperation::LockExclusive)
                .map_err(|error| FileError::io("lock", &self.identity)(error.into()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::io("open", &self.identity)(error).into()),
        }
        self.resume()
    }

    /// The sealed bytes so far, opened for more and hashed.
    pub(super) fn open_payload(&self) -> Result<Inflow, ResultError> {
        Inflow::resume(ours(&self.payload, OpenOptions::new().write(true).create(true))?, &self.payload)
    }

    /// The length of the sealed bytes so far.
    pub(super) fn received(&self) -> u64 {
        fs::metadata(&self.payload).map_or(0, |facts| facts.len())
    }

    pub(super) fn header(&self) -> Result<Option<Vec<u8>>, ResultError> {
        let file = match ours(&self.header, &mut OpenOptions::new()) {
            Err(FileError::Missing { .. }) => return Ok(None),
            opened => opened?,
        };
        let mut header = Vec::new();
        file.take(HEADER_MAX + 1).read_to_end(&mut header).map_err(FileError::io("read", &self.header))?;
        Ok(Some(header))
    }

    pub(super) fn keep_header(&self, header: &[u8]) -> Result<(), ResultError> {
        Ok(write_atomic(&self.header, header)?)
    }

    /// Opens the result into the output, or finds that this has been done.
    pub(super) fn open(&self, header: &[u8], identity: &Identity) -> Result<Measured, ResultError> {
        if self.out.symlink_metadata().is_ok() {
            return self.recognise(header, identity);
        }
        let mut draft = Draft::create_only(&self.out, &self.short)?;
        let opened = self.open_into(header, identity, &mut draft)?;
        draft.publish()?;
        Ok(opened)
    }

    /// Opens what is here in one pass, over the machine's processors.
    fn open_into(&self, header: &[u8], identity: &Identity, out: impl Write + Send) -> Result<Measured, ResultError> {
        let key = file_key(header, identity)?;
        let opener = Opener::payload(&key).workers(Effort::default().workers).digest(Hasher::sha256());
        let totals = opener.open(self.read_payload()?, out)?;
        let digest = totals.digest.ok_or(ResultError::Malformed { expected: "a digest" })?;
        Ok(Measured { digest, size: totals.size })
    }

    /// An output that exists already is fine if it is what would be written there now.
    fn recognise(&self, header: &[u8], identity: &Identity) -> Result<Measured, ResultError> {
        let opened = self.open_into(header, identity, io::sink())?;
        let found = measure_file(&self.out, Hasher::sha256(), &mut |_| {})?;
        if opened == found { Ok(found) } else { Err(FileError::Exists { path: self.out.clone() }.into()) }
    }

    /// Puts header and payload together, a standard age file, and keeps the identity beside it.
    pub(super) fn keep_sealed(&self, header: &[u8]) -> Result<(), ResultError> {
        self.keep_identity()?;
        let mut sealed = header.chain(self.read_payload()?);
        if self.sealed.symlink_metadata().is_ok() {
            let ours =
                measure(&mut sealed, Hasher::sha256(), &mut |_| {}).map_err(FileError::io("read", &self.payload))?;
            let found = measure_file(&self.sealed, Hasher::sha256(), &mut |_| {})?;
            return same_or_exists(ours == found, &self.sealed);
        }
        let mut draft = Draft::create_only(&self.sealed, &self.short)?;
        io::copy(&mut sealed, &mut draft).map_err(FileError::io("write", &self.sealed))?;
        Ok(draft.publish()?)
    }

    fn keep_identity(&self) -> Result<(), ResultError> {
        let ours = read_private(&self.identity)?;
        match write_new_private(&self.kept_identity, ours.as_bytes()) {
            Err(FileError::Exists { .. }) => {
                same_or_exists(*read_private(&self.kept_identity)? == *ours, &self.kept_identity)
            }
            written => Ok(written?),
        }
    }

    /// The output, which is what was opened.
    pub(super) fn read(&self, opened: Measured) -> Result<Vec<u8>, ResultError> {
        let bytes = read_limited(&self.out, opened.size)?;
        if Digest::sha256(&bytes) == opened.digest {
            return Ok(bytes);
        }
        Err(FileError::Changed { path: self.out.clone(), change: Change::Content }.into())
    }

    /// Removes the output.
    pub(super) fn remove(&self) -> Result<(), ResultError> {
        remove(&self.out)?;
        Ok(sync_directory(parent(&self.out))?)
    }

    /// Writes the receipt, in place of an older one.
    pub(super) fn keep_receipt(&self, text: &str) -> Result<(), ResultError> {
        Ok(write_atomic(&with(&self.out, ".receipt"), text.as_bytes())?)
    }

    /// Discards sealed bytes that are not what they should be.
    pub(super) fn discard_payload(&self) -> Result<(), ResultError> {
        Ok(fs::remove_file(&self.payload).map_err(FileError::io("remove", &self.payload))?)
    }

    /// Removes what is not needed any more, the identity last. What another result left is not ours to remove.
    pub(super) fn clear(&self) -> Result<(), ResultError> {
        let folder = parent(&self.out);
        remove(&self.payload)?;
        remove(&self.header)?;
        sync_directory(folder)?;
        remove(&self.identity)?;
        Ok(sync_directory(folder)?)
    }

    fn read_payload(&self) -> Result<File, ResultError> {
        Ok(ours(&self.payload, &mut OpenOptions::new())?)
    }

    /// Whether everything is here that the output can be made from again.
    pub(super) fn is_complete(&self) -> bool {
        self.header.exists() && self.payload.exists()
    }
}

/// Opens a file that nobody but this user can have put there, read, or be reading somewhere else: in a folder that others
/// write to, a link would have the result's bytes go wherever they like.
fn ours(path: &Path, options: &mut OpenOptions) -> Result<File, FileError> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options.read(true).mode(0o600).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(FileError::Exists { path: path.to_owned() });
        }
        opened => opened.map_err(FileError::io("open", path))?,
    };
    let facts = file.metadata().map_err(FileError::io("inspect", path))?;
    let private = facts.mode() & 0o7777 == 0o600 && facts.nlink() == 1 && facts.uid() == geteuid().as_raw();
    if facts.is_file() && private { Ok(file) } else { Err(FileError::Exists { path: path.to_owned() }) }
}

fn with(out: &Path, word: &str) -> PathBuf {
    let mut name = out.file_name().map(OsStr::to_owned).unwrap_or_default();
    name.push(word);
    out.with_file_name(name)
}

fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn same_or_exists(is_same: bool, path: &Path) -> Result<(), ResultError> {
    if is_same { Ok(()) } else { Err(FileError::Exists { path: path.to_owned() }.into()) }
}

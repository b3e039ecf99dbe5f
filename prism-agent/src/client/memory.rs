//! What a client remembers of every log: its newest signed head. A log that later contradicts it is caught.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use prism_core::audit::checkpoint::{Checkpoint, SignedCheckpoint, VerifierKey};
use prism_core::digest::Digest;
use rustix::fs::{FlockOperation, flock};

use super::LogError;
use crate::files::{FileError, write_atomic};

/// Where the newest checkpoint of every log is kept. Programs may share a folder.
///
/// Below the folder: `<manifest>/<log>/checkpoint` is a C2SP signed note and `<manifest>/<log>/vkey` its verifier key,
/// so that public tools can read them.
#[derive(Clone, Debug)]
pub struct CheckpointStore(Option<PathBuf>);

/// A head that was verified before.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) key: VerifierKey,
    pub(super) signed: SignedCheckpoint,
    pub(super) head: Checkpoint,
}

impl CheckpointStore {
    /// Keeps checkpoints in a folder, which is made when it is first needed.
    #[must_use]
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self(Some(directory.into()))
    }

    /// Remembers within one session only: a log that forks between two sessions goes unnoticed.
    #[must_use]
    pub const fn within_session() -> Self {
        Self(None)
    }

    /// The head of the log that was seen last for a manifest.
    pub(super) fn latest(&self, manifest: Digest) -> Result<Option<Remembered>, LogError> {
        let Some(folder) = self.folder(manifest) else { return Ok(None) };
        match read(&folder.join("latest"))? {
            Some(log) => read_log(&folder.join(log_name(&log).ok_or_else(|| damaged(&folder.join("latest")))?)),
            None => Ok(None),
        }
    }

    /// The head of one log.
    pub(super) fn of(&self, manifest: Digest, key: &VerifierKey) -> Result<Option<Remembered>, LogError> {
        self.folder(manifest).map_or(Ok(None), |folder| read_log(&folder.join(log_of(key))))
    }

    /// Remembers a verified head, unless a larger one of the same log is remembered already.
    pub(super) fn keep(&self, manifest: Digest, new: &Remembered) -> Result<(), LogError> {
        let Some(folder) = self.folder(manifest) else { return Ok(()) };
        let log = folder.join(log_of(&new.key));
        fs::create_dir_all(&log).map_err(FileError::io("create", &log))?;
        let _lock = lock(&folder)?;
        if read_log(&log)?.is_none_or(|old| old.head.size() < new.head.size()) {
            write_atomic(&log.join("vkey"), format!("{}\n", new.key).as_bytes())?;
            write_atomic(&log.join("checkpoint"), new.signed.as_str().as_bytes())?;
        }
        Ok(write_atomic(&folder.join("latest"), log_of(&new.key).as_bytes())?)
    }

    /// Keeps two heads that contradict each other, beside the key that signed both: proof for anybody.
    pub(super) fn keep_fork(
        &self,
        manifest: Digest,
        old: &Remembered,
        new: &SignedCheckpoint,
    ) -> Result<PathBuf, LogError> {
        let Some(folder) = self.folder(manifest) else { return Ok(PathBuf::from("nowhere")) };
        let fork =
            folder.join(log_of(&old.key)).join(format!("fork-{}", Digest::sha256(new.as_str().as_bytes()).to_hex()));
        fs::create_dir_all(&fork).map_err(FileError::io("create", &fork))?;
        write_atomic(&fork.join("vkey"), format!("{}\n", old.key).as_bytes())?;
        write_atomic(&fork.join("seen-before"), old.signed.as_str().as_bytes())?;
        write_atomic(&fork.join("seen-now"), new.as_str().as_bytes())?;
        Ok(fork)
    }

    fn folder(&self, manifest: Digest) -> Option<PathBuf> {
        self.0.as_ref().map(|directory| directory.join(manifest.to_hex()))
    }
}

fn log_of(key: &VerifierKey) -> String {
    Digest::sha256(key.to_string().as_bytes()).to_hex()
}

/// The name of a log's folder, if `text` is one: nothing else may lead to a path.
fn log_name(text: &str) -> Option<&str> {
    let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then_some(text)
}

fn read_log(folder: &Path) -> Result<Option<Remembered>, LogError> {
    let path = folder.join("checkpoint");
    let (Some(key), Some(text)) = (read(&folder.join("vkey"))?, read(&path)?) else { return Ok(None) };
    let key: VerifierKey = key.trim_end().parse().map_err(|_| damaged(&folder.join("vkey")))?;
    let signed = SignedCheckpoint::read(text.as_bytes()).map_err(|_| damaged(&path))?;
    let head = signed.verify(&key).map_err(|_| damaged(&path))?;
    Ok(Some(Remembered { key, signed, head }))
}

fn read(path: &Path) -> Result<Option<String>, LogError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged(path)),
        Err(error) => Err(FileError::io("read", path)(error).into()),
    }
}

fn damaged(path: &Path) -> LogError {
    LogError::Damaged { path: path.to_owned() }
}

/// Keeps other programs from writing in between; the lock ends with the file.
fn lock(folder: &Path) -> Result<File, LogError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(FileError::io("open", &path))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|e| FileError::io("lock", &path)(e.into()))?;
    Ok(file)
}

#[cfg(test)]
mod tests;

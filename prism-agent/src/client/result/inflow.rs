//! Sealed bytes on their way to disk: written and hashed in order, on a thread of their own, while the next ones arrive.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use prism_core::digest::{Digest, Hasher};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::ResultError;
use crate::files::FileError;

/// Frames that wait for the disk at most.
const QUEUE: usize = 4;
/// Bytes that are read at a time.
const STEP: usize = 256 << 10;

/// What is on disk, and the digest of it in the making.
pub(super) struct Inflow {
    file: File,
    path: PathBuf,
    hasher: Hasher,
    length: u64,
}

impl Inflow {
    /// Goes on after what an earlier attempt left.
    pub(super) fn resume(mut file: File, path: &Path) -> Result<Self, ResultError> {
        let (mut hasher, mut length, mut buffer) = (Hasher::sha256(), 0, vec![0; STEP]);
        file.seek(SeekFrom::Start(0)).map_err(FileError::io("read", path))?;
        loop {
            let read = file.read(&mut buffer).map_err(FileError::io("read", path))?;
            if read == 0 {
                return Ok(Self { file, path: path.to_owned(), hasher, length });
            }
            hasher.update(buffer.get(..read).unwrap_or_default());
            length += read as u64;
        }
    }

    /// How many bytes there are.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Lets bytes flow in until the queue's other end is dropped.
    pub(super) fn begin(mut self) -> (mpsc::Sender<Bytes>, JoinHandle<Result<Self, ResultError>>) {
        let (queue, mut frames) = mpsc::channel::<Bytes>(QUEUE);
        let thread = spawn_blocking(move || {
            while let Some(frame) = frames.blocking_recv() {
                self.append(&frame)?;
            }
            Ok(self)
        });
        (queue, thread)
    }

    fn append(&mut self, frame: &[u8]) -> Result<(), ResultError> {
        self.file.write_all(frame).map_err(FileError::io("write", &self.path))?;
        self.hasher.update(frame);
        self.length += frame.len() as u64;
        Ok(())
    }

    /// Waits until everything is on disk; its digest.
    pub(super) fn finish(self) -> Result<Digest, ResultError> {
        self.file.sync_all().map_err(FileError::io("write", &self.path))?;
        Ok(self.hasher.finish())
    }
}

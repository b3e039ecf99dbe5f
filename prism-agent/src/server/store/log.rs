//! The log's file, with room of its own: the disk that is full for everything else still takes how it ended.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::{CHECKPOINT, ENTRIES};

/// Bytes of the disk that are the log's before anything is written there: some thousand entries.
const AHEAD: u64 = 1 << 20;

/// So many of them are for [`Place::Last`]: each computation has a handful of such entries.
const LAST: u64 = 64 << 10;

/// What an entry may use of the log's own room when the disk has no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// All but what is kept for the last entries.
    Ordinary,
    /// All of it: the entry ends the computation.
    Last,
}

/// The log on disk. It outlives the agent so that a successor can say what was lost.
#[derive(Debug)]
pub(crate) struct LogFile {
    dir: PathBuf,
    file: File,
    length: u64,
    /// Bytes of the disk that the file has, beyond its length too; `None` where the file system gives none ahead.
    own: Option<u64>,
}

impl LogFile {
    /// Over a new, empty file in `dir`.
    pub(super) fn over(dir: PathBuf, file: File) -> Self {
        Self { dir, file, length: 0, own: Some(0) }
    }

    /// Appends an entry and a line's end. On failure the file is as it was.
    pub(crate) fn append(&mut self, entry: &[u8], place: Place) -> io::Result<()> {
        let mut line = entry.to_vec();
        line.push(b'\n');
        let end = self.length.saturating_add(line.len() as u64);
        self.reserve(end)?;
        let kept = if place == Place::Last { 0 } else { LAST };
        if self.own.is_some_and(|own| own < end.saturating_add(kept)) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if let Err(error) = self.file.write_all(&line) {
            self.cut()?;
            return Err(error);
        }
        self.length = end;
        Ok(())
    }

    /// Takes disk for what comes after `end`, before there is little left of it.
    fn reserve(&mut self, end: u64) -> io::Result<()> {
        let Some(own) = self.own else { return Ok(()) };
        if own >= end.saturating_add(AHEAD / 2) {
            return Ok(());
        }
        let more = end.saturating_sub(self.length).saturating_add(AHEAD);
        // The length stays: nobody reads what was not written.
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.length, more) {
            Ok(()) => self.own = Some(self.length.saturating_add(more)),
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.own = None,
            // Until there is room again, what was taken before has to do.
            Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    /// Takes back half an entry. Only then: it gives back what was taken ahead.
    fn cut(&mut self) -> io::Result<()> {
        if self.file.metadata()?.len() > self.length {
            self.file.set_len(self.length)?;
            self.own = self.own.map(|_| self.length);
            self.reserve(self.length)?;
        }
        self.file.seek(SeekFrom::Start(self.length)).map(|_| ())
    }

    /// Keeps the newest checkpoint.
    pub(crate) fn keep_checkpoint(&self, text: &str) -> io::Result<()> {
        let (path, fresh) = (self.dir.join(CHECKPOINT), self.dir.join("checkpoint.new"));
        fs::write(&fresh, text)?;
        fs::rename(&fresh, &path)
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        trim(&self.file);
    }
}

/// Gives back what the log of an earlier boot still has ahead, in the directory `log`.
pub(super) fn trim_earlier(log: &Path) {
    if let Ok(file) = File::options().write(true).open(log.join(ENTRIES)) {
        trim(&file);
    }
}

fn trim(file: &File) {
    let trimmed = file.metadata().and_then(|found| file.set_len(found.len()));
    if let Err(error) = trimmed {
        tracing::debug!(%error, "a log keeps more of the disk than it needs");
    }
}

//! The agent's own directory.
//!
//! ```text
//! lock                       one agent at a time
//! boot/<boot-id>/log/        entries, one a line, and the newest checkpoint
//! boot/<boot-id>/{partial,assets,run,results,output}/
//! past/<boot-id>/            logs of earlier boots
//! ```
//!
//! Everything but logs dies with its boot: keys were in memory only, so an earlier boot's files are of no use to anybody
//! and are destroyed when the next one begins.

mod log;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prism_core::audit::checkpoint::{Checkpoint, SignedCheckpoint, VerifierKey};
use prism_core::audit::entry::{Entry, Event, LostBoot};
use prism_core::code::{Code, Coded};
use rustix::fs::{FlockOperation, flock};

use super::room::Room;
use crate::runner::try_remove_tree;
pub(crate) use log::{LogFile, Place};

const ENTRIES: &str = "entries.jsonl";
const CHECKPOINT: &str = "checkpoint";
const VERIFIER_KEY: &str = "vkey";

/// Why the agent's directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another agent runs on it.
    #[error("expected a state directory of its own, found another agent running on {path}; choose another --state")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("expected a state directory for one user only, found mode {mode:o} on {path}; run: chmod 700 {path}")]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The system refused an operation.
    #[error("expected to {step} {path}, found an error of the system; check space and permissions")]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Coded for StoreError {
    fn code(&self) -> Code {
        match self {
            Self::InUse { .. } => Code::AgentBusy,
            Self::Exposed { .. } => Code::KeyExposed,
            Self::Io { .. } => Code::FileIo,
        }
    }
}

fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { step, path: path.to_owned(), source }
}

/// The directories of one boot. Its existence proves that no other agent works on them.
#[derive(Debug)]
pub(crate) struct Store {
    boot: PathBuf,
    lock: File,
    room: Arc<Room>,
}

/// What becomes of a boot's files.
const CONTENTS: [&str; 4] = ["partial", "assets", "run", "results"];

impl Store {
    /// Takes the directory for this boot and destroys what earlier boots left, except their logs. Assets may take
    /// `most` bytes.
    pub(crate) fn open(root: &Path, boot_id: &str, most: u64) -> Result<(Self, Vec<LostBoot>), StoreError> {
        make_private(root)?;
        let lock = take_lock(root)?;
        let lost = bury_earlier_boots(root)?;
        let boot = root.join("boot").join(boot_id);
        for part in CONTENTS.iter().chain(&["log", "output"]) {
            make_private(&boot.join(part))?;
        }
        let left = Room::new(boot.clone(), most);
        Ok((Self { boot, lock, room: left }, lost))
    }

    /// A new log file of this boot.
    pub(crate) fn create_log(&self, key: &VerifierKey) -> Result<LogFile, StoreError> {
        let dir = self.boot.join("log");
        let path = dir.join(VERIFIER_KEY);
        fs::write(&path, key.to_string()).map_err(io_error("write", &path))?;
        let path = dir.join(ENTRIES);
        let file = create_private(&path).map_err(io_error("create", &path))?;
        Ok(LogFile::over(dir, file))
    }

    /// Where an asset is while it is being sent.
    pub(crate) fn partial(&self, asset: &str) -> PathBuf {
        self.boot.join("partial").join(asset)
    }

    /// Where an accepted asset is.
    pub(crate) fn asset(&self, asset: &str) -> PathBuf {
        self.boot.join("assets").join(asset)
    }

    /// What is left for assets.
    pub(crate) fn room(&self) -> &Arc<Room> {
        &self.room
    }

    /// Where the run works.
    pub(crate) fn run(&self) -> PathBuf {
        self.boot.join("run")
    }

    /// Where a consumer's sealed result is.
    pub(crate) fn result(&self, consumer: &str) -> PathBuf {
        self.boot.join("results").join(consumer)
    }

    /// Where what the algorithm printed is kept for those whom the manifest lets read it.
    pub(crate) fn output(&self, stream: &str) -> PathBuf {
        self.boot.join("output").join(stream)
    }

    /// Moves a complete asset to its place, durably. On failure it is where it was.
    pub(crate) fn accept(&self, asset: &str) -> io::Result<()> {
        let (from, to) = (self.partial(asset), self.asset(asset));
        fs::rename(&from, &to)?;
        let durable = File::open(self.boot.join("assets")).and_then(|dir| dir.sync_all());
        if durable.is_err() {
            self.take_back(asset)?;
        }
        durable
    }

    /// Moves an asset that could not be logged back to where it came from.
    pub(crate) fn take_back(&self, asset: &str) -> io::Result<()> {
        fs::rename(self.asset(asset), self.partial(asset))
    }

    /// Lets another agent have the directory. This one must not write to it any more.
    pub(crate) fn release(&self) {
        // An error leaves the lock to the end of the process.
        let _ = flock(&self.lock, FlockOperation::Unlock);
    }

    /// Destroys what was only needed for the run.
    pub(crate) fn destroy_inputs(&self) -> Result<(), StoreError> {
        self.remove_all(&["partial", "assets", "run"])
    }

    /// Destroys everything of this boot but its log and what the algorithm printed.
    pub(crate) fn destroy(&self) -> Result<(), StoreError> {
        self.remove_all(&CONTENTS)
    }

    /// Removes all that can be removed, and says what could not be first.
    fn remove_all(&self, parts: &[&str]) -> Result<(), StoreError> {
        let removed = parts.iter().map(|part| remove(&self.boot.join(part)));
        removed.fold(Ok(()), Result::and)
    }

    /// Destroys what the algorithm printed. Its readers may look after the run's end, until the agent goes.
    pub(crate) fn destroy_output(&self) -> Result<(), StoreError> {
        remove(&self.boot.join("output"))
    }
}

fn take_lock(root: &Path) -> Result<File, StoreError> {
    let path = root.join("lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let lock = open.map_err(io_error("open", &path))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::InUse { path: root.to_owned() }),
        Err(errno) => Err(io_error("lock", &path)(errno.into())),
    }
}

fn bury_earlier_boots(root: &Path) -> Result<Vec<LostBoot>, StoreError> {
    let (boots, past) = (root.join("boot"), root.join("past"));
    make_private(&boots)?;
    make_private(&past)?;
    let mut lost = Vec::new();
    for boot in fs::read_dir(&boots).map_err(io_error("read", &boots))? {
        let boot = boot.map_err(io_error("read", &boots))?;
        let (dir, grave) = (boot.path(), past.join(boot.file_name()));
        let left = dir.join("log");
        // An earlier start may have come as far as this, and no further: the log is in its grave then.
        if left.exists() {
            remove(&grave)?;
            fs::rename(&left, &grave).map_err(io_error("move", &dir))?;
            log::trim_earlier(&grave);
        }
        lost.extend(unfinished(&boot.file_name().to_string_lossy(), &grave));
        remove(&dir)?;
    }
    lost.sort_by(|a, b| a.boot.cmp(&b.boot));
    Ok(lost)
}

/// What a log says about its boot, unless the log was closed.
fn unfinished(boot: &str, log: &Path) -> Option<LostBoot> {
    let last =
        File::open(log.join(ENTRIES)).ok().and_then(|file| BufReader::new(file).lines().map_while(Result::ok).last());
    let closed = last.and_then(|line| Entry::read(line.as_bytes()).ok());
    if closed.is_some_and(|entry| matches!(entry.event, Event::LogClose(_))) {
        return None;
    }
    let entries = last_head(log).map_or(0, |head| head.size());
    Some(LostBoot { boot: boot.chars().filter(char::is_ascii_hexdigit).collect(), entries })
}

/// The head that a log signed last, by the key it left beside it.
fn last_head(log: &Path) -> Option<Checkpoint> {
    let key: VerifierKey = fs::read_to_string(log.join(VERIFIER_KEY)).ok()?.parse().ok()?;
    SignedCheckpoint::read(&fs::read(log.join(CHECKPOINT)).ok()?).ok()?.verify(&key).ok()
}

fn make_private(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error("make", path))?;
    let mode = fs::metadata(path).map_err(io_error("look at", path))?.permissions().mode() & 0o777;
    let others = mode & 0o077;
    if others == 0 { Ok(()) } else { Err(StoreError::Exposed { path: path.to_owned(), mode }) }
}

/// Creates a file for this user only; an existing one is never opened.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Removes a file or a tree, although an algorithm took permissions away inside it.
fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => try_remove_tree(path).map_err(io_error("remove", path)),
        Ok(_) => fs::remove_file(path).map_err(io_error("remove", path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("look at", path)(error)),
    }
}

#[cfg(test)]
mod tests;

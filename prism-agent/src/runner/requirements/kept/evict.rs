//! What is kept has a bound: what nobody can find any more makes way, then what was not used for longest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

use super::seal::Seal;
use super::{Kept, is_there, open_seal, read_seal};
use crate::runner::scratch::Scratch;

/// An environment as far as making way goes. What is read here is not authenticated: a lie makes the wrong one go.
struct Entry {
    place: PathBuf,
    used: SystemTime,
    bytes: u64,
    /// Whether it names this machine's key: another one is not found any more.
    known: bool,
}

impl Kept {
    /// Removes environments until the others and the one called `newest` are within the bound: all that are not of this
    /// key or have no seal, then those least recently used. One that a run uses stays. Blocks, for as long as it takes to
    /// remove them.
    pub(crate) fn make_way(&self, newest: &str) {
        if let Err(error) = self.try_make_way(&self.root.join(newest)) {
            tracing::warn!(%error, "kept environments could not make way");
        }
    }

    fn try_make_way(&self, newest: &Path) -> io::Result<()> {
        let mut entries = self.entries()?;
        entries.retain(|entry| entry.known || !self.is_gone(&entry.place));
        entries.sort_by_key(|entry| entry.used);
        let mut sum = entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.bytes));
        for entry in entries.iter().filter(|entry| entry.place != newest) {
            if sum <= self.most_bytes {
                break;
            }
            if self.is_gone(&entry.place) {
                sum = sum.saturating_sub(entry.bytes);
            }
        }
        Ok(())
    }

    /// Removes one; that it cannot be removed does not keep the others.
    fn is_gone(&self, place: &Path) -> bool {
        self.remove(place).unwrap_or_else(|error| {
            tracing::warn!(%error, ?place, "a kept environment could not be removed");
            false
        })
    }

    fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            // What is being made belongs to whoever makes it.
            if entry.file_type()?.is_dir() && !Scratch::is_named(&entry.file_name()) {
                entries.extend(self.entry(entry.path()));
            }
        }
        Ok(entries)
    }

    /// `None` if it is neither sealed nor named as environments are: then it is no business of the agent's.
    fn entry(&self, place: PathBuf) -> Option<Entry> {
        let sealed = open_seal(&place).ok().and_then(|file| {
            let used = file.metadata().and_then(|meta| meta.modified()).ok()?;
            Some((read_seal(&file).ok()??, used))
        });
        let name = place.file_name().unwrap_or_default().as_encoded_bytes();
        let named = hex::decode(name).is_ok_and(|digest| digest.len() == 32);
        if sealed.is_none() && !named {
            return None;
        }
        let known = sealed.as_ref().is_some_and(|(seal, _)| seal.is_by(&self.key));
        let (bytes, used) = sealed.map_or((0, SystemTime::UNIX_EPOCH), |(Seal { bytes, .. }, used)| (bytes, used));
        Some(Entry { place, used, bytes, known })
    }

    /// Removes an environment, unless a run uses it; says whether it is gone.
    pub(super) fn remove(&self, place: &Path) -> io::Result<bool> {
        // Without a seal nobody can use it.
        let seal = open_seal(place).ok();
        if let Some(file) = &seal
            && (flock(file, FlockOperation::NonBlockingLockExclusive).is_err() || !is_there(file, place))
        {
            return Ok(false);
        }
        // Whoever waits for it finds nothing under its name; it disappears with this value.
        let scratch = Scratch::create(&self.root)?;
        match fs::rename(place, scratch.path().join("old")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            renamed => renamed.map(|()| true),
        }
    }
}

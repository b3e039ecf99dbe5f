//! What is kept has a bound: what was not used for longest makes way.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};

use super::{Kept, is_there, open_seal, read_seal};
use crate::runner::scratch::Scratch;

/// An environment as far as making way goes. What is read here is not authenticated: a lie makes the wrong one go.
struct Entry {
    place: PathBuf,
    used: SystemTime,
    bytes: u64,
}

impl Kept {
    /// Removes environments, least recently used first, until the others and the one called `newest` are within the bound.
    /// One that a run uses stays.
    pub(super) fn make_way(&self, newest: &str) -> io::Result<()> {
        let mut entries = self.entries()?;
        entries.sort_by_key(|entry| entry.used);
        let mut sum = entries.iter().fold(0u64, |sum, entry| sum.saturating_add(entry.bytes));
        let newest = self.root.join(newest);
        for entry in entries.iter().filter(|entry| entry.place != newest) {
            if sum <= self.most_bytes {
                break;
            }
            if self.remove(&entry.place)? {
                sum = sum.saturating_sub(entry.bytes);
            }
        }
        Ok(())
    }

    fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let place = entry?.path();
            let Ok(file) = open_seal(&place) else { continue };
            let known = read_seal(&file)?.filter(|seal| seal.is_by(&self.key));
            // What nobody can find any more goes first.
            let used = if known.is_some() { file.metadata()?.modified()? } else { SystemTime::UNIX_EPOCH };
            entries.push(Entry { place, used, bytes: known.map_or(0, |seal| seal.bytes) });
        }
        Ok(entries)
    }

    /// Removes an environment, unless a run uses it; says whether it is gone.
    pub(super) fn remove(&self, place: &Path) -> io::Result<bool> {
        let Ok(file) = open_seal(place) else { return Ok(false) };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() || !is_there(&file, place) {
            return Ok(false);
        }
        // Whoever waits for it finds nothing under its name; it disappears with this value.
        let scratch = Scratch::create(&self.root)?;
        fs::rename(place, scratch.path().join("old"))?;
        Ok(true)
    }
}

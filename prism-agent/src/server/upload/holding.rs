//! What the agent holds of one asset: a file, which of its bytes are there, and the digest as far as it goes.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use prism_core::digest::{Digest, Hasher};

use super::hashing::Tally;
use crate::ranges::Spans;
use crate::server::room::Claim;
use crate::server::store::create_private;

/// A file and what is known of it. Bytes that are written are never written again, so what was hashed is what is there.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) claim: Claim,
    state: Mutex<State>,
    tally: Mutex<Tally>,
    /// How far the digest goes; a copy of what the tally says, for a look without its lock.
    pub(super) frontier: AtomicU64,
    /// Held while the disk synchronises.
    syncing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes in the file, perhaps only in the system's memory.
    written: Spans,
    /// Bytes that were synchronised to the disk.
    durable: Spans,
    /// The digest over the first durable bytes, to go back to.
    mark: Option<Tally>,
    /// Why nobody may write any more.
    ended: Option<Ended>,
}

/// Why an asset takes no more bytes until everybody who sends it has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// More or other bytes than were agreed: everything is to be discarded.
    Condemned,
    /// The disk lost bytes that were not durable.
    Failed(io::ErrorKind),
    /// The disk does not give back what was written to it: everything is to be forgotten.
    Unreadable(io::ErrorKind),
}

impl Holding {
    /// Begins with an empty file in place of what an earlier attempt left.
    pub(super) fn create(path: &Path, size: u64, hasher: Hasher, claim: Claim) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self::over(create_private(path)?, path, size, (hasher, claim)))
    }

    pub(super) fn over(file: File, path: &Path, size: u64, (hasher, claim): (Hasher, Claim)) -> Self {
        let tally = Tally::new(hasher);
        let state = State { mark: Some(tally.clone()), ..State::default() };
        Self {
            path: path.to_owned(),
            file,
            size,
            claim,
            state: Mutex::new(state),
            tally: Mutex::new(tally),
            frontier: AtomicU64::new(0),
            syncing: Mutex::default(),
        }
    }

    /// Bytes of `within` that have not come yet.
    pub(super) fn missing(&self, within: Range<u64>) -> Vec<Range<u64>> {
        self.state().written.missing(within)
    }

    /// Whether every byte has come.
    pub(super) fn is_complete(&self) -> bool {
        self.written_from(0) == self.size
    }

    /// The first byte from `at` on that has not come yet.
    pub(super) fn written_from(&self, at: u64) -> u64 {
        self.state().written.end_from(at)
    }

    /// Separate spans of bytes that have come.
    pub(super) fn spans(&self) -> usize {
        self.state().written.count()
    }

    /// What was synchronised to the disk.
    pub(super) fn durable(&self) -> Spans {
        self.state().durable.clone()
    }

    /// Writes bytes that have not come yet. They count only once [`wrote`](Self::wrote) says so.
    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// The bytes of `span` are in the file; gives the number of bytes that are not durable.
    pub(super) fn wrote(&self, span: Range<u64>) -> u64 {
        let mut state = self.state();
        state.written.insert(span);
        let written = state.written.bytes();
        let durable = state.durable.bytes();
        drop(state);
        self.claim.holds(written);
        written.saturating_sub(durable)
    }

    /// Why nobody may write any more, if so.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.state().ended
    }

    /// Nobody may write any more; the first reason stays.
    pub(super) fn end(&self, why: Ended) {
        self.state().ended.get_or_insert(why);
    }

    /// Waits until all that was written before is on the disk.
    ///
    /// # Errors
    /// What the system says. Whatever was not durable before counts as lost then: the system forgets what it could not
    /// write, and the next attempt would succeed without it.
    pub(super) fn sync(&self) -> io::Result<()> {
        let _alone = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        // The mark first: what was hashed was written before.
        let mark = self.tally().clone();
        let (mut written, ended) = {
            let state = self.state();
            if state.written == state.durable && state.ended.is_none() {
                return Ok(());
            }
            (state.written.clone(), state.ended)
        };
        // Also what nobody has called written yet: a mark beyond what is durable would vouch for bytes that come again.
        written.insert(0..mark.frontier());
        if let Some(Ended::Failed(kind) | Ended::Unreadable(kind)) = ended {
            return Err(kind.into());
        }
        if let Err(error) = self.file.sync_data() {
            self.end(Ended::Failed(error.kind()));
            return Err(error);
        }
        let mut state = self.state();
        (state.durable, state.mark) = (written, Some(mark));
        Ok(())
    }

    /// Goes back to what is durable. Only while nobody sends.
    pub(super) fn roll_back(&self) {
        let mut state = self.state();
        state.written = state.durable.clone();
        state.ended = None;
        if let Some(mark) = &state.mark {
            *self.tally() = mark.clone();
            self.frontier.store(mark.frontier(), Ordering::Relaxed);
        }
        let written = state.written.bytes();
        drop(state);
        self.claim.holds(written);
    }

    /// The digest as far as it goes.
    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The digest of the whole asset, once all of it was hashed, and how many of its bytes were read back for that.
    pub(super) fn digest(&self) -> Option<(Digest, u64)> {
        let tally = self.tally();
        (tally.frontier() == self.size).then(|| (tally.digest(), tally.read_back()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The digest of an asset while it comes: in order, on a thread of its own, over the very bytes that were written.
//!
//! Bytes at the frontier arrive in memory. Those that came out of order are read back when the frontier reaches them:
//! the system still has them in memory as a rule, and the agent never has more than a few frames.

use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use prism_core::digest::{Digest, Hasher};

use super::holding::{Ended, Holding};

/// Bytes that are read back at a time.
const STEP: usize = 256 * 1024;

/// Bytes that were written, and where.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
}

/// A digest over the first bytes of an asset.
#[derive(Clone)]
pub(super) struct Tally {
    hasher: Hasher,
    frontier: u64,
    read_back: u64,
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tally").field("frontier", &self.frontier).finish_non_exhaustive()
    }
}

impl Tally {
    pub(super) const fn new(hasher: Hasher) -> Self {
        Self { hasher, frontier: 0, read_back: 0 }
    }

    /// Bytes that are in the digest.
    pub(super) const fn frontier(&self) -> u64 {
        self.frontier
    }

    /// Bytes that had to be read back.
    pub(super) const fn read_back(&self) -> u64 {
        self.read_back
    }

    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Takes what of `bytes` follows; nothing when there is a gap before them.
    fn take(&mut self, offset: u64, bytes: &[u8]) {
        let known = self.frontier.checked_sub(offset).and_then(|known| usize::try_from(known).ok());
        if let Some(fresh) = known.and_then(|known| bytes.get(known..)) {
            self.hasher.update(fresh);
            self.frontier = self.frontier.saturating_add(fresh.len() as u64);
        }
    }
}

/// Hashes until nobody hands anything over any more and everything without a gap before it is in the digest.
pub(super) fn hash(holding: &Holding, pieces: &Receiver<Piece>) {
    let mut buffer = Vec::new();
    loop {
        while let Ok(piece) = pieces.try_recv() {
            holding.take(&piece);
        }
        if let Some(gap) = holding.written_ahead() {
            // Its bytes may have been handed over in between: who writes hands over first and says so then.
            match pieces.try_recv() {
                Ok(piece) => holding.take(&piece),
                Err(_) if holding.read_back(gap, &mut buffer).is_err() => return,
                Err(_) => {}
            }
            continue;
        }
        match pieces.recv() {
            Ok(piece) => holding.take(&piece),
            // What was written before everybody left is in the file by now.
            Err(_) if holding.written_ahead().is_none() => return,
            Err(_) => {}
        }
    }
}

impl Holding {
    fn take(&self, piece: &Piece) {
        let mut tally = self.tally();
        tally.take(piece.offset, &piece.bytes);
        self.frontier.store(tally.frontier, Ordering::Relaxed);
    }

    /// Bytes right after the frontier that were written and not handed over.
    fn written_ahead(&self) -> Option<Range<u64>> {
        let at = self.tally().frontier;
        let end = self.written_from(at);
        (end > at).then_some(at..end)
    }

    /// Hashes the first bytes of `gap` from the file.
    fn read_back(&self, gap: Range<u64>, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.resize(STEP, 0);
        let length = usize::try_from(gap.end - gap.start).unwrap_or(STEP).min(STEP);
        let bytes = buffer.get_mut(..length).unwrap_or_default();
        if let Err(error) = self.file.read_exact_at(bytes, gap.start) {
            self.end(Ended::Unreadable(error.kind()));
            return Err(error);
        }
        let mut tally = self.tally();
        tally.take(gap.start, bytes);
        tally.read_back = tally.read_back.saturating_add(length as u64);
        self.frontier.store(tally.frontier, Ordering::Relaxed);
        Ok(())
    }
}

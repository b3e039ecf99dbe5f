//! Those who work on an asset while somebody sends it: one thread hashes, one has the disk synchronise.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use bytes::Bytes;

use super::UploadError;
use super::hashing::{self, Piece};
use super::holding::{Ended, Holding};
use crate::wire::FRAME_MAX;

/// Pieces that may wait for the digest.
const PIECES: usize = 4;

/// Bytes that are not durable before the disk is told to synchronise.
const SYNC_EVERY: u64 = 16 * 1024 * 1024;

/// How far from the frontier a piece may be handed over. Streams beyond it leave the digest's queue to the others.
const NEAR: u64 = (PIECES as u64 + 2) * FRAME_MAX as u64;

/// The two threads of one asset.
#[derive(Debug)]
pub(super) struct Crew {
    desk: Desk,
    threads: [JoinHandle<()>; 2],
}

/// Where the streams of one asset hand their bytes in.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    holding: Arc<Holding>,
    pieces: SyncSender<Piece>,
    sync: SyncSender<()>,
}

impl Crew {
    pub(super) fn start(holding: Arc<Holding>) -> io::Result<Self> {
        let (pieces, handed) = sync_channel(PIECES);
        let (sync, asked) = sync_channel(1);
        let of = Arc::clone(&holding);
        let hash = spawn("prism-hash", move || hashing::hash(&of, &handed))?;
        let of = Arc::clone(&holding);
        let synchronise = spawn("prism-sync", move || synchronise(&of, &asked))?;
        Ok(Self { desk: Desk { holding, pieces, sync }, threads: [hash, synchronise] })
    }

    pub(super) fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Waits until everything that was handed in is in the digest. Every desk has to be gone.
    pub(super) fn end(self) {
        let Self { desk, threads } = self;
        let holding = Arc::clone(&desk.holding);
        drop(desk);
        for thread in threads {
            if thread.join().is_err() {
                holding.end(Ended::Failed(io::ErrorKind::Other));
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// Synchronises whenever it is asked to. A failure ends the asset's streams.
fn synchronise(holding: &Holding, asked: &Receiver<()>) {
    while asked.recv().is_ok() {
        if let Err(error) = holding.sync() {
            tracing::warn!(%error, path = %holding.path.display(), "an asset could not be synchronised to the disk");
        }
    }
}

impl Desk {
    pub(super) fn holding(&self) -> &Holding {
        &self.holding
    }

    /// Writes what of a frame has not come yet, and hands it to the digest.
    pub(super) fn hand_in(&self, offset: u64, frame: &Bytes) -> Result<(), UploadError> {
        let end = offset.saturating_add(frame.len() as u64);
        for gap in self.holding.missing(offset..end) {
            let bytes = part(frame, gap.start - offset, gap.end - offset);
            // First the file, then the digest: what could not be written must not be in it.
            self.holding.write(&bytes, gap.start)?;
            if gap.start <= self.holding.frontier.load(Ordering::Relaxed).saturating_add(NEAR) {
                // An error means that the digest has ended: it said why.
                let _ = self.pieces.send(Piece { offset: gap.start, bytes });
            }
            if self.holding.wrote(gap) >= SYNC_EVERY {
                self.ask_for_sync()?;
            }
        }
        Ok(())
    }

    fn ask_for_sync(&self) -> Result<(), UploadError> {
        match self.sync.try_send(()) {
            Ok(()) => Ok(self.holding.claim.look()?),
            Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => Ok(()),
        }
    }
}

fn part(frame: &Bytes, from: u64, to: u64) -> Bytes {
    let at = |byte: u64| usize::try_from(byte).unwrap_or(usize::MAX).min(frame.len());
    frame.slice(at(from)..at(to))
}

//! Assets on their way in: hashed while they are written, in constant memory, resumable while the agent lives.
//!
//! The gRPC task hands frames over a short queue to a blocking thread that hashes and writes. What was synced to disk
//! stays when the connection breaks; what does not match in the end is discarded whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use prism_core::asset::AssetTerms;
use prism_core::audit::entry::{Actor, AssetBody, AssetRefusedBody, Event};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::name::Name;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::engine::Engine;
use super::ledger::{LedgerError, Signed};
use super::quota::Spent;
use super::store::create_private;

/// Bytes after which what was written is made durable.
const SYNC_EVERY: u64 = 64 * 1024 * 1024;

/// Frames that may wait for the disk.
pub(crate) const QUEUE: usize = 4;

/// Why an upload ended without a receipt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UploadError {
    /// The state machine does not permit it, or it could not be logged.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The participant began too many uploads.
    #[error(transparent)]
    Spent(#[from] Spent),
    /// The salt does not fit the digest's algorithm.
    #[error("expected a salt of 32 bytes for a salted digest and none for others, found something else")]
    Salt,
    /// The offset is beyond what the agent holds.
    #[error("expected to resume at or below byte {durable}, found offset {offset}; ask UploadStatus where to resume")]
    Offset {
        /// What the agent holds.
        durable: u64,
        /// Where the client wants to begin.
        offset: u64,
    },
    /// The asset ended too early; what came is kept.
    #[error("expected {size} bytes, found the end after {received}; resume the upload")]
    Incomplete {
        /// The asset's size.
        size: u64,
        /// What the agent holds.
        received: u64,
    },
    /// The bytes are not the agreed ones; they were discarded.
    #[error("expected {asset} with {size} bytes and digest {digest}, found other bytes; send the file that was agreed")]
    Mismatch {
        /// The asset.
        asset: Name,
        /// Its size in the manifest.
        size: u64,
        /// Its digest in the manifest.
        digest: Digest,
    },
    /// The agent's disk refused.
    #[error("expected to write the asset, found an error of the system; check the space on the agent's disk")]
    Disk(#[from] io::Error),
}

impl Coded for UploadError {
    fn code(&self) -> Code {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Spent(spent) => spent.code(),
            Self::Salt | Self::Offset { .. } => Code::Usage,
            Self::Incomplete { .. } => Code::ConnectionLost,
            Self::Mismatch { .. } => Code::AssetMismatch,
            Self::Disk(_) => Code::FileIo,
        }
    }
}

/// Every asset on its way in.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<BTreeMap<Name, Arc<Slot>>>);

/// One asset's place. Whoever holds the writer's lock is the one who writes.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    writer: Mutex<Option<Writer>>,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    durable: u64,
    turn: CancellationToken,
    session: Option<[u8; 32]>,
}

impl Uploads {
    /// The place of an asset.
    pub(crate) fn slot(&self, asset: &Name) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(asset.clone()).or_default())
    }

    /// Drops everything on its way in and ends the streams that bring it.
    pub(crate) fn abandon(&self) {
        let slots = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for slot in slots.values() {
            slot.progress().turn.cancel();
        }
    }
}

impl Slot {
    /// Bytes that the agent holds durably.
    pub(crate) fn durable(&self) -> u64 {
        self.progress().durable
    }

    /// Ends the stream that is open for this asset and returns the token that ends the caller's in its turn.
    pub(crate) fn take_turn(&self, session: [u8; 32]) -> CancellationToken {
        let mut progress = self.progress();
        progress.turn.cancel();
        progress.turn = CancellationToken::new();
        progress.session = Some(session);
        progress.turn.clone()
    }

    /// What is durable once a stream that another connection left open has ended. Blocking threads only.
    pub(crate) fn settle(&self, session: [u8; 32]) -> u64 {
        if self.progress().session != Some(session) {
            self.progress().turn.cancel();
            drop(self.writer.lock().unwrap_or_else(PoisonError::into_inner));
        }
        self.durable()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a provider's first message asks for.
#[derive(Debug)]
pub(crate) struct Begin {
    /// Who brings it.
    pub(crate) provider: Name,
    /// What the manifest says about the asset.
    pub(crate) terms: AssetTerms,
    /// For a salted digest.
    pub(crate) salt: Option<Salt>,
    /// Where the first frame belongs.
    pub(crate) offset: u64,
    /// Uploads of one participant that are logged.
    pub(crate) most: u64,
}

impl Begin {
    /// Whose act the arrival is: the provider's who sends, or the agent's own when it fetches.
    fn actor(&self) -> Actor {
        match self.terms.source {
            None => Actor::Participant(self.provider.clone()),
            Some(_) => Actor::Agent,
        }
    }

    /// What recomputes the asset's digest.
    ///
    /// # Errors
    /// [`UploadError::Salt`] when a salt is missing or too much.
    pub(crate) fn hasher(&self) -> Result<Hasher, UploadError> {
        Hasher::for_algorithm(self.terms.digest.algorithm(), self.salt.as_ref()).ok_or(UploadError::Salt)
    }

    fn body(&self) -> AssetBody {
        AssetBody { asset: self.terms.name.clone(), digest: self.terms.digest, size: self.terms.size }
    }
}

/// Receives one asset until its frames end. Runs on a blocking thread of its own.
pub(crate) fn receive(
    engine: &Engine,
    slot: &Slot,
    begin: &Begin,
    frames: mpsc::Receiver<Bytes>,
) -> Result<Signed, UploadError> {
    // The earlier stream was told to end; its thread gives the lock back after it synced.
    let mut place = slot.writer.lock().unwrap_or_else(PoisonError::into_inner);
    let received = write(engine, slot, &mut place, begin, frames);
    // However it ended: only what a writer is there for can be resumed.
    slot.progress().durable = place.as_ref().map_or(0, |writer| writer.durable);
    received.map_err(|error| explain(engine, begin, error))
}

/// When the end of the computation took the files away, that is the reason and not the disk.
fn explain(engine: &Engine, begin: &Begin, error: UploadError) -> UploadError {
    match error {
        UploadError::Disk(disk) if disk.kind() == io::ErrorKind::NotFound => {
            let permitted = engine.ledger().permits(&begin.actor(), &Event::AssetBegin(begin.body()));
            permitted.err().map_or(UploadError::Disk(disk), |illegal| LedgerError::from(illegal).into())
        }
        other => other,
    }
}

fn write(
    engine: &Engine,
    slot: &Slot,
    place: &mut Option<Writer>,
    begin: &Begin,
    frames: mpsc::Receiver<Bytes>,
) -> Result<Signed, UploadError> {
    let held = place.as_ref().map(|writer| writer.written);
    if begin.offset > held.unwrap_or(0) {
        return Err(UploadError::Offset { durable: held.unwrap_or(0), offset: begin.offset });
    }
    announce(engine, begin, held.is_none())?;
    let path = engine.store().partial(begin.terms.name.as_str());
    let mut writer = match place.take() {
        Some(writer) if begin.offset > 0 => writer.rewind(begin)?,
        _ => Writer::create(&path, begin)?,
    };
    match writer.take(frames, begin, slot) {
        Ok(()) => accept(engine, begin, writer),
        Err(UploadError::Mismatch { asset, size, digest }) => {
            discard(engine, begin, &path)?;
            Err(UploadError::Mismatch { asset, size, digest })
        }
        Err(error) => {
            *place = Some(writer);
            Err(error)
        }
    }
}

/// Logs that an asset begins to arrive, or checks that it may still arrive when its beginning is in the log already.
fn announce(engine: &Engine, begin: &Begin, fresh: bool) -> Result<(), UploadError> {
    let event = Event::AssetBegin(begin.body());
    engine.ledger().permits(&begin.actor(), &event).map_err(LedgerError::from)?;
    if fresh {
        engine.spend_upload(&begin.provider, begin.most)?;
        engine.ledger().act(begin.actor(), event)?;
    }
    Ok(())
}

fn accept(engine: &Engine, begin: &Begin, writer: Writer) -> Result<Signed, UploadError> {
    let name = begin.terms.name.as_str();
    drop(writer);
    engine.store().accept(name)?;
    let accepted = engine.ledger().act(begin.actor(), Event::AssetAccepted(begin.body()));
    if accepted.is_err()
        && let Err(error) = fs::remove_file(engine.store().asset(name))
    {
        // It was removed with everything else, or is replaced by the next attempt.
        tracing::debug!(%error, "an asset that was not accepted could not be removed");
    }
    Ok(accepted?)
}

/// Discards what arrived of an asset, and logs that it was refused. Blocking threads only.
#[cfg(feature = "pull")]
pub(crate) fn refuse(engine: &Engine, slot: &Slot, begin: &Begin, code: Code) -> Result<(), UploadError> {
    let mut place = slot.writer.lock().unwrap_or_else(PoisonError::into_inner);
    drop(place.take());
    slot.progress().durable = 0;
    let path = engine.store().partial(begin.terms.name.as_str());
    if path.exists() {
        fs::remove_file(&path)?;
    }
    let body = AssetRefusedBody { asset: begin.terms.name.clone(), code: code.to_string() };
    engine.ledger().act(begin.actor(), Event::AssetRefused(body))?;
    Ok(())
}

fn discard(engine: &Engine, begin: &Begin, path: &Path) -> Result<(), UploadError> {
    fs::remove_file(path)?;
    let body = AssetRefusedBody { asset: begin.terms.name.clone(), code: Code::AssetMismatch.to_string() };
    engine.ledger().act(begin.actor(), Event::AssetRefused(body))?;
    Ok(())
}

/// A file and the digest of what is in it.
#[derive(Debug)]
struct Writer {
    file: File,
    hasher: Hasher,
    written: u64,
    durable: u64,
}

impl Writer {
    fn create(path: &Path, begin: &Begin) -> Result<Self, UploadError> {
        let hasher = begin.hasher()?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        Ok(Self { file: create_private(path)?, hasher, written: 0, durable: 0 })
    }

    /// Goes back to `begin.offset`: what comes after it was durable, but its sender does not know.
    fn rewind(mut self, begin: &Begin) -> Result<Self, UploadError> {
        let offset = begin.offset;
        // Also when nothing is taken back: a write that failed may have left bytes that were not hashed.
        self.file.set_len(offset)?;
        if offset < self.written {
            self.hasher = begin.hasher()?;
            self.file.seek(SeekFrom::Start(0))?;
            rehash(&mut self.file, &mut self.hasher)?;
            (self.written, self.durable) = (offset, offset);
        }
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(self)
    }

    /// Writes frames until they end, then compares what came with what was agreed.
    fn take(&mut self, mut frames: mpsc::Receiver<Bytes>, begin: &Begin, slot: &Slot) -> Result<(), UploadError> {
        let AssetTerms { name, size, digest, .. } = &begin.terms;
        let mismatch = || UploadError::Mismatch { asset: name.clone(), size: *size, digest: *digest };
        while let Some(frame) = frames.blocking_recv() {
            if frame.len() as u64 > size.saturating_sub(self.written) {
                return Err(mismatch());
            }
            self.append(&frame)?;
            slot.progress().durable = self.durable;
        }
        self.sync()?;
        if self.written < *size {
            return Err(UploadError::Incomplete { size: *size, received: self.written });
        }
        if self.hasher.clone().finish() == *digest { Ok(()) } else { Err(mismatch()) }
    }

    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(frame) {
            self.file.set_len(self.written)?;
            self.file.seek(SeekFrom::Start(self.written))?;
            return Err(error);
        }
        self.hasher.update(frame);
        self.written = self.written.saturating_add(frame.len() as u64);
        if self.written.saturating_sub(self.durable) >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.durable = self.written;
        Ok(())
    }
}

fn rehash(file: &mut File, hasher: &mut Hasher) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some([]) | None => return Ok(()),
            Some(bytes) => hasher.update(bytes),
        }
    }
}

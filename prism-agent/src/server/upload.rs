//! Assets on their way in: hashed while they are written, in constant memory, resumable while the agent lives.
//!
//! The gRPC task hands frames over a short queue to a blocking thread that writes them where they belong; for each asset
//! one thread more hashes what was written, and one has the disk synchronise. Several streams may bring parts of one
//! asset. What was written stays when a connection breaks and is not hashed again; what does not match in the end is
//! discarded whole.

mod crew;
mod hashing;
mod holding;
mod slot;

use std::fs;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use prism_core::asset::AssetTerms;
use prism_core::audit::entry::{Actor, AssetBody, AssetRefusedBody, Event};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::name::Name;
use tokio::sync::mpsc;

use super::engine::Engine;
use super::ledger::{LedgerError, Signed};
use super::quota::Spent;
use super::room::NoRoom;
use crew::{Crew, Desk};
use holding::{Ended, Holding};
pub(crate) use slot::{STREAMS, Slot, Turn, Uploads};

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
    /// The part is not one of the asset, or its stream brings more than it said.
    #[error(
        "expected a part within the asset's {size} bytes and no byte beyond it, found another; announce what is sent"
    )]
    Part {
        /// The asset's size.
        size: u64,
    },
    /// Too many streams bring the asset, or it is held in too many pieces.
    #[error("expected at most {most} streams and separate parts of an asset, found more; fill the gaps first")]
    Scattered {
        /// How many there may be.
        most: usize,
    },
    /// The part ended too early; what came is kept.
    #[error("expected bytes up to {end}, found the end after {received}; resume the upload")]
    Incomplete {
        /// Where the part ends.
        end: u64,
        /// How far the agent holds it.
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
    /// The asset does not fit.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The agent's disk refused.
    #[error("expected to store the asset on the agent's disk, found: {0}; see to that disk, then resume the upload")]
    Disk(#[from] io::Error),
    /// What was written cannot be read any more; it was forgotten.
    #[error(
        "expected to read what was stored of the asset, found: {0}; see to the agent's disk, then upload from the start"
    )]
    Unreadable(#[source] io::Error),
}

impl Coded for UploadError {
    fn code(&self) -> Code {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Spent(spent) => spent.code(),
            Self::NoRoom(error) => error.code(),
            Self::Salt | Self::Offset { .. } | Self::Part { .. } => Code::Usage,
            Self::Scattered { .. } => Code::LimitReached,
            Self::Incomplete { .. } => Code::ConnectionLost,
            Self::Mismatch { .. } => Code::AssetMismatch,
            Self::Disk(error) => disk_code(error.kind()),
            Self::Unreadable(_) => Code::FileIo,
        }
    }
}

/// A disk that is full is another matter than one that fails.
pub(super) fn disk_code(kind: io::ErrorKind) -> Code {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Code::AgentFull,
        _ => Code::FileIo,
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
    /// How many bytes the stream brings; 0 stands for all from the offset on.
    pub(crate) length: u64,
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

    /// Which bytes the stream brings.
    ///
    /// # Errors
    /// [`UploadError::Part`] when they are not the asset's.
    pub(crate) fn span(&self) -> Result<Range<u64>, UploadError> {
        let size = self.terms.size;
        let end = if self.length == 0 { Some(size) } else { self.offset.checked_add(self.length) };
        match end {
            Some(end) if end <= size && self.offset <= end => Ok(self.offset..end),
            // A stream to the end that begins too late is told where it may begin.
            Some(end) if end == size => Ok(size..size),
            _ => Err(UploadError::Part { size }),
        }
    }

    fn body(&self) -> AssetBody {
        AssetBody { asset: self.terms.name.clone(), digest: self.terms.digest, size: self.terms.size }
    }

    fn mismatch(&self) -> UploadError {
        let AssetTerms { name, size, digest, .. } = &self.terms;
        UploadError::Mismatch { asset: name.clone(), size: *size, digest: *digest }
    }
}

/// What came of a stream that brought all it announced.
#[derive(Debug)]
pub(crate) enum Received {
    /// The asset is complete and accepted.
    Accepted(Signed),
    /// The part is held; others are missing, or on their way.
    Held,
}

/// Receives one asset, or a part of it, until its frames end. Runs on a blocking thread of its own; the turn ends when
/// everything that came is where it belongs, hence not before this returns.
pub(crate) fn receive(
    engine: &Engine,
    turn: &Turn,
    begin: &Begin,
    frames: mpsc::Receiver<Bytes>,
) -> Result<Received, UploadError> {
    let slot = turn.wait();
    let received = enter(engine, slot, begin).and_then(|desk| {
        let brought = bring(slot, &desk, begin, frames);
        leave(engine, slot, begin, desk, brought)
    });
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

/// Takes a seat at what is held of the asset, which begins with the first who comes.
fn enter(engine: &Engine, slot: &Slot, begin: &Begin) -> Result<Desk, UploadError> {
    let mut seats = slot.seats();
    let held = slot.holding();
    announce(engine, begin, held.as_deref())?;
    let holding = match held {
        Some(holding) => holding,
        None => create(engine, slot, begin)?,
    };
    holding.claim.look()?;
    let crew = match seats.crew.take() {
        Some(crew) => crew,
        None => Crew::start(holding)?,
    };
    seats.taken += 1;
    Ok(seats.crew.insert(crew).desk())
}

/// Checks that the stream may come now, and logs that the asset begins to arrive, if it does.
fn announce(engine: &Engine, begin: &Begin, held: Option<&Holding>) -> Result<(), UploadError> {
    let event = Event::AssetBegin(begin.body());
    engine.ledger().permits(&begin.actor(), &event).map_err(LedgerError::from)?;
    let durable = held.map_or(0, |held| held.written_from(0));
    if begin.length == 0 && begin.offset > durable {
        return Err(UploadError::Offset { durable, offset: begin.offset });
    }
    if let Some(held) = held
        && held.spans() >= STREAMS
        && held.written_from(begin.offset) == begin.offset
        && begin.offset > 0
    {
        return Err(UploadError::Scattered { most: STREAMS });
    }
    Ok(())
}

fn create(engine: &Engine, slot: &Slot, begin: &Begin) -> Result<Arc<Holding>, UploadError> {
    let (store, size) = (engine.store(), begin.terms.size);
    let claim = store.room().claim(size, 1)?;
    engine.spend_upload(&begin.provider, begin.most)?;
    let path = store.partial(begin.terms.name.as_str());
    // The file first: what the disk refuses has not begun.
    let holding = Arc::new(Holding::create(&path, size, begin.hasher()?, claim)?);
    if let Err(error) = engine.ledger().act(begin.actor(), Event::AssetBegin(begin.body())) {
        fs::remove_file(&path)?;
        return Err(error.into());
    }
    slot.hold(Some(Arc::clone(&holding)));
    Ok(holding)
}

/// Writes frames until they end.
fn bring(slot: &Slot, desk: &Desk, begin: &Begin, mut frames: mpsc::Receiver<Bytes>) -> Result<(), UploadError> {
    let (span, holding) = (begin.span()?, desk.holding());
    let mut at = span.start;
    while let Some(frame) = frames.blocking_recv() {
        match holding.ended() {
            Some(Ended::Condemned) => return Err(begin.mismatch()),
            Some(Ended::Failed(kind)) => return Err(UploadError::Disk(kind.into())),
            Some(Ended::Unreadable(kind)) => return Err(UploadError::Unreadable(kind.into())),
            None => {}
        }
        if frame.len() as u64 > span.end - at {
            return Err(too_much(slot, holding, begin));
        }
        desk.hand_in(at, &frame)?;
        at += frame.len() as u64;
    }
    if at < span.end { Err(UploadError::Incomplete { end: span.end, received: at }) } else { Ok(()) }
}

/// More than the whole asset cannot be the agreed bytes; more than a part is only out of turn.
fn too_much(slot: &Slot, holding: &Holding, begin: &Begin) -> UploadError {
    if begin.length != 0 {
        return UploadError::Part { size: holding.size };
    }
    holding.end(Ended::Condemned);
    slot.dismiss_all();
    begin.mismatch()
}

/// Gives the seat back. The last one to leave sees whether the asset is complete.
fn leave(
    engine: &Engine,
    slot: &Slot,
    begin: &Begin,
    desk: Desk,
    brought: Result<(), UploadError>,
) -> Result<Received, UploadError> {
    drop(desk);
    let mut seats = slot.seats();
    seats.taken -= 1;
    let Some(holding) = slot.holding() else { return brought.map(|()| Received::Held) };
    if seats.taken > 0 {
        drop(seats);
        // Whoever resumes asks what is durable; whoever is done has nothing to ask.
        return match brought {
            Ok(()) => Ok(Received::Held),
            Err(error) => holding.sync().map_err(UploadError::from).and(Err(error)),
        };
    }
    if let Some(crew) = seats.crew.take() {
        crew.end();
    }
    let concluded = conclude(engine, slot, begin, &holding);
    match (concluded, brought) {
        (Ok(Some(signed)), _) => Ok(Received::Accepted(signed)),
        (Ok(None), Ok(())) => Ok(Received::Held),
        (Ok(None), Err(error)) | (Err(error), _) => Err(error),
    }
}

/// Makes durable what was held when everybody has left, and accepts or discards the asset if all of it is there.
fn conclude(engine: &Engine, slot: &Slot, begin: &Begin, holding: &Holding) -> Result<Option<Signed>, UploadError> {
    match holding.ended() {
        Some(Ended::Condemned) => return Err(discard(engine, slot, begin, holding)),
        Some(Ended::Unreadable(kind)) => return Err(forget(slot, holding, kind)),
        Some(Ended::Failed(_)) | None => {}
    }
    if let Err(error) = holding.sync() {
        holding.roll_back();
        return Err(error.into());
    }
    if !holding.is_complete() {
        return Ok(None);
    }
    let Some((digest, read_back)) = holding.digest() else {
        return Err(UploadError::Disk(io::Error::other("the digest did not reach the end")));
    };
    tracing::info!(asset = %begin.terms.name, size = holding.size, read_back, "an asset was hashed");
    if digest == begin.terms.digest {
        accept(engine, slot, begin, holding).map(Some)
    } else {
        Err(discard(engine, slot, begin, holding))
    }
}

fn accept(engine: &Engine, slot: &Slot, begin: &Begin, holding: &Holding) -> Result<Signed, UploadError> {
    let (store, name) = (engine.store(), begin.terms.name.as_str());
    if let Err(error) = store.accept(name) {
        // As long as it is where it came from, nothing has to be sent again.
        if !holding.path.exists() {
            slot.hold(None);
        }
        return Err(error.into());
    }
    match engine.ledger().act(begin.actor(), Event::AssetAccepted(begin.body())) {
        Ok(signed) => {
            holding.claim.keep();
            slot.hold(None);
            Ok(signed)
        }
        // The log's disk is full or fails: nothing is accepted, and nothing has to be sent again.
        Err(error @ LedgerError::Disk(_)) if store.take_back(name).is_ok() => Err(error.into()),
        Err(error) => {
            slot.hold(None);
            if let Err(error) = fs::remove_file(store.asset(name)) {
                // It was removed with everything else, or is replaced by the next attempt.
                tracing::debug!(%error, "an asset that was not accepted could not be removed");
            }
            Err(error.into())
        }
    }
}

/// Discards what the agent fetched of an asset, and logs that it was refused. Blocking threads only, when nobody brings
/// the asset any more.
#[cfg(feature = "pull")]
pub(crate) fn refuse(engine: &Engine, slot: &Slot, begin: &Begin, code: Code) -> Result<(), UploadError> {
    let _alone = slot.seats();
    slot.hold(None);
    match fs::remove_file(engine.store().partial(begin.terms.name.as_str())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let body = AssetRefusedBody { asset: begin.terms.name.clone(), code: code.to_string() };
    engine.ledger().act(begin.actor(), Event::AssetRefused(body))?;
    Ok(())
}

/// Gives up what the disk has lost: resuming would only find the same again.
fn forget(slot: &Slot, holding: &Holding, kind: io::ErrorKind) -> UploadError {
    slot.hold(None);
    if let Err(error) = fs::remove_file(&holding.path) {
        // The next attempt puts its own file there, or says why it cannot.
        tracing::debug!(%error, "a file that cannot be read could not be removed");
    }
    UploadError::Unreadable(kind.into())
}

/// Removes bytes that are not the agreed ones, and says so.
fn discard(engine: &Engine, slot: &Slot, begin: &Begin, holding: &Holding) -> UploadError {
    slot.hold(None);
    if let Err(error) = fs::remove_file(&holding.path) {
        return error.into();
    }
    let body = AssetRefusedBody { asset: begin.terms.name.clone(), code: Code::AssetMismatch.to_string() };
    match engine.ledger().act(begin.actor(), Event::AssetRefused(body)) {
        Ok(_) => begin.mismatch(),
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests;

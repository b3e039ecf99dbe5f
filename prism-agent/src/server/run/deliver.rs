//! From `results/` to one sealed payload for each consumer, in one pass.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::PathBuf;

use prism_core::archive::{Hashing, PackError, Packer};
use prism_core::audit::entry::{Actor, Event, OutputBody, ResultSealedBody, WithheldBody};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher};
use prism_core::entropy::SystemEntropy;
use prism_core::name::Name;
use prism_core::seal::{FileKey, PayloadWriter, SealError};
use tokio_util::sync::CancellationToken;

use crate::runner::{CollectError, Collected, ResultLimits, ResultsDir, Withheld, collect_results};
use crate::server::engine::Engine;
use crate::server::ledger::LedgerError;
use crate::server::room::{Claim, NoRoom};
use crate::server::store::create_private;
use crate::server::upload::disk_code;
use crate::server::vault::Sealed;

/// Bytes that are encrypted and written at a time.
const PIECE: usize = 256 << 10;

/// Bytes that are written before the disk has to take them.
const SYNC_EVERY: u64 = 32 << 20;

/// Why there is no sealed result.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliverError {
    /// The results could not be taken.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The results could not be packed. Only the code: names of results are the algorithm's words, and the agent's log
    /// has other readers than the result.
    #[error("expected results that an archive can hold, found others ({0}); see what the algorithm writes")]
    Pack(Code),
    /// The archive is larger than what may leave.
    #[error("expected an archive of at most {most} bytes, found more; raise the manifest's largest size or write less")]
    TooLarge {
        /// The manifest's bound.
        most: u64,
    },
    /// The run was stopped meanwhile.
    #[error("expected to seal the result, found the run stopped")]
    Stopped,
    /// The results could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The result could not be logged.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The state machine asks for a parcel that the manifest does not.
    #[error("expected a consumer that the manifest names, found {0}; report this")]
    Unknown(Name),
    /// The sealed results do not fit.
    #[error("expected room for the result, sealed for each consumer: {0}")]
    NoRoom(#[from] NoRoom),
    /// The agent's disk refused.
    #[error("expected to write the result, found an error of the system; check the space on the agent's disk")]
    Disk(#[source] io::Error),
}

impl From<io::Error> for DeliverError {
    /// The fan's own reasons come through writers that know only errors of the system.
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|reason| reason.downcast_ref()) {
            Some(Halt::TooLarge { most }) => Self::TooLarge { most: *most },
            Some(Halt::Stopped) => Self::Stopped,
            None => Self::Disk(error),
        }
    }
}

impl From<PackError> for DeliverError {
    fn from(error: PackError) -> Self {
        match error {
            PackError::Write(error) => Self::from(error),
            error => Self::Pack(error.code()),
        }
    }
}

impl Coded for DeliverError {
    fn code(&self) -> Code {
        match self {
            Self::Collect(error) => error.code(),
            Self::Seal(SealError::Write(error)) | Self::Disk(error) => disk_code(error.kind()),
            Self::Pack(code) => *code,
            Self::NoRoom(error) => error.code(),
            Self::TooLarge { .. } => Code::LimitReached,
            Self::Stopped => Code::RunStopped,
            Self::Seal(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Unknown(_) => Code::Internal,
        }
    }
}

/// The result, sealed for every consumer, before the log knows of it. Dropped before it is shelved, it is only bytes
/// whose keys are gone.
pub(super) struct Parcels {
    body: OutputBody,
    sealed: BTreeMap<Name, Sealed>,
}

impl Parcels {
    /// What the log says of the result.
    pub(super) fn body(&self) -> OutputBody {
        self.body.clone()
    }

    /// Logs a consumer's parcel and puts it on the shelf.
    pub(super) fn shelve(&mut self, engine: &Engine, consumer: &Name) -> Result<(), DeliverError> {
        let sealed = self.sealed.remove(consumer).ok_or_else(|| DeliverError::Unknown(consumer.clone()))?;
        let body = ResultSealedBody { consumer: consumer.clone(), payload: sealed.payload, size: sealed.length };
        // Put first: whoever sees the entry may ask at once, and nobody can before the entry is there.
        engine.vault().put(consumer.clone(), sealed);
        let logged = engine.ledger().act(Actor::Agent, Event::ResultSealed(body));
        if logged.is_err() {
            engine.vault().withdraw(consumer);
        }
        logged.map(|_| ()).map_err(DeliverError::from)
    }
}

/// Packs what may leave into the canonical archive and encrypts it for every consumer while it streams: each has a key
/// of its own, and the archive in the clear is nowhere.
pub(super) fn seal(engine: &Engine, results: &ResultsDir, cancel: &CancellationToken) -> Result<Parcels, DeliverError> {
    let terms = &engine.signed().manifest().results;
    let (patterns, media_types) = (terms.files.clone(), terms.media_types.clone());
    let limits = ResultLimits { total_bytes: terms.max_bytes, patterns, media_types, ..ResultLimits::default() };
    let collected = collect_results(results, &limits)?;
    if collected.withheld != Withheld::default() {
        tracing::warn!(withheld = ?collected.withheld, "some of what the algorithm left stays inside");
    }
    let _room = room(engine, &collected)?;
    let consumers = terms.consumers.iter().map(|consumer| Outlet::open(engine, consumer));
    let outlets = consumers.collect::<Result<_, _>>()?;
    let fan = Fan { outlets, bytes: 0, unsynchronised: 0, most: terms.max_bytes, cancel };
    let mut packer = Packer::new(Hashing::new(BufWriter::with_capacity(PIECE, fan), Hasher::sha256()));
    for file in &collected.files {
        packer.file(file.name(), &mut file.open()?)?;
    }
    let (plaintext, fan) = packer.finish()?.finish();
    let fan = fan.into_inner().map_err(io::IntoInnerError::into_error)?;
    let Withheld { special, misnamed, unlisted, mistyped } = collected.withheld;
    let [special, misnamed, unlisted, mistyped] = [special, misnamed, unlisted, mistyped].map(|count| count as u64);
    let withheld = WithheldBody { special, misnamed, unlisted, mistyped };
    let body = OutputBody { files: collected.files.len() as u64, bytes: fan.bytes, withheld };
    let sealed = fan.outlets.into_iter().map(|outlet| outlet.close(plaintext, cancel));
    Ok(Parcels { body, sealed: sealed.collect::<Result<_, _>>()? })
}

/// Room for what every consumer's ciphertext takes: the archive, its names, and a sixteenth for what sealing adds, which
/// is far less. It is given back when the ciphertexts are there.
fn room(engine: &Engine, collected: &Collected) -> Result<Claim, NoRoom> {
    const EACH: u64 = 512;
    let results = &engine.signed().manifest().results;
    let names: u64 = collected.files.iter().map(|file| EACH + 2 * file.name().len() as u64).sum();
    let archive = collected.total_bytes.saturating_add(names);
    let sealed = archive.saturating_add(archive / 16).saturating_add(PIECE as u64);
    let consumers = results.consumers.len() as u64;
    engine.store().room().lend(sealed.saturating_mul(consumers), consumers)
}

/// One consumer's ciphertext in the making.
struct Outlet {
    consumer: Name,
    key: FileKey,
    path: PathBuf,
    /// The same file, to synchronise it.
    disk: File,
    writer: PayloadWriter<Hashing<BufWriter<File>>>,
}

impl Outlet {
    fn open(engine: &Engine, consumer: &Name) -> Result<Self, DeliverError> {
        let key = FileKey::generate(&mut SystemEntropy::default()).map_err(SealError::from)?;
        let path = engine.store().result(consumer.as_str());
        let file = create_private(&path)?;
        let disk = file.try_clone()?;
        let hashing = Hashing::new(BufWriter::with_capacity(PIECE, file), Hasher::sha256());
        let writer = PayloadWriter::new(hashing, &key, &mut SystemEntropy::default())?;
        Ok(Self { consumer: consumer.clone(), key, path, disk, writer })
    }

    /// Has the disk take what it has not taken yet.
    fn synchronise(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        self.disk.sync_data()
    }

    fn close(self, plaintext: Digest, cancel: &CancellationToken) -> Result<(Name, Sealed), DeliverError> {
        if cancel.is_cancelled() {
            return Err(DeliverError::Stopped);
        }
        let (payload, file) = self.writer.finish()?.finish();
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let length = file.stream_position()?;
        Ok((self.consumer, Sealed { key: self.key, path: self.path, length, payload, plaintext }))
    }
}

/// Why nothing more is written.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("the archive is larger than {most} bytes")]
    TooLarge { most: u64 },
    #[error("the run was stopped")]
    Stopped,
}

/// Gives every piece to every consumer's writer.
struct Fan<'a> {
    outlets: Vec<Outlet>,
    bytes: u64,
    /// Bytes that the disk may not have taken yet.
    unsynchronised: u64,
    /// Bytes that may leave.
    most: u64,
    /// Ends it.
    cancel: &'a CancellationToken,
}

impl Write for Fan<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other(Halt::Stopped));
        }
        let length = bytes.len() as u64;
        if length > self.most - self.bytes {
            return Err(io::Error::other(Halt::TooLarge { most: self.most }));
        }
        for outlet in &mut self.outlets {
            outlet.writer.write_all(bytes)?;
        }
        self.bytes += length;
        self.unsynchronised += length;
        if self.unsynchronised >= SYNC_EVERY {
            // Not all of it in the end: nobody can stop that.
            self.outlets.iter_mut().try_for_each(Outlet::synchronise)?;
            self.unsynchronised = 0;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outlets.iter_mut().try_for_each(|outlet| outlet.writer.flush())
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_name_that_the_algorithm_chose_is_in_no_error() {
        let name = "patient-4711".to_owned();
        let read = PackError::Read { name: name.clone(), source: io::Error::other(name.clone()) };
        for error in [read, PackError::Order { name: name.clone(), after: name.clone() }] {
            let error = DeliverError::from(error);
            assert!(error.source().is_none() && !format!("{error} {error:?}").contains(&name), "{error:?}");
        }
    }
}

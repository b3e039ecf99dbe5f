//! From `results/` to one sealed payload for each consumer, in one pass.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::PathBuf;

use prism_core::archive::{Hashing, PackError, Packer};
use prism_core::audit::entry::{Actor, Event, OutputBody, ResultSealedBody};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher};
use prism_core::entropy::SystemEntropy;
use prism_core::name::Name;
use prism_core::seal::{FileKey, PayloadWriter, SealError};

use crate::runner::{CollectError, ResultLimits, ResultsDir, collect_results};
use crate::server::engine::Engine;
use crate::server::ledger::LedgerError;
use crate::server::store::create_private;
use crate::server::upload::disk_code;
use crate::server::vault::Sealed;

/// Bytes that are encrypted and written at a time.
const PIECE: usize = 256 << 10;

/// Why there is no sealed result.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliverError {
    /// The results could not be taken.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The results could not be packed.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The results could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The result could not be logged.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The state machine asks for a parcel that the manifest does not.
    #[error("expected a consumer that the manifest names, found {0}; report this")]
    Unknown(Name),
    /// The agent's disk refused.
    #[error("expected to write the result, found an error of the system; check the space on the agent's disk")]
    Disk(#[from] io::Error),
}

impl Coded for DeliverError {
    fn code(&self) -> Code {
        match self {
            Self::Collect(error) => error.code(),
            Self::Pack(PackError::Write(error)) | Self::Seal(SealError::Write(error)) | Self::Disk(error) => {
                disk_code(error.kind())
            }
            Self::Pack(error) => error.code(),
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
pub(super) fn seal(engine: &Engine, results: &ResultsDir) -> Result<Parcels, DeliverError> {
    let terms = &engine.signed().manifest().results;
    let patterns = terms.files.clone();
    let limits = ResultLimits { total_bytes: terms.max_bytes, patterns, ..ResultLimits::default() };
    let collected = collect_results(results, &limits)?;
    let consumers = terms.consumers.iter().map(|consumer| Outlet::open(engine, consumer));
    let fan = Fan { outlets: consumers.collect::<Result<_, _>>()?, bytes: 0 };
    let mut packer = Packer::new(Hashing::new(BufWriter::with_capacity(PIECE, fan), Hasher::sha256()));
    for file in &collected.files {
        packer.file(file.name(), &mut file.open()?)?;
    }
    let (plaintext, fan) = packer.finish()?.finish();
    let fan = fan.into_inner().map_err(io::IntoInnerError::into_error)?;
    let body = OutputBody { files: collected.files.len() as u64, bytes: fan.bytes };
    let sealed = fan.outlets.into_iter().map(|outlet| outlet.close(plaintext));
    Ok(Parcels { body, sealed: sealed.collect::<Result<_, _>>()? })
}

/// One consumer's ciphertext in the making.
struct Outlet {
    consumer: Name,
    key: FileKey,
    path: PathBuf,
    writer: PayloadWriter<Hashing<BufWriter<File>>>,
}

impl Outlet {
    fn open(engine: &Engine, consumer: &Name) -> Result<Self, DeliverError> {
        let key = FileKey::generate(&mut SystemEntropy::default()).map_err(SealError::from)?;
        let path = engine.store().result(consumer.as_str());
        let file = BufWriter::with_capacity(PIECE, create_private(&path)?);
        let hashing = Hashing::new(file, Hasher::sha256());
        let writer = PayloadWriter::new(hashing, &key, &mut SystemEntropy::default())?;
        Ok(Self { consumer: consumer.clone(), key, path, writer })
    }

    fn close(self, plaintext: Digest) -> Result<(Name, Sealed), DeliverError> {
        let (payload, file) = self.writer.finish()?.finish();
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let length = file.stream_position()?;
        Ok((self.consumer, Sealed { key: self.key, path: self.path, length, payload, plaintext }))
    }
}

/// Gives every piece to every consumer's writer.
struct Fan {
    outlets: Vec<Outlet>,
    bytes: u64,
}

impl Write for Fan {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for outlet in &mut self.outlets {
            outlet.writer.write_all(bytes)?;
        }
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.outlets.iter_mut().try_for_each(|outlet| outlet.writer.flush())
    }
}

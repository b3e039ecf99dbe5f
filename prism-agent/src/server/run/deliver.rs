//! From `results/` to one sealed payload for each consumer.

use std::fs::File;
use std::io::{self, BufWriter, Seek};
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
use crate::server::vault::Sealed;

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
    /// The agent's disk refused.
    #[error("expected to write the result, found an error of the system; check the space on the agent's disk")]
    Disk(#[from] io::Error),
}

impl Coded for DeliverError {
    fn code(&self) -> Code {
        match self {
            Self::Collect(error) => error.code(),
            Self::Pack(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Disk(_) => Code::FileIo,
        }
    }
}

/// The result as one archive, still in the clear.
pub(super) struct Archive {
    path: PathBuf,
    digest: Digest,
    files: u64,
    bytes: u64,
}

impl Archive {
    /// What the log says of it.
    pub(super) fn body(&self) -> OutputBody {
        OutputBody { files: self.files, bytes: self.bytes }
    }
}

/// Packs what may leave into the canonical archive.
pub(super) fn pack(engine: &Engine, results: &ResultsDir) -> Result<Archive, DeliverError> {
    let terms = &engine.signed().manifest().results;
    let patterns = terms.files.clone();
    let limits = ResultLimits { total_bytes: terms.max_bytes, patterns, ..ResultLimits::default() };
    let collected = collect_results(results, &limits)?;
    let path = engine.store().run().join("results.zip");
    let file = BufWriter::new(create_private(&path)?);
    let mut packer = Packer::new(Hashing::new(file, Hasher::sha256()));
    for file in &collected.files {
        packer.file(file.name(), &mut file.open()?)?;
    }
    let (digest, file) = packer.finish()?.finish();
    let bytes = file.into_inner().map_err(io::IntoInnerError::into_error)?.metadata()?.len();
    Ok(Archive { path, digest, files: collected.files.len() as u64, bytes })
}

/// Encrypts the archive for one consumer under a key of its own: on disk first, then in the log, then on the shelf.
pub(super) fn seal(engine: &Engine, archive: &Archive, consumer: &Name) -> Result<(), DeliverError> {
    let key = FileKey::generate(&mut SystemEntropy::default()).map_err(SealError::from)?;
    let path = engine.store().result(consumer.as_str());
    let (payload, length) = encrypt(archive, &key, &path)?;
    let body = ResultSealedBody { consumer: consumer.clone(), payload, size: length };
    // Put first: whoever sees the entry may ask at once, and nobody can before the entry is there.
    engine.vault().put(consumer.clone(), Sealed { key, path, length, payload, plaintext: archive.digest });
    engine.ledger().act(Actor::Agent, Event::ResultSealed(body))?;
    Ok(())
}

fn encrypt(archive: &Archive, key: &FileKey, path: &std::path::Path) -> Result<(Digest, u64), DeliverError> {
    let file = BufWriter::new(create_private(path)?);
    let hashing = Hashing::new(file, Hasher::sha256());
    let mut writer = PayloadWriter::new(hashing, key, &mut SystemEntropy::default())?;
    io::copy(&mut File::open(&archive.path)?, &mut writer)?;
    let (payload, file) = writer.finish()?.finish();
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok((payload, file.stream_position()?))
}

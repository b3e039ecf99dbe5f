//! The same without `async`, on the calling thread and its workers.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use prism_core::digest::{Digest, DigestAlgorithm, Hasher};
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{self, FileKey, OpenError, Opener, Recipient, RewrapError, SealError, Sealer, Totals, Unlock};
use tokio_util::sync::CancellationToken;

use super::watched::{Hashed, Watched};
use super::{Effort, OpenKey, OpenWith, SealFileError, SealTo, SealedFile};
use crate::files::{Draft, FileError, Measured, Source};

/// How many bytes of payload are copied between two looks at the clock of progress.
const STEP: u64 = 8 << 20;

/// Whoever waits for the work.
#[expect(clippy::exhaustive_structs, reason = "the arguments of a function, by name")]
pub struct Watcher<'a> {
    /// Hears how many bytes were read.
    pub tell: &'a mut (dyn FnMut(u64) + Send),
    /// Ends the work when it is cancelled.
    pub cancel: &'a CancellationToken,
}

/// See [`super::seal`].
///
/// # Errors
/// [`SealFileError`]; there is no file `out` then.
pub fn seal(
    source: &Source,
    to: &SealTo,
    out: &Path,
    effort: Effort,
    watcher: Watcher<'_>,
) -> Result<SealedFile, SealFileError> {
    refuse_taken(out)?;
    let Watcher { tell, cancel } = watcher;
    let lock = match to {
        SealTo::Recipients(recipients) => Sealer::to(recipients),
        SealTo::Passphrase(passphrase) => Sealer::under(passphrase),
        SealTo::Cobblestone(key, context) => Sealer::cobblestone(key, context),
    };
    let reader = Watched { reader: source.reader(0)?, done: 0, tell, cancel };
    let mut draft = Draft::create(out)?;
    let mut hashed = Hashed::new(&mut draft);
    let totals =
        lock.workers(effort.workers).digest(Hasher::sha256()).seal(reader, &mut SystemEntropy::default(), &mut hashed);
    let totals = totals.map_err(|error| if cancel.is_cancelled() { SealFileError::Cancelled } else { error.into() })?;
    let sealed = hashed.finish();
    draft.publish()?;
    Ok(SealedFile { path: out.to_owned(), plain: measured(totals)?, sealed })
}

/// What is opened, and what is expected of it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the arguments of one function, by name")]
pub struct Opening<'a> {
    /// The sealed file.
    pub sealed: &'a Path,
    /// What opens it.
    pub with: &'a OpenWith,
    /// The digest that its plaintext must have.
    pub expected: Option<Digest>,
    /// How much of this machine is used.
    pub effort: Effort,
}

/// See [`super::open`]. The digest that is returned is of the algorithm that was expected, else SHA-256.
///
/// # Errors
/// [`SealFileError`]; there is no file `out` then.
pub fn open(opening: &Opening<'_>, out: &Path, watcher: Watcher<'_>) -> Result<Measured, SealFileError> {
    refuse_taken(out)?;
    let Watcher { tell, cancel } = watcher;
    let failed = |source| match source {
        _ if cancel.is_cancelled() => SealFileError::Cancelled,
        source => SealFileError::Open { path: opening.sealed.to_owned(), source },
    };
    let algorithm = opening.expected.map_or(DigestAlgorithm::Sha256, |digest| digest.algorithm());
    let hasher = Hasher::for_algorithm(algorithm, None).ok_or(SealFileError::Salted)?;
    let mut file = open_sealed(opening.sealed)?;
    let key;
    let opener = match opening.with {
        OpenWith::Keys(keys) => {
            let (header, header_len) = header(&mut file).map_err(failed)?;
            key = file_key(&header, keys).map_err(failed)?;
            file.seek(SeekFrom::Start(header_len)).map_err(FileError::io("read", opening.sealed))?;
            Opener::payload(&key)
        }
        OpenWith::Cobblestone(key, context) => Opener::cobblestone(key, context),
    };
    let mut draft = Draft::create(out)?;
    let reader = Watched { reader: file, done: 0, tell, cancel };
    let totals = opener.workers(opening.effort.workers).digest(hasher).open(reader, &mut draft).map_err(failed)?;
    let found = measured(totals)?;
    match opening.expected {
        Some(expected) if expected != found.digest => {
            Err(SealFileError::Differs { path: opening.sealed.to_owned(), expected, found: found.digest })
        }
        _ => {
            draft.publish()?;
            Ok(found)
        }
    }
}

/// The header for `recipients` of the payload in `sealed`, which is not touched: enough to release a file that lies
/// somewhere else.
///
/// # Errors
/// [`SealFileError`] when nothing in the file is for `with`.
pub fn rewrap_header(sealed: &Path, with: &OpenWith, recipients: &[Recipient]) -> Result<Vec<u8>, SealFileError> {
    let OpenWith::Keys(keys) = with else { return Err(SealFileError::NoHeader) };
    let failed = SealFileError::rewrap(sealed);
    let rewrap = |file: &mut File| -> Result<Vec<u8>, RewrapError> {
        let key = file_key(&header(file)?.0, keys)?;
        Ok(seal::header(&key, recipients, &mut SystemEntropy::default())?)
    };
    rewrap(&mut open_sealed(sealed)?).map_err(failed)
}

/// See [`super::rewrap`].
///
/// # Errors
/// [`SealFileError`]; there is no file `out` then.
pub fn rewrap(
    sealed: &Path,
    with: &OpenWith,
    recipients: &[Recipient],
    out: &Path,
    watcher: Watcher<'_>,
) -> Result<(), SealFileError> {
    let Watcher { tell, cancel } = watcher;
    refuse_taken(out)?;
    let new = rewrap_header(sealed, with, recipients)?;
    let mut file = open_sealed(sealed)?;
    let (_, payload) = header(&mut file).map_err(|source| SealFileError::Open { path: sealed.to_owned(), source })?;
    file.seek(SeekFrom::Start(payload)).map_err(FileError::io("read", sealed))?;
    let mut draft = Draft::create(out)?;
    draft.write_all(&new).map_err(FileError::io("write", out))?;
    let mut copied = 0;
    loop {
        if cancel.is_cancelled() {
            return Err(SealFileError::Cancelled);
        }
        // The system copies from file to file without showing the bytes to anybody.
        let step = io::copy(&mut (&mut file).take(STEP), draft.file()).map_err(FileError::io("write", out))?;
        if step == 0 {
            break;
        }
        copied += step;
        tell(copied);
    }
    Ok(draft.publish()?)
}

/// Nothing may be there: asked before any work is done, and again when the file gets its name.
fn refuse_taken(out: &Path) -> Result<(), FileError> {
    match out.symlink_metadata() {
        Ok(_) => Err(FileError::Exists { path: out.to_owned() }),
        Err(_) => Ok(()),
    }
}

fn open_sealed(path: &Path) -> Result<File, FileError> {
    crate::files::open_regular(path)
}

/// The header of an age file and its length; `file` stands anywhere afterwards.
fn header(file: &mut File) -> Result<(Vec<u8>, u64), OpenError> {
    let header = seal::read_header(&mut BufReader::new(file))?;
    let length = header.len() as u64;
    Ok((header, length))
}

/// The file key by the first key that the header is for.
fn file_key(header: &[u8], keys: &[OpenKey]) -> Result<FileKey, OpenError> {
    let mut reason = OpenError::NotForYou;
    for key in keys {
        let unlock = match key {
            OpenKey::Identity(identity) => Unlock::from(identity),
            OpenKey::Ssh(identity) => Unlock::from(identity),
            OpenKey::Passphrase(passphrase) => Unlock::from(passphrase),
        };
        match seal::file_key(header, unlock) {
            Err(OpenError::NotForYou) => {}
            // Another of the keys may be the passphrase.
            Err(OpenError::Passphrase) => reason = OpenError::Passphrase,
            other => return other,
        }
    }
    Err(reason)
}

fn measured(totals: Totals) -> Result<Measured, SealError> {
    let digest = totals.digest.ok_or(SealError::Provider)?;
    Ok(Measured { digest, size: totals.size })
}

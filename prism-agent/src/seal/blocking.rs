//! The same without `async`, on the calling thread and its workers.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use prism_core::archive::Hashing;
use prism_core::digest::{Digest, DigestAlgorithm, Hasher};
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{self, FileKey, OpenError, Opener, Ranges, Recipient, SealError, Sealer, Totals, Unlock};
use tokio_util::sync::CancellationToken;

use super::watched::Watched;
use super::{Effort, OpenKey, OpenWith, SealFileError, SealTo, SealedFile};
use crate::files::{Draft, FileError, Measured, Source, open_regular};

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
    let before = source.stamp()?;
    let reader = Watched { reader: source.reader(0)?, done: 0, tell, cancel };
    let mut draft = Draft::create(out)?;
    let mut hashing = Hashing::new(&mut draft, Hasher::sha256());
    let totals =
        lock.workers(effort.workers).digest(Hasher::sha256()).seal(reader, &mut SystemEntropy::default(), &mut hashing);
    let totals = totals.map_err(|error| if cancel.is_cancelled() { SealFileError::Cancelled } else { error.into() })?;
    source.require_same(before, totals.size)?;
    let (digest, written) = hashing.finish();
    let size = written.file().stream_position().map_err(FileError::io("write", out))?;
    let sealed = Measured { digest, size };
    finish(draft, cancel)?;
    Ok(SealedFile { path: out.to_owned(), plain: measured(totals)?, sealed })
}

/// Gives the file its name, unless nobody waits for it any more: writing all of it to the disk may have taken a while.
pub(super) fn finish(mut draft: Draft, cancel: &CancellationToken) -> Result<(), SealFileError> {
    draft.synchronise()?;
    if cancel.is_cancelled() {
        return Err(SealFileError::Cancelled);
    }
    Ok(draft.publish()?)
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
        source => SealFileError::opening(opening.sealed)(source),
    };
    let algorithm = opening.expected.map_or(DigestAlgorithm::Sha256, |digest| digest.algorithm());
    let hasher = Hasher::for_algorithm(algorithm, None).ok_or(SealFileError::Salted)?;
    let mut file = open_regular(opening.sealed)?;
    let key;
    let opener = match opening.with {
        OpenWith::Keys(keys) => {
            let header = header(&mut file).map_err(failed)?;
            key = file_key(&header, keys).map_err(failed)?;
            file.seek(SeekFrom::Start(header.len() as u64)).map_err(FileError::io("read", opening.sealed))?;
            Opener::payload(&key)
        }
        OpenWith::Cobblestone(key, context) => Opener::cobblestone(key, context),
    };
    let mut draft = Draft::create(out)?;
    let done = file.stream_position().map_err(FileError::io("read", opening.sealed))?;
    let reader = Watched { reader: file, done, tell, cancel };
    let totals = opener.workers(opening.effort.workers).digest(hasher).open(reader, &mut draft).map_err(failed)?;
    let found = measured(totals)?;
    match opening.expected {
        Some(expected) if expected != found.digest => {
            Err(SealFileError::Differs { path: opening.sealed.to_owned(), expected, found: found.digest })
        }
        _ => {
            finish(draft, cancel)?;
            Ok(found)
        }
    }
}

/// The header of the age file at `path`. Nothing is believed yet.
///
/// # Errors
/// [`SealFileError`] when it is no such file.
pub fn read_header(path: &Path) -> Result<Vec<u8>, SealFileError> {
    header(&mut open_regular(path)?).map_err(SealFileError::opening(path))
}

/// The header for `recipients` of the payload in `sealed`, which is not touched: enough to release a file that lies
/// somewhere else.
///
/// # Errors
/// [`SealFileError`] when nothing in the file is for `with`.
pub fn rewrap_header(sealed: &Path, with: &OpenWith, recipients: &[Recipient]) -> Result<Vec<u8>, SealFileError> {
    let keys = keys(with)?;
    Ok(wrapped(&read_header(sealed)?, sealed, keys, recipients)?.0)
}

/// What may open a header.
fn keys(with: &OpenWith) -> Result<&[OpenKey], SealFileError> {
    match with {
        OpenWith::Keys(keys) => Ok(keys),
        OpenWith::Cobblestone(..) => Err(SealFileError::NoHeader),
    }
}

/// The new header, and the key that both wrap.
fn wrapped(old: &[u8], path: &Path, keys: &[OpenKey], to: &[Recipient]) -> Result<(Vec<u8>, FileKey), SealFileError> {
    let key = file_key(old, keys).map_err(SealFileError::opening(path))?;
    Ok((seal::header(&key, to, &mut SystemEntropy::default())?, key))
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
    let keys = keys(with)?;
    let mut file = open_regular(sealed)?;
    let old = header(&mut file).map_err(SealFileError::opening(sealed))?;
    let (new, key) = wrapped(&old, sealed, keys, recipients)?;
    file.seek(SeekFrom::Start(old.len() as u64)).map_err(FileError::io("read", sealed))?;
    let mut draft = Draft::create(out)?;
    draft.write_all(&new).map_err(FileError::io("write", out))?;
    let mut copied = old.len() as u64;
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
    // The last chunk vouches for the length: nobody shall hand on, or keep, a file of which the end is missing.
    draft.file().seek(SeekFrom::Start(new.len() as u64)).map_err(FileError::io("read", out))?;
    Ranges::payload(draft.file(), &key).map_err(SealFileError::opening(sealed))?;
    finish(draft, cancel)
}

/// Nothing may be there: asked before any work is done, and again when the file gets its name.
fn refuse_taken(out: &Path) -> Result<(), FileError> {
    match out.symlink_metadata() {
        Ok(_) => Err(FileError::Exists { path: out.to_owned() }),
        Err(_) => Ok(()),
    }
}

/// The header of an age file; `file` stands anywhere afterwards.
fn header(file: &mut File) -> Result<Vec<u8>, OpenError> {
    seal::read_header(&mut BufReader::new(file))
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

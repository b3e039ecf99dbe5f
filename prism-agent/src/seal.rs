//! Sealed files on disk: [`seal`] a file or folder, [`open`] it again, [`rewrap`] it for others.
//!
//! One pass over the data in constant memory, over as many processors as wanted. What is written appears under its name
//! only when all of it is there: a sealed file when it is whole, an opened one when its last byte is authentic and its
//! digest is the one that was expected. Nothing is ever overwritten; whatever ends the work leaves nothing behind.
//!
//! The functions here are asynchronous, and dropping their future cancels the work. [`blocking`] has the same without.

pub mod blocking;
mod error;
mod watched;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use prism_core::digest::Digest;
use prism_core::seal::{CobblestoneKey, Context, Identity, Passphrase, Recipient, SshIdentity};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use blocking::Watcher;
pub use error::SealFileError;

use crate::files::{Measured, Source};

/// Most workers that are of use: beyond them reading and writing are slower than encryption.
const WORKERS_MAX: usize = 8;

/// Who may open what is sealed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SealTo {
    /// Whoever has the identity of one of these, in the age format.
    Recipients(Vec<Recipient>),
    /// Whoever knows this, in the age format.
    Passphrase(Passphrase),
    /// Whoever has the key, for this purpose only, as Cobblestone-256.
    Cobblestone(CobblestoneKey, Context),
}

/// What opens a sealed file.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenWith {
    /// The first of these that the file is for.
    Keys(Vec<OpenKey>),
    /// The key of a Cobblestone-256 file, and its purpose.
    Cobblestone(CobblestoneKey, Context),
}

/// One key that opens age files.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenKey {
    /// An age identity.
    Identity(Identity),
    /// An SSH key of the type Ed25519.
    Ssh(SshIdentity),
    /// A passphrase.
    Passphrase(Passphrase),
}

/// How much of this machine is used.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Effort {
    /// Threads that work, 256 KiB of memory each.
    pub workers: NonZeroUsize,
}

impl Default for Effort {
    /// One worker for each processor, at most eight.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { workers: processors.min(NonZeroUsize::new(WORKERS_MAX).unwrap_or(NonZeroUsize::MIN)) }
    }
}

/// What was sealed, and what became of it: as a manifest names both.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SealedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Digest (SHA-256) and size of the plaintext.
    pub plain: Measured,
    /// Digest (SHA-256) and size of the sealed file.
    pub sealed: Measured,
}

/// Seals `source` into the new file `out`. `progress` hears how many bytes of plaintext were read.
///
/// # Errors
/// [`SealFileError`]; there is no file `out` then.
pub async fn seal(
    source: Source,
    to: SealTo,
    out: &Path,
    effort: Effort,
    progress: impl FnMut(u64) + Send,
) -> Result<SealedFile, SealFileError> {
    let out = out.to_owned();
    apart(progress, move |watcher| blocking::seal(&source, &to, &out, effort, watcher)).await
}

/// Opens the sealed file `sealed` into the new file `out`, unless its plaintext is not the one `expected`. `progress`
/// hears how many sealed bytes were read.
///
/// # Errors
/// [`SealFileError`]; there is no file `out` then.
pub async fn open(
    sealed: &Path,
    with: OpenWith,
    out: &Path,
    expected: Option<Digest>,
    progress: impl FnMut(u64) + Send,
) -> Result<Measured, SealFileError> {
    let (sealed, out) = (sealed.to_owned(), out.to_owned());
    let effort = Effort::default();
    apart(progress, move |watcher| {
        blocking::open(&blocking::Opening { sealed: &sealed, with: &with, expected, effort }, &out, watcher)
    })
    .await
}

/// Writes the file `out` with a new header for `recipients` before the payload of `sealed`, which is copied as it is if it
/// has its end. `progress` hears how many sealed bytes were read.
///
/// # Errors
/// [`SealFileError`]; there is no file `out` then.
pub async fn rewrap(
    sealed: &Path,
    with: OpenWith,
    recipients: Vec<Recipient>,
    out: &Path,
    progress: impl FnMut(u64) + Send,
) -> Result<(), SealFileError> {
    let (sealed, out) = (sealed.to_owned(), out.to_owned());
    apart(progress, move |watcher| blocking::rewrap(&sealed, &with, &recipients, &out, watcher)).await
}

/// Does blocking work on a thread of its own; progress is told here, and the work ends when nobody waits for it.
async fn apart<T: Send + 'static>(
    mut progress: impl FnMut(u64) + Send,
    work: impl FnOnce(Watcher<'_>) -> Result<T, SealFileError> + Send + 'static,
) -> Result<T, SealFileError> {
    let cancel = CancellationToken::new();
    let _guard = cancel.clone().drop_guard();
    let (tell, mut heard) = watch::channel(0);
    let mut done = tokio::task::spawn_blocking(move || {
        let mut tell = |bytes| {
            tell.send_replace(bytes);
        };
        work(Watcher { tell: &mut tell, cancel: &cancel })
    });
    loop {
        tokio::select! {
            outcome = &mut done => return outcome.unwrap_or(Err(SealFileError::Cancelled)),
            Ok(()) = heard.changed() => progress(*heard.borrow_and_update()),
        }
    }
}

#[cfg(test)]
mod tests;

//! Giving an asset: measured before any byte leaves, resumed from what the agent holds durably.

mod delivery;
mod feed;
mod options;
mod plan;

use std::sync::Arc;

use prism_core::asset::AssetTerms;
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher};
use prism_core::name::Name;
use tokio::sync::watch;

use self::delivery::Delivery;
pub use self::options::{UploadControl, UploadOptions};
use super::session::Session;
use super::witness::blocking;
use super::{CallError, LogError, Receipt, SessionError};
use crate::files::{FileError, Measured, Source};

/// How often an agent may say that it holds all parts of an asset and still not accept it.
const STALLS: u32 = 3;

/// How far an upload is. No number ever falls, but `sent` after a broken connection or a pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes measured here, before any leaves; 0 with [`one_pass`](UploadOptions::one_pass).
    pub measured: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes that the agent holds durably: these are not sent again.
    pub durable: u64,
    /// Bytes in all, as the manifest names them.
    pub total: u64,
}

/// Why an asset was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// The manifest names no such asset.
    #[error("expected an asset that the manifest names, found {asset:?}; it names {known}")]
    Unknown {
        /// The name that was given.
        asset: String,
        /// The names that there are.
        known: String,
    },
    /// Another participant provides it.
    #[error("expected {provider} to send {asset}, found {participant}; only its provider may")]
    OtherProvider {
        /// The asset.
        asset: Name,
        /// Who provides it.
        provider: Name,
        /// Who tried.
        participant: Name,
    },
    /// The manifest's digest is salted and no salt was given, or it is not and one was.
    #[error("expected {expected} for {asset}; give the salt exactly when the manifest's digest is salted")]
    Salt {
        /// The asset.
        asset: Name,
        /// What is needed.
        expected: &'static str,
    },
    /// The local bytes are not those that were agreed. Nothing was sent.
    #[error(
        "expected {asset} of {size} bytes with digest {digest}, found {} bytes with {}; nothing was sent: give the file that was agreed",
        .found.size, .found.digest
    )]
    Differs {
        /// The asset.
        asset: Name,
        /// Its digest in the manifest.
        digest: Digest,
        /// Its size in the manifest.
        size: u64,
        /// What was measured.
        found: Measured,
    },
    /// The local bytes are not those that were agreed. They were sent without being measured first.
    #[error(
        "expected {asset} of {size} bytes with digest {digest}, found {} bytes with {}; the agent discarded what was sent: give the file that was agreed",
        .found.size, .found.digest
    )]
    Discarded {
        /// The asset.
        asset: Name,
        /// Its digest in the manifest.
        digest: Digest,
        /// Its size in the manifest.
        size: u64,
        /// What was measured afterwards.
        found: Measured,
    },
    /// The local bytes were the agreed ones when they were measured, and others when they were sent.
    #[error(
        "expected the bytes that were measured, found that they changed while they were sent; none of them was accepted: leave the file alone and send it again"
    )]
    Changed,
    /// The local bytes could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Coded for UploadError {
    fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } => Code::AssetUnknown,
            Self::OtherProvider { .. } => Code::AssetWrongProvider,
            Self::Salt { .. } => Code::Usage,
            Self::Differs { .. } | Self::Discarded { .. } | Self::Changed => Code::AssetMismatch,
            Self::File(error) => error.code(),
            Self::Session(error) => error.code(),
        }
    }
}

impl From<CallError> for UploadError {
    fn from(error: CallError) -> Self {
        SessionError::from(error).into()
    }
}

impl From<LogError> for UploadError {
    fn from(error: LogError) -> Self {
        SessionError::from(error).into()
    }
}

impl Session {
    /// Sends one asset and returns the verified receipt. The local bytes are measured against the manifest first: a
    /// wrong file never leaves, unless the options ask for one pass. A salted asset needs its salt, which goes to the
    /// attested agent only.
    ///
    /// An upload that was interrupted, by whatever, goes on with the same call, also from another machine with the same
    /// bytes; an asset that was accepted before gives its receipt again. Memory is constant. Dropping the future cancels.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn upload(
        &self,
        asset: &str,
        source: Source,
        options: impl Into<UploadOptions>,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<Receipt, UploadError> {
        let (terms, options) = (self.own_asset(asset)?, options.into());
        let mut so_far = Progress { total: terms.size, ..Progress::default() };
        let hasher = hasher(&terms, &options)?;
        // What has another size cannot be right: no need to send it to find out.
        let one_pass = options.one_pass && source.length().is_none_or(|length| length == terms.size);
        if !one_pass {
            let found = measure(&source, hasher.clone(), |measured| {
                so_far.measured = measured;
                progress(so_far);
            });
            differs(&terms, found.await?).map_or(Ok(()), Err)?;
        }
        let delivery = Delivery::new(self.clone(), terms, source, options);
        match deliver(&delivery, &mut so_far, &mut progress).await {
            Err(error) if one_pass && error.code() == Code::AssetMismatch => {
                Err(explain(&delivery, hasher).await?.unwrap_or(error))
            }
            delivered => delivered,
        }
    }

    pub(super) fn own_asset(&self, asset: &str) -> Result<AssetTerms, UploadError> {
        let manifest = self.manifest().manifest();
        let terms = manifest.asset(asset).ok_or_else(|| UploadError::Unknown {
            asset: asset.to_owned(),
            known: manifest.assets().iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        if &terms.provider == self.participant() {
            return Ok(terms);
        }
        let AssetTerms { name, provider, .. } = terms;
        Err(UploadError::OtherProvider { asset: name, provider, participant: self.participant().clone() })
    }
}

fn hasher(terms: &AssetTerms, options: &UploadOptions) -> Result<Hasher, UploadError> {
    let salt = options.salt.as_ref();
    Hasher::for_algorithm(terms.digest.algorithm(), salt).ok_or_else(|| UploadError::Salt {
        asset: terms.name.clone(),
        expected: if salt.is_some() { "no salt" } else { "a salt" },
    })
}

async fn measure(source: &Source, hasher: Hasher, mut progress: impl FnMut(u64)) -> Result<Measured, UploadError> {
    let (tell, mut heard) = watch::channel(0);
    let of = source.clone();
    let work = blocking::<_, MeasureError>(move || {
        Ok(of.measure(hasher, &mut |n| {
            tell.send_replace(n);
        })?)
    });
    tokio::pin!(work);
    let found = loop {
        tokio::select! {
            found = &mut work => break found?,
            Ok(()) = heard.changed() => progress(*heard.borrow_and_update()),
        }
    };
    progress(found.size);
    Ok(found)
}

fn differs(terms: &AssetTerms, found: Measured) -> Option<UploadError> {
    let AssetTerms { name, digest, size, .. } = terms;
    let same = (found.digest, found.size) == (*digest, *size);
    (!same).then(|| UploadError::Differs { asset: name.clone(), digest: *digest, size: *size, found })
}

/// Sends until the agent accepts. What it held before may have been of another file: then it has discarded that, and
/// everything is sent once more.
async fn deliver(
    delivery: &Arc<Delivery>,
    so_far: &mut Progress,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<Receipt, UploadError> {
    let (mut inherited, mut stalls) = (None, 0);
    loop {
        let held = delivery.look().await?;
        let there = held.durable.bytes();
        let inherits = *inherited.get_or_insert(there > 0);
        (so_far.durable, so_far.sent) = (there, there);
        progress(*so_far);
        let received = match held.receipt {
            Some(receipt) => Ok(Some(receipt)),
            None => delivery.send(&held, so_far, progress).await,
        };
        match received {
            Ok(Some(receipt)) => return settle(delivery, receipt, so_far, progress).await,
            Ok(None) if stalls < STALLS => stalls += 1,
            Ok(None) => return Err(LogError::Malformed { expected: "a receipt for an asset that is complete" }.into()),
            Err(error) if is_mismatch(&error) && inherits => inherited = Some(false),
            Err(error) if is_mismatch(&error) => return Err(UploadError::Changed),
            Err(error) => return Err(error),
        }
    }
}

/// Whether the agent says that the bytes are not the agreed ones.
fn is_mismatch(error: &UploadError) -> bool {
    matches!(error, UploadError::Session(SessionError::Call(call)) if call.code() == Code::AssetMismatch)
}

async fn settle(
    delivery: &Delivery,
    receipt: crate::wire::Receipt,
    so_far: &mut Progress,
    progress: &mut (impl FnMut(Progress) + Send),
) -> Result<Receipt, UploadError> {
    let receipt = delivery.verify(Some(receipt))?;
    delivery.session.0.witness.settle(&receipt, &delivery.session).await?;
    (so_far.durable, so_far.sent) = (so_far.total, so_far.total);
    progress(*so_far);
    Ok(receipt)
}

/// What was wrong with bytes that were sent without being measured, if they still are.
async fn explain(delivery: &Delivery, hasher: Hasher) -> Result<Option<UploadError>, UploadError> {
    let found = measure(&delivery.source, hasher, |_| {}).await?;
    Ok(differs(&delivery.terms, found).map(|error| match error {
        UploadError::Differs { asset, digest, size, found } => UploadError::Discarded { asset, digest, size, found },
        other => other,
    }))
}

/// File work that may have been interrupted.
enum MeasureError {
    File(FileError),
    Log(LogError),
}

impl From<FileError> for MeasureError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<LogError> for MeasureError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<MeasureError> for UploadError {
    fn from(error: MeasureError) -> Self {
        match error {
            MeasureError::File(error) => error.into(),
            MeasureError::Log(error) => error.into(),
        }
    }
}

//! Giving an asset: measured before any byte leaves, resumed from what the agent holds durably.

mod feed;

use std::sync::Arc;
use std::time::Duration;

use prism_core::asset::AssetTerms;
use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::envelope::PayloadType;
use prism_core::name::Name;
use prism_core::statement::AssetBody;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use self::feed::{Feed, Step};
use super::session::{Live, Session};
use super::witness::blocking;
use super::{CallError, LogError, Receipt, SessionError, bounded};
use crate::files::{FileError, Measured, Source};
use crate::wire::{self, UploadBegin, UploadStatusRequest, upload_request};

/// How often the agent is asked for what it holds durably while bytes travel.
const DURABLE_INTERVAL: Duration = Duration::from_millis(500);

/// How far an upload is. No number ever falls, but `sent` after a broken connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes measured here, before any leaves.
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
            Self::Differs { .. } => Code::AssetMismatch,
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
    /// wrong file never leaves. A salted asset needs its salt, which goes to the attested agent only.
    ///
    /// An upload that was interrupted, by whatever, goes on with the same call; an asset that was accepted before gives
    /// its receipt again. Memory is constant. Dropping the future cancels.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn upload(
        &self,
        asset: &str,
        source: Source,
        salt: Option<Salt>,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<Receipt, UploadError> {
        let terms = self.own_asset(asset)?;
        let mut so_far = Progress { total: terms.size, ..Progress::default() };
        self.measure(&terms, &source, salt.as_ref(), |measured| {
            so_far.measured = measured;
            progress(so_far);
        })
        .await?;
        let delivery = Delivery { session: self, terms, source, salt };
        let mut retries = self.retries();
        let mut live = self.live();
        loop {
            let durable_before = so_far.durable;
            match delivery.attempt(&live, &mut so_far, &mut progress).await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => {
                    if so_far.durable > durable_before {
                        retries.reset();
                    }
                    live = self.recover(&live, &mut retries, error).await?;
                }
            }
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

    async fn measure(
        &self,
        terms: &AssetTerms,
        source: &Source,
        salt: Option<&Salt>,
        mut progress: impl FnMut(u64),
    ) -> Result<(), UploadError> {
        let asset = &terms.name;
        let hasher = Hasher::for_algorithm(terms.digest.algorithm(), salt).ok_or_else(|| UploadError::Salt {
            asset: asset.clone(),
            expected: if salt.is_some() { "no salt" } else { "a salt" },
        })?;
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
        if (found.digest, found.size) == (terms.digest, terms.size) {
            return Ok(());
        }
        Err(UploadError::Differs { asset: asset.clone(), digest: terms.digest, size: terms.size, found })
    }
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

/// One asset on its way, over as many connections as it takes.
struct Delivery<'a> {
    session: &'a Session,
    terms: AssetTerms,
    source: Source,
    salt: Option<Salt>,
}

impl Delivery<'_> {
    /// Sends what the agent does not hold yet, over one connection.
    async fn attempt(
        &self,
        live: &Arc<Live>,
        so_far: &mut Progress,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Receipt, UploadError> {
        let status = self.status(live).await?;
        (so_far.durable, so_far.sent) = (status.durable, status.durable);
        progress(*so_far);
        let received = match status.receipt {
            Some(receipt) => Some(receipt),
            None => self.send(live, so_far, progress).await?,
        };
        let receipt = self.verify(received)?;
        self.session.0.witness.settle(&receipt, self.session).await?;
        (so_far.durable, so_far.sent) = (so_far.total, so_far.total);
        progress(*so_far);
        Ok(receipt)
    }

    async fn send(
        &self,
        live: &Arc<Live>,
        so_far: &mut Progress,
        progress: &mut (impl FnMut(Progress) + Send),
    ) -> Result<Option<wire::Receipt>, UploadError> {
        let (source, offset) = (self.source.clone(), so_far.durable);
        let mut feed = Feed::start(source, offset, self.terms.size - offset, self.begin(live, offset)?);
        let frames = feed.frames()?;
        let mut stub = live.stub();
        // Declared after the feed, hence dropped before it: a call that is given up never looks finished.
        let call = stub.upload(frames);
        tokio::pin!(call);
        let mut ticks = interval(DURABLE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                answer = &mut call => return Ok(answer.map_err(CallError::from)?.into_inner().receipt),
                step = feed.step() => match step? {
                    Step::Sent(bytes) => so_far.sent = offset + bytes,
                    Step::Finished => continue,
                },
                _ = ticks.tick() => {
                    // Only for the eye: a failure here will be one of the call as well.
                    let Ok(status) = self.status(live).await else { continue };
                    so_far.durable = status.durable.max(so_far.durable);
                }
            }
            progress(*so_far);
        }
    }

    fn begin(&self, live: &Live, offset: u64) -> Result<upload_request::Step, SessionError> {
        let AssetTerms { name, digest, size, .. } = &self.terms;
        let envelope = self.session.sign(live, PayloadType::Asset, |context| {
            AssetBody::new(context, name.clone(), *digest, *size).to_json()
        })?;
        let salt = self.salt.as_ref().map(|salt| salt.expose().to_vec()).unwrap_or_default();
        Ok(upload_request::Step::Begin(UploadBegin { envelope: envelope.into(), salt: salt.into(), offset }))
    }

    async fn status(&self, live: &Live) -> Result<wire::UploadStatusResponse, UploadError> {
        let request = UploadStatusRequest { asset: self.terms.name.to_string() };
        let status = bounded(live.stub().upload_status(request)).await?;
        if status.durable > self.terms.size {
            return Err(LogError::Malformed { expected: "an offset within the asset" }.into());
        }
        Ok(status)
    }

    fn verify(&self, received: Option<wire::Receipt>) -> Result<Receipt, LogError> {
        let AssetTerms { name, provider, digest, size, .. } = &self.terms;
        Receipt::verify(received, self.session.0.witness.key(), "this asset", |entry| {
            let accepted = matches!(&entry.event, Event::AssetAccepted(body)
                if body.asset == *name && body.digest == *digest && body.size == *size);
            accepted && entry.actor.participant() == Some(provider)
        })
    }
}

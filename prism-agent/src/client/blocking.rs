//! The same conversation without `async`: for bindings, scripts and threads.
//!
//! Every value here shares a small runtime of its own and needs none of the caller's; it works on any thread, also on one
//! of another runtime. Progress is told on the calling thread. While a call waits it asks its [`Interrupt`] twenty times
//! a second whether to go on, so that an interrupt from the keyboard ends it at once and loses nothing.

mod stream;
mod worker;

use std::path::Path;
use std::sync::Arc;

use prism_attest::{Summary, Verdict};
use prism_core::UnixSeconds;
use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::digest::Salt;
use prism_core::key::SigningKey;
use prism_core::manifest::{Role, SignedManifest};
use prism_core::name::Name;
use prism_core::seal::{CobblestoneKey, Identity};

pub use self::stream::{Logs, Metrics, Watch};
pub use self::worker::Interrupt;

use self::worker::Worker;
use super::{
    AttestError, AuthenticateError, ConnectError, Delivered, Held, Options, Progress, Receipt, ReleaseError,
    ResultError, ResultOptions, ResultProgress, SessionError, Status, TranscriptFileError, UploadError, UploadOptions,
};
use crate::files::Source;

/// Where conversations with agents begin. See [`super::Client`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Client;

impl Client {
    /// Connects to whoever listens at `address` (`host:port`). See [`super::Client::connect`].
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(
        address: &str,
        signed: &SignedManifest,
        options: Options,
        interrupt: Interrupt,
    ) -> Result<Connecting, ConnectError> {
        let worker = Worker::start(interrupt)?;
        let (address, signed) = (address.to_owned(), signed.clone());
        let inner = worker.wait(async move { super::Client::connect(&address, &signed, options).await })?;
        Ok(Connecting { inner, worker })
    }
}

/// A connection to somebody of whom nothing is known yet. See [`super::Connecting`].
#[derive(Debug)]
pub struct Connecting {
    inner: super::Connecting,
    worker: Worker,
}

impl Connecting {
    /// Has the agent prove what it is. See [`super::Connecting::attest`].
    ///
    /// # Errors
    /// [`AttestError`].
    pub fn attest(self, now: UnixSeconds) -> Result<AttestedChannel, AttestError> {
        let Self { inner, worker } = self;
        let inner = worker.wait(inner.attest(now))?;
        Ok(AttestedChannel { inner, worker })
    }
}

/// A connection to an agent that earned trust. See [`super::AttestedChannel`].
///
/// ```compile_fail
/// # use prism_agent::{client::blocking::AttestedChannel, files::Source};
/// fn too_early(channel: AttestedChannel, data: Source) {
///     channel.upload("h1.zip", data, None, &mut |_| {});
/// }
/// ```
#[derive(Debug)]
pub struct AttestedChannel {
    inner: super::AttestedChannel,
    worker: Worker,
}

impl AttestedChannel {
    /// What is trusted.
    #[must_use]
    pub const fn trust(&self) -> &Summary {
        self.inner.trust()
    }

    /// The verdict with every finding.
    #[must_use]
    pub const fn verdict(&self) -> &Verdict {
        self.inner.verdict()
    }

    /// The newest signed head of the agent's log that was seen.
    #[must_use]
    pub fn head(&self) -> Option<SignedCheckpoint> {
        self.inner.head()
    }

    /// Says who the client is. See [`super::AttestedChannel::authenticate`].
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub fn authenticate(self, key: impl Into<Arc<SigningKey>>) -> Result<Session, AuthenticateError> {
        let Self { inner, worker } = self;
        let inner = worker.wait(inner.authenticate(key.into()))?;
        Ok(Session { inner, worker })
    }
}

/// An attested and authenticated participant's session. See [`super::Session`].
#[derive(Clone, Debug)]
pub struct Session {
    inner: super::Session,
    worker: Worker,
}

impl Session {
    /// The same session, whose calls ask this interrupt while they wait. This one goes on asking its own.
    #[must_use]
    pub fn interrupted_by(&self, interrupt: Interrupt) -> Self {
        Self { inner: self.inner.clone(), worker: self.worker.asking(interrupt) }
    }

    /// Who the caller is, as the manifest names the key.
    #[must_use]
    pub fn participant(&self) -> &Name {
        self.inner.participant()
    }

    /// The agent's boot, in hex: each run of a computation has another one.
    #[must_use]
    pub fn boot(&self) -> String {
        self.inner.boot()
    }

    /// The caller's roles.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        self.inner.roles()
    }

    /// The terms.
    #[must_use]
    pub fn manifest(&self) -> &SignedManifest {
        self.inner.manifest()
    }

    /// The agent's word that it knows who the caller is.
    #[must_use]
    pub fn arrival(&self) -> &Receipt {
        self.inner.arrival()
    }

    /// What is trusted on the present connection.
    #[must_use]
    pub fn trust(&self) -> Summary {
        self.inner.trust()
    }

    /// How things stand. See [`super::Session::status`].
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn status(&self) -> Result<Status, SessionError> {
        let session = self.inner.clone();
        self.worker.wait(async move { session.status().await })
    }

    /// The newest signed head of the log. See [`super::Session::checkpoint`].
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, SessionError> {
        let session = self.inner.clone();
        self.worker.wait(async move { session.checkpoint().await })
    }

    /// Stops the computation for good. See [`super::Session::stop`].
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn stop(&self) -> Result<Receipt, SessionError> {
        let session = self.inner.clone();
        self.worker.wait(async move { session.stop().await })
    }

    /// Sends one asset. See [`super::Session::upload`].
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn upload(
        &self,
        asset: &str,
        source: Source,
        options: impl Into<UploadOptions>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Receipt, UploadError> {
        let (session, asset, options) = (self.inner.clone(), asset.to_owned(), options.into());
        self.worker.wait_telling(
            |tell| async move { session.upload(&asset, source, options, move |progress| tell.tell(progress)).await },
            progress,
        )
    }

    /// Releases the key of an asset that lies in a store. See [`super::Session::release`].
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub fn release(
        &self,
        asset: &str,
        header: &[u8],
        identity: Arc<Identity>,
        salt: Option<Salt>,
    ) -> Result<Receipt, ReleaseError> {
        let (session, asset, header) = (self.inner.clone(), asset.to_owned(), header.to_owned());
        self.worker.wait(async move { session.release(&asset, &header, &identity, salt).await })
    }

    /// Releases the key of an asset that lies in a store as Cobblestone-256. See
    /// [`super::Session::release_cobblestone`].
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub fn release_cobblestone(
        &self,
        asset: &str,
        key: Arc<CobblestoneKey>,
        salt: Option<Salt>,
    ) -> Result<Receipt, ReleaseError> {
        let (session, asset) = (self.inner.clone(), asset.to_owned());
        self.worker.wait(async move { session.release_cobblestone(&asset, &key, salt).await })
    }

    /// The header of an asset's stored object. See [`super::Session::stored_header`].
    ///
    /// # Errors
    /// [`ReleaseError`].
    #[cfg(feature = "pull")]
    pub fn stored_header(&self, asset: &str, config: crate::pull::PullConfig) -> Result<Vec<u8>, ReleaseError> {
        let (session, asset) = (self.inner.clone(), asset.to_owned());
        self.worker.wait(async move { session.stored_header(&asset, &config).await })
    }

    /// Takes the caller's result into a new file. See [`super::Session::result`].
    ///
    /// # Errors
    /// [`ResultError`].
    pub fn result(
        &self,
        out: &Path,
        options: ResultOptions,
        progress: &mut dyn FnMut(ResultProgress),
    ) -> Result<Delivered, ResultError> {
        let (session, out) = (self.inner.clone(), out.to_owned());
        self.worker.wait_telling(
            |tell| async move { session.result(&out, options, move |progress| tell.tell(progress)).await },
            progress,
        )
    }

    /// Takes the caller's result into memory, at most `most` bytes. See [`super::Session::result_in_memory`].
    ///
    /// # Errors
    /// [`ResultError`].
    pub fn result_in_memory(
        &self,
        place: &Path,
        most: u64,
        options: ResultOptions,
        progress: &mut dyn FnMut(ResultProgress),
    ) -> Result<Held, ResultError> {
        let (session, place) = (self.inner.clone(), place.to_owned());
        self.worker.wait_telling(
            |tell| async move {
                session.result_in_memory(&place, most, options, move |progress| tell.tell(progress)).await
            },
            progress,
        )
    }

    /// Fetches the transcript into a new file. See [`super::Session::transcript`].
    ///
    /// # Errors
    /// [`TranscriptFileError`].
    pub fn transcript(&self, out: &Path) -> Result<u64, TranscriptFileError> {
        let (session, out) = (self.inner.clone(), out.to_owned());
        self.worker.wait(async move { session.transcript(&out).await })
    }

    /// Watches the log from an entry on. See [`super::Session::watch`].
    #[must_use]
    pub fn watch(&self, from: u64) -> Watch {
        Watch::start(self.worker.clone(), self.inner.watch(from))
    }

    /// Reads what the algorithm writes. See [`super::Session::logs`].
    #[must_use]
    pub fn logs(&self) -> Logs {
        Logs::start(self.worker.clone(), self.inner.logs())
    }

    /// Reads the figures that the algorithm prints. See [`super::Session::metrics`].
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::start(self.worker.clone(), self.inner.metrics())
    }
}

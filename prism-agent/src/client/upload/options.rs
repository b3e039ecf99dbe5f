use std::num::NonZeroUsize;
use std::sync::Arc;

use prism_core::digest::Salt;
use tokio::sync::watch;

/// How an asset is sent.
///
/// ```
/// use std::num::NonZeroUsize;
/// use prism_agent::client::UploadOptions;
/// let options = UploadOptions::default().one_pass(true).connections(NonZeroUsize::MIN.saturating_add(3));
/// assert_eq!(options.connections.get(), 4);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct UploadOptions {
    /// The salt, exactly when the manifest's digest is salted. It goes to the attested agent only.
    pub salt: Option<Salt>,
    /// Connections that bring parts of the asset at a time, each attested and authenticated by itself; 1 by default.
    /// More of them help on a long line. A folder is packed while it is sent, and always takes one.
    pub connections: NonZeroUsize,
    /// Whether the bytes are sent without being measured first. The agent compares them in any case and discards what
    /// was not agreed, but then a wrong file has left.
    pub one_pass: bool,
    /// Where the upload hears that it should pause.
    pub control: UploadControl,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self { salt: None, connections: NonZeroUsize::MIN, one_pass: false, control: UploadControl::new() }
    }
}

impl From<Option<Salt>> for UploadOptions {
    /// The defaults and a salt, if there is one.
    fn from(salt: Option<Salt>) -> Self {
        Self { salt, ..Self::default() }
    }
}

impl UploadOptions {
    /// With this salt.
    #[must_use]
    pub fn salt(mut self, salt: Salt) -> Self {
        self.salt = Some(salt);
        self
    }

    /// Over so many connections.
    #[must_use]
    pub const fn connections(mut self, connections: NonZeroUsize) -> Self {
        self.connections = connections;
        self
    }

    /// Without measuring first, or with.
    #[must_use]
    pub const fn one_pass(mut self, one_pass: bool) -> Self {
        self.one_pass = one_pass;
        self
    }

    /// Under this control.
    #[must_use]
    pub fn control(mut self, control: UploadControl) -> Self {
        self.control = control;
        self
    }
}

/// Pauses and resumes an upload from elsewhere. Clones are the same control.
///
/// A pause ends the transfer and keeps the connection: the agent holds what came, and nothing counts against the least
/// rate at which it wants uploads. To cancel, drop the upload's future.
#[derive(Clone, Debug)]
pub struct UploadControl(Arc<watch::Sender<bool>>);

impl Default for UploadControl {
    fn default() -> Self {
        Self::new()
    }
}

impl UploadControl {
    /// A control whose uploads go on.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Uploads under it send nothing more until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.0.send_replace(true);
    }

    /// Paused uploads go on where they were.
    pub fn resume(&self) {
        self.0.send_replace(false);
    }

    /// Whether uploads under it are paused.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        *self.0.borrow()
    }

    /// Comes true once the uploads are, or are not, to pause.
    pub(super) async fn wait(&self, paused: bool) {
        // The sender lives as long as this control.
        let _ = self.0.subscribe().wait_for(|now| *now == paused).await;
    }
}

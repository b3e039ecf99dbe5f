//! An agent that fetches nothing. It does not start where a manifest asks for it.

use std::sync::Arc;

use prism_core::name::Name;
use prism_core::seal::{Identity, Recipient};

use super::config::Limits;
use super::engine::Engine;
use super::upload::UploadError;
use crate::pull::PullConfig;
use crate::wire;

/// Nothing is being fetched.
pub(crate) struct Pulls(Arc<Identity>);

impl Pulls {
    pub(crate) fn new(_: PullConfig, _: Limits, identity: Identity) -> Self {
        Self(Arc::new(identity))
    }

    /// The public half of the key to which providers would release theirs.
    pub(crate) fn recipient(&self) -> &Recipient {
        self.0.recipient()
    }

    /// The key to which providers would release theirs.
    pub(crate) const fn identity(&self) -> &Arc<Identity> {
        &self.0
    }

    /// No asset gets anywhere.
    #[expect(clippy::unused_self, reason = "an agent that fetches has something to say here")]
    pub(crate) fn status(&self, _: &Name, of: u64) -> wire::PullStatus {
        wire::PullStatus { stage: "waiting".to_owned(), of, ..wire::PullStatus::default() }
    }

    /// Nothing is there to be said.
    #[expect(clippy::unused_self, reason = "an agent that fetches has something to say here")]
    pub(crate) fn settle(&self, _: &Engine, _: &Name) -> Result<(), UploadError> {
        Ok(())
    }

    /// Nothing is there to end.
    #[expect(clippy::unused_self, reason = "an agent that fetches ends that here")]
    pub(crate) const fn abandon(&self) {}
}

//! A participant's way to an agent.
//!
//! The order of a conversation is one of types: [`Client::connect`] gives a [`Connecting`], which can only
//! [`attest`](Connecting::attest); a good verdict gives an [`AttestedChannel`], which can only
//! [`authenticate`](AttestedChannel::authenticate); and that gives the [`Session`] on which assets, results and the log
//! travel. There is no other way to a session, hence none to send data to a machine that was not judged.
//!
//! Calls go on by themselves over broken connections, and every new connection is judged as the first was. Dropping a
//! call's future cancels it; the same call resumes later. [`blocking`] has the same verbs without `async`.
//!
//! **It is not for** deciding what to trust: the manifest, which every participant approved, does that.

mod attested;
pub mod blocking;
mod connecting;
mod error;
mod following;
mod logs;
mod memory;
mod metrics;
mod options;
mod receipt;
mod release;
mod result;
mod session;
mod status;
mod transcript;
mod upload;
mod watch;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use prism_core::manifest::SignedManifest;
use tonic::transport::Channel;

pub use self::attested::AttestedChannel;
pub use self::connecting::Connecting;
pub use self::error::{AttestError, AuthenticateError, CallError, ConnectError, LogError, SessionError, SignError};
pub use self::logs::{LogChunk, Logs};
pub use self::memory::CheckpointStore;
pub use self::metrics::Metrics;
#[cfg(feature = "pull")]
pub(crate) use self::options::Retries;
pub use self::options::{Listener, Notice, Options, RetryPolicy};
pub use self::receipt::Receipt;
pub use self::release::ReleaseError;
pub use self::result::{Delivered, Held, ResultError, ResultOptions, ResultProgress, ResultStep};
pub use self::session::Session;
pub use self::status::{AssetStatus, PullStatus, ResultStatus, Status};
pub use self::transcript::TranscriptFileError;
pub use self::upload::{Progress, UploadControl, UploadError, UploadOptions};
pub use self::watch::{Observed, Watch};

use self::connecting::Endpoint;
use crate::wire::{MESSAGE_MAX, agent_client::AgentClient};

/// How long an answer may take that does not depend on the amount of data.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// The calls of one connection.
type Stub = AgentClient<Channel>;

/// Where conversations with agents begin.
#[derive(Debug)]
#[non_exhaustive]
pub struct Client;

impl Client {
    /// Connects to whoever listens at `address` (`host:port`). Nothing is sent but TLS's own bytes; nothing is known
    /// about the other end until it has been attested under the manifest's terms.
    ///
    /// # Errors
    /// [`ConnectError`] when nobody is there, or somebody that is no agent.
    pub async fn connect(address: &str, signed: &SignedManifest, options: Options) -> Result<Connecting, ConnectError> {
        let (address, signed) = (address.to_owned(), signed.clone());
        Connecting::to(Arc::new(Endpoint { address, signed, options })).await
    }
}

fn stub(channel: Channel) -> Stub {
    AgentClient::new(channel).max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(MESSAGE_MAX)
}

/// Waits for an answer, but not for ever.
async fn bounded<T>(call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>) -> Result<T, CallError> {
    match tokio::time::timeout(ANSWER_TIMEOUT, call).await {
        Ok(answer) => Ok(answer?.into_inner()),
        Err(_) => Err(CallError::timeout(ANSWER_TIMEOUT.as_secs())),
    }
}

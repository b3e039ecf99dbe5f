//! The participants at their own machines: a key, a memory of checkpoints, patience without pauses.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use prism_agent::client::{AttestError, AttestedChannel, CheckpointStore, Client, Options, RetryPolicy, Session};
use prism_agent::files::Source;
use prism_core::code::{Code, Coded};
use prism_core::key::SigningKey;

use crate::common::Computation;
use crate::common::computation::now;

/// The participant's key, as read from its own file.
pub(crate) fn key(computation: &Computation, who: &str) -> SigningKey {
    SigningKey::from_pem(&computation.keys[who].to_pem()).unwrap()
}

/// Checkpoints are remembered below `folder`, everybody's own.
pub(crate) fn options(folder: &Path, who: &str) -> Options {
    let seen = folder.join("seen").join(who);
    let mut options = Options::new(CheckpointStore::in_directory(seen));
    options.retry = RetryPolicy { attempts: 4, first: Duration::ZERO, longest: Duration::ZERO };
    options
}

pub(crate) async fn attest(
    address: impl Display,
    computation: &Computation,
    who: &str,
) -> Result<AttestedChannel, AttestError> {
    let address = address.to_string();
    let connecting =
        Client::connect(&address, &computation.signed, options(computation.dir.path(), who)).await.unwrap();
    connecting.attest(now()).await
}

pub(crate) async fn join(address: impl Display, computation: &Computation, who: &str) -> Session {
    let channel = attest(address, computation, who).await.unwrap();
    channel.authenticate(key(computation, who)).await.unwrap()
}

pub(crate) fn source(computation: &Computation, asset: &str) -> Source {
    Source::from_bytes(computation.assets[asset].clone())
}

pub(crate) fn code<T, E: Coded>(result: Result<T, E>) -> Code {
    match result {
        Ok(_) => panic!("expected a refusal"),
        Err(error) => error.code(),
    }
}

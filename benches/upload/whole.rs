//! A real agent on the simulated platform and a real client.

use std::num::NonZeroUsize;
use std::path::Path;

use bytes::Bytes;
use prism_agent::client::{CheckpointStore, Client, Options, Session, UploadOptions};
use prism_agent::files::Source;
use prism_agent::server::{Agent, AgentConfig};
use prism_core::digest::{Digest, Hasher};
use prism_core::key::SigningKey;
use tokio::runtime::Runtime;

use crate::common::Computation;
use crate::common::computation::now;

/// A computation whose one large dataset is sent again and again, to a new agent each time.
pub(crate) struct Scene {
    computation: Computation,
    config: AgentConfig,
    source: Source,
}

impl Scene {
    pub(crate) fn new(dir: &Path, data: &Bytes, sha3: bool) -> Self {
        let mut hasher = if sha3 { Hasher::sha3_256() } else { Hasher::sha256() };
        hasher.update(data);
        let digest = hasher.finish();
        let computation = Computation::with(|manifest, _| {
            (manifest.datasets[0].digest, manifest.datasets[0].size) = (digest, data.len() as u64);
        });
        let mut config = computation.config();
        config.state_dir = dir.join(Digest::sha256(digest.as_bytes()).to_hex());
        Self { computation, config, source: Source::from_bytes(data.to_vec()) }
    }

    async fn join(&self, agent: &Agent) -> Session {
        let address = agent.local_addr().to_string();
        let options = Options::new(CheckpointStore::in_directory(self.computation.dir.path().join("seen")));
        let connecting = Client::connect(&address, &self.computation.signed, options).await.unwrap();
        let key = SigningKey::from_pem(&self.computation.keys["hospital-1"].to_pem()).unwrap();
        connecting.attest(now()).await.unwrap().authenticate(key).await.unwrap()
    }

    /// An agent with a client that has attested it: what is left to do is the upload. In one pass: what a client does
    /// before it sends is no part of the way.
    pub(crate) fn prepare<'a>(
        &self,
        runtime: &'a Runtime,
        connections: usize,
    ) -> impl FnOnce() -> Running<'a> + use<'a> {
        let agent = runtime.block_on(Agent::start(self.config.clone(), self.computation.signed.clone())).unwrap();
        let session = runtime.block_on(self.join(&agent));
        let source = self.source.clone();
        let options = UploadOptions::default().one_pass(true).connections(NonZeroUsize::new(connections).unwrap());
        move || {
            runtime.block_on(session.upload("h1", source, options, |_| {})).unwrap();
            Running { runtime, agent: Some(agent) }
        }
    }
}

/// An agent that is shut down, and its files removed, when this is dropped.
pub(crate) struct Running<'a> {
    runtime: &'a Runtime,
    agent: Option<Agent>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(agent) = self.agent.take() {
            self.runtime.block_on(agent.shutdown());
        }
    }
}

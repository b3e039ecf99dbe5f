//! The way to an agent: connect, attest, authenticate. Every command that talks to an agent begins here.

use std::path::PathBuf;

use clap::Args;
use prism_agent::client::{AttestError, AttestedChannel, CheckpointStore, Client, Connecting, Options, Session};
use prism_core::manifest::SignedManifest;

use crate::args::{ManifestArg, StateArg};
use crate::exit::{Failure, Outcome};
use crate::inputs::{now, signing_key};

/// Which agent, under which terms.
#[derive(Args, Debug)]
pub(crate) struct AgentArgs {
    /// The agent's address
    #[arg(long, value_name = "HOST:PORT", env = "PRISM_AGENT_URL", hide_env_values = true, value_parser = address)]
    agent: String,
    #[command(flatten)]
    manifest: ManifestArg,
    #[command(flatten)]
    state: StateArg,
}

/// Which agent, under which terms, as whom.
#[derive(Args, Debug)]
pub(crate) struct ParticipantArgs {
    #[command(flatten)]
    agent: AgentArgs,
    /// Your private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

impl AgentArgs {
    /// The terms, with every approval verified.
    pub(crate) fn terms(&self) -> Outcome<SignedManifest> {
        self.manifest.read()
    }

    /// Has the agent prove what it is; nothing is sent but a nonce.
    pub(crate) async fn attest(&self, signed: &SignedManifest) -> Outcome<Result<AttestedChannel, AttestError>> {
        Ok(connect(&self.agent, signed, &self.state).await?.attest(now()).await)
    }
}

/// Opens a connection to somebody of whom nothing is known yet.
pub(crate) async fn connect(address: &str, signed: &SignedManifest, state: &StateArg) -> Outcome<Connecting> {
    let options = Options::new(CheckpointStore::in_directory(state.directory()?.join("checkpoints")));
    Ok(Client::connect(address, signed, options).await?)
}

impl ParticipantArgs {
    /// Attests the agent and says who we are.
    pub(crate) async fn session(&self) -> Outcome<Session> {
        let key = signing_key(&self.key)?;
        let channel = self.agent.attest(&self.agent.terms()?).await??;
        channel.authenticate(key).await.map_err(|error| Failure::from(error).at(self.key.display()))
    }
}

/// `HOST:PORT`, with or without `https://` before it.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let address = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
    let port =
        address.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    match port {
        _ if text.starts_with("http://") => Err("expected HOST:PORT without http://".to_owned()),
        Some(_) => Ok(address.to_owned()),
        None => Err("expected HOST:PORT, such as 127.0.0.1:6110".to_owned()),
    }
}

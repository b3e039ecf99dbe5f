//! A computation whose algorithm a test writes, and its consumer.

use std::io::Cursor;

use prism_agent::server::{Agent, AgentConfig};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::envelope::PayloadType;
use prism_core::manifest::Manifest;
use prism_core::seal::{self, Identity, RecipientKind};
use prism_core::statement::{ResultAckBody, ResultRequestBody};
use tonic::{Response, Status};

use crate::common::peer::sign;
use crate::common::{Computation, Peer, wire};

/// A computation that runs `program`.
pub(crate) fn computation(program: &str) -> Computation {
    computation_with(program, |_| {})
}

pub(crate) fn computation_with(program: &str, change: impl FnOnce(&mut Manifest)) -> Computation {
    Computation::with(|manifest, assets| {
        assets.insert("train.py", program.as_bytes().to_vec());
        manifest.algorithm.digest = Digest::sha256(program.as_bytes());
        manifest.algorithm.size = program.len() as u64;
        change(manifest);
    })
}

/// The interpreter of the system: every user can execute it.
pub(crate) async fn start(computation: &Computation) -> Agent {
    start_with(computation, |_| {}).await
}

pub(crate) async fn start_with(computation: &Computation, change: impl FnOnce(&mut AgentConfig)) -> Agent {
    let mut config = computation.config();
    change(&mut config);
    config.runner.python = Some("/usr/bin/python3".into()).filter(|path: &std::path::PathBuf| path.exists());
    Agent::start(config, computation.signed.clone()).await.unwrap()
}

/// Everybody brings their asset, data before program.
pub(crate) async fn bring_everything(agent: &Agent, computation: &Computation) {
    for (who, asset) in [("hospital-2", "h2"), ("lab", "train.py"), ("hospital-1", "h1")] {
        let mut peer = Peer::join(agent, computation, who).await;
        peer.upload(computation, who, asset).await.unwrap();
    }
}

/// Waits until the log has an entry for which `wanted` holds; returns the states on the way.
pub(crate) async fn watch_until(peer: &mut Peer, wanted: impl Fn(&wire::WatchResponse) -> bool) -> Vec<String> {
    let mut watch = peer.client.watch(wire::WatchRequest { from: 0 }).await.unwrap().into_inner();
    let mut states = Vec::new();
    while let Some(response) = watch.message().await.unwrap() {
        let found = wanted(&response);
        states.push(response.state);
        if found {
            break;
        }
    }
    states.dedup();
    states
}

pub(crate) async fn until_state(peer: &mut Peer, state: &str) -> Vec<String> {
    watch_until(peer, |response| response.state == state).await
}

/// The consumer's ciphertext from `offset` on.
pub(crate) async fn download(peer: &mut Peer, offset: u64) -> Result<Vec<u8>, Status> {
    let mut stream = peer.client.download_result(wire::DownloadResultRequest { offset }).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(response) = stream.message().await? {
        bytes.extend(response.frame);
    }
    Ok(bytes)
}

pub(crate) fn identity() -> Identity {
    Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap()
}

pub(crate) async fn request(
    peer: &mut Peer,
    computation: &Computation,
    recipient: &str,
    ciphertext: Digest,
) -> Result<Response<wire::RequestResultResponse>, Status> {
    let body = ResultRequestBody::new(&peer.context("institute"), recipient.to_owned(), ciphertext);
    let envelope = sign(PayloadType::ResultRequest, &body.to_json().unwrap(), &computation.keys["institute"]);
    peer.client.request_result(wire::RequestResultRequest { envelope }).await
}

pub(crate) async fn acknowledge(
    peer: &mut Peer,
    computation: &Computation,
    plaintext: Digest,
) -> Result<Response<wire::AckResultResponse>, Status> {
    let body = ResultAckBody::new(&peer.context("institute"), plaintext).to_json().unwrap();
    let envelope = sign(PayloadType::ResultAck, &body, &computation.keys["institute"]);
    peer.client.ack_result(wire::AckResultRequest { envelope }).await
}

/// Opens header and ciphertext as the standard age file that they are together.
pub(crate) fn open(header: &[u8], ciphertext: &[u8], identity: &Identity) -> Vec<u8> {
    let (file, mut opened) = ([header, ciphertext].concat(), Vec::new());
    seal::open(Cursor::new(file), identity, &mut opened).unwrap();
    opened
}

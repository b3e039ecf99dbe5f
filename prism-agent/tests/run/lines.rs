//! A result over a line that breaks all the time.

use std::time::Duration;

use prism_agent::client::{CheckpointStore, Client, Options, ResultOptions, RetryPolicy, Session};
use prism_core::digest::Digest;
use prism_core::key::SigningKey;

use crate::cable::Cable;
use crate::common::computation::now;
use crate::common::{Computation, Peer};
use crate::scene::{bring_everything, computation_with, start, until_state};

crate::tests![a_download_cut_at_two_hundred_places_always_resumes];

const CUTS: u64 = 200;
const SIZE: u64 = 64 << 20;
/// The longest that one connection carries before it breaks: not much more than one frame.
const LONGEST: u64 = 900_000;

/// Noise, so that nothing in the result resembles another part of it.
const PROGRAM: &str = "
import os
with open('results/model.bin', 'wb') as model:
    for _ in range(64):
        model.write(os.urandom(1 << 20))
";

/// Numbers that are the same in every run.
fn cuts() -> Vec<u64> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        1 + (state >> 33) % LONGEST
    };
    // The first connection has to be one; afterwards they break wherever it happens, handshakes included.
    (0..CUTS).map(|cut| next() + u64::from(cut == 0) * 100_000).collect()
}

async fn institute(line: &Cable, computation: &Computation) -> Session {
    let mut options = Options::new(CheckpointStore::in_directory(computation.dir.path().join("seen")));
    options.retry = RetryPolicy { attempts: 100, first: Duration::ZERO, longest: Duration::ZERO };
    let address = line.address.to_string();
    let connecting = Client::connect(&address, &computation.signed, options).await.unwrap();
    let key = SigningKey::from_pem(&computation.keys["institute"].to_pem()).unwrap();
    connecting.attest(now()).await.unwrap().authenticate(key).await.unwrap()
}

async fn a_download_cut_at_two_hundred_places_always_resumes() {
    let computation = computation_with(PROGRAM, |manifest| manifest.results.max_bytes = 2 * SIZE);
    let agent = start(&computation).await;
    bring_everything(&agent, &computation).await;
    let mut peer = Peer::join(&agent, &computation, "institute").await;
    until_state(&mut peer, "Delivering").await;
    let line = Cable::from(agent.local_addr(), cuts()).await;
    let out = computation.dir.path().join("results.zip");
    let (mut received, mut falls) = (0, 0);
    let session = institute(&line, &computation).await;
    let delivered = session.result(&out, ResultOptions::default(), |at| {
        falls += u64::from(at.received < received);
        received = at.received;
    });
    let delivered = delivered.await.unwrap();
    assert_eq!(Digest::sha256(&std::fs::read(&out).unwrap()), delivered.digest);
    assert!(delivered.size > SIZE);
    assert!(line.connections() > CUTS);
    assert_eq!(falls, 0, "what was received is not received again");
    // What crossed the line and was of no use: the rest of a frame for each break, and handshakes.
    let again = line.carried() - SIZE;
    assert!(again < CUTS * LONGEST, "{again} bytes more than the result");
    agent.shutdown().await;
}

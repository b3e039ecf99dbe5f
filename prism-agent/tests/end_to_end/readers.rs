//! Consumers that ask for their result and do not read it.

use std::time::Duration;

use prism_agent::server::Agent;

use crate::common::{Peer, wire};
use crate::people::join;
use crate::scene::{ASSETS, computation_with, give, until};
use crate::tests;

tests!["readers": a_consumer_that_does_not_read_its_result_is_hung_up_on_and_may_come_again];

/// More than waits anywhere on the way.
const LARGE: &str = "
import os
with open('results/large', 'wb') as out:
    for _ in range(16):
        out.write(os.urandom(1 << 20))
";

async fn a_consumer_that_does_not_read_its_result_is_hung_up_on_and_may_come_again() {
    let computation = computation_with(LARGE, |manifest| manifest.results.max_bytes = 32 << 20);
    let mut config = computation.config();
    config.limits.download_grace = Duration::from_secs(1);
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let address = agent.local_addr().to_string();
    give(&address, &computation, &ASSETS).await;
    let lab = join(&address, &computation, "lab").await;
    until(&mut lab.watch(0), "result.sealed").await;
    let mut idle = Peer::join(&agent, &computation, "institute").await;
    let asked = wire::DownloadResultRequest { offset: 0 };
    let unread = idle.client.download_result(asked).await.unwrap();
    // Its connection ends, and with it everything that waits for it.
    while idle.client.status(wire::StatusRequest {}).await.is_ok() {}
    drop(unread);
    let mut peer = Peer::join(&agent, &computation, "institute").await;
    let sealed = peer.client.status(wire::StatusRequest {}).await.unwrap().into_inner().results[0].sealed_length;
    let mut stream = peer.client.download_result(asked).await.unwrap().into_inner();
    let mut length = 0;
    while let Some(answer) = stream.message().await.unwrap() {
        length += answer.frame.len() as u64;
    }
    assert_eq!(length, sealed);
    agent.shutdown().await;
}

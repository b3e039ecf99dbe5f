//! What one participant can make the log say.

use prism_agent::server::Agent;
use prism_core::audit::entry::{Entry, Event};

use crate::common::Peer;
use crate::common::peer::{code, frames};
use crate::common::wire::{self, upload_request::Step};
use crate::{status, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn a_salt_for_an_asset_without_one_changes_nothing() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let before = status(&mut peer).await.log_size;
    let mut begin = peer.begin(&computation, "hospital-1", "h1", 0);
    if let Some(Step::Begin(begin)) = &mut begin.step {
        begin.salt = vec![5; 32].into();
    }
    assert_eq!(code(peer.client.upload(tokio_stream::once(begin)).await), "usage");
    assert_eq!(status(&mut peer).await.log_size, before);
    agent.shutdown().await;
}

async fn unlogged_in_the_end(agent: Agent, peer: &mut Peer) -> Option<u64> {
    let mut watch = peer.client.watch(wire::WatchRequest { from: 0 }).await.unwrap().into_inner();
    let ending = tokio::spawn(agent.shutdown());
    let mut unlogged = None;
    while let Some(response) = watch.message().await.unwrap() {
        if let Event::LogClose(body) = Entry::read(&response.entry).unwrap().event {
            unlogged = Some(body.refusals_unlogged);
        }
    }
    ending.await.unwrap();
    unlogged
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_a_participant_beyond_their_number_are_refused_and_counted_only() {
    let computation = waiting();
    let mut config = computation.config();
    config.limits.logged_uploads = 2;
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let mut other = Peer::join(&agent, &computation, "hospital-2").await;
    let before = status(&mut peer).await.log_size;
    for expected in ["asset.mismatch", "asset.mismatch", "limit.reached", "limit.reached"] {
        let mut requests = vec![peer.begin(&computation, "hospital-1", "h1", 0)];
        requests.extend(frames(&[0; 3000]));
        assert_eq!(code(peer.client.upload(tokio_stream::iter(requests)).await), expected);
    }
    assert_eq!(status(&mut peer).await.log_size, before + 4);
    let begun = [other.begin(&computation, "hospital-2", "h2", 0), frames(&computation.assets["h2"])[0].clone()];
    assert_eq!(code(other.client.upload(tokio_stream::iter(begun)).await), "connection.lost");
    assert_eq!(unlogged_in_the_end(agent, &mut peer).await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn authentications_of_a_participant_beyond_their_number_are_refused_and_counted_only() {
    let computation = waiting();
    let mut config = computation.config();
    config.limits.logged_authentications = 2;
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    let _second = Peer::join(&agent, &computation, "lab").await;
    let before = status(&mut peer).await.log_size;
    let mut third = Peer::attest(&agent, &computation).await;
    let envelope = third.auth("lab", &computation.keys["lab"]);
    assert_eq!(code(third.client.authenticate(wire::AuthenticateRequest { envelope }).await), "limit.reached");
    assert!(third.client.status(wire::StatusRequest {}).await.is_err());
    assert_eq!(status(&mut peer).await.log_size, before);
    let _other = Peer::join(&agent, &computation, "institute").await;
    assert_eq!(unlogged_in_the_end(agent, &mut peer).await, Some(1));
}

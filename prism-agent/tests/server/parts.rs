//! Parts of one asset over several streams, side by side or against each other.

use bytes::Bytes;
use prism_agent::server::Agent;
use prism_core::audit::entry::Event;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use crate::common::peer::{code, frames};
use crate::common::wire::{self, upload_request::Step};
use crate::common::{Computation, Peer};
use crate::{status, waiting};

/// The first message of an upload of `h1`, which has 3,000 bytes.
fn begin(peer: &Peer, computation: &Computation, offset: u64, length: u64) -> wire::UploadRequest {
    let mut request = peer.begin(computation, "hospital-1", "h1", offset);
    if let Some(Step::Begin(begin)) = &mut request.step {
        begin.length = length;
    }
    request
}

fn frame(bytes: &[u8]) -> wire::UploadRequest {
    wire::UploadRequest { step: Some(Step::Frame(Bytes::copy_from_slice(bytes))) }
}

/// Sends a part in one go.
pub(crate) async fn send(
    peer: &mut Peer,
    computation: &Computation,
    (offset, length): (u64, u64),
    bytes: &[u8],
) -> Result<Response<wire::UploadResponse>, Status> {
    let mut requests = vec![begin(peer, computation, offset, length)];
    requests.extend(frames(bytes));
    peer.client.upload(tokio_stream::iter(requests)).await
}

/// What the agent holds durably, as spans from the start and beyond.
async fn held(peer: &mut Peer, (offset, length): (u64, u64)) -> (u64, Vec<(u64, u64)>) {
    let asking = wire::UploadStatusRequest { asset: "h1".to_owned(), offset, length };
    let told = peer.client.upload_status(asking).await.unwrap().into_inner();
    (told.durable, told.beyond.iter().map(|span| (span.offset, span.length)).collect())
}

type Sending = (mpsc::Sender<wire::UploadRequest>, JoinHandle<Result<Response<wire::UploadResponse>, Status>>);

/// A stream that stays open.
async fn open(mut peer: Peer, computation: &Computation, part: (u64, u64)) -> Sending {
    let (requests, queue) = mpsc::channel(8);
    requests.send(begin(&peer, computation, part.0, part.1)).await.unwrap();
    let stream = ReceiverStream::new(queue);
    (requests, tokio::spawn(async move { peer.client.upload(stream).await }))
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_come_in_any_order_and_the_last_one_gets_the_receipt() {
    let computation = waiting();
    let agent = computation.start().await;
    let bytes = computation.assets["h1"].clone();
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    for (from, to) in [(2000, 3000), (500, 1500)] {
        let part = (from as u64, (to - from) as u64);
        let answer = send(&mut peer, &computation, part, &bytes[from..to]).await.unwrap().into_inner();
        assert!(answer.held && answer.receipt.is_none());
    }
    assert_eq!(held(&mut peer, (0, 0)).await, (0, vec![(500, 1000), (2000, 1000)]));
    let durable = status(&mut peer).await.assets.iter().find(|asset| asset.name == "h1").unwrap().durable;
    assert_eq!(durable, 2000);
    send(&mut peer, &computation, (0, 500), &bytes[..500]).await.unwrap();
    assert_eq!(held(&mut peer, (0, 0)).await, (1500, vec![(2000, 1000)]));
    let answer = send(&mut peer, &computation, (1500, 500), &bytes[1500..2000]).await.unwrap().into_inner();
    let (entry, _) = peer.verify(answer.receipt.as_ref());
    assert!(!answer.held && matches!(entry.event, Event::AssetAccepted(_)));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_do_not_overlap_are_sent_side_by_side_and_one_that_does_takes_over() {
    let computation = waiting();
    let agent = computation.start().await;
    let bytes = computation.assets["h1"].clone();
    let peer = async || Peer::join(&agent, &computation, "hospital-1").await;
    let (first, first_answer) = open(peer().await, &computation, (0, 1000)).await;
    let (second, second_answer) = open(peer().await, &computation, (1000, 1000)).await;
    first.send(frame(&bytes[..400])).await.unwrap();
    second.send(frame(&bytes[1000..1600])).await.unwrap();
    // Another connection is asked about the second part: only that stream ends, and all that it brought is durable.
    let mut other = peer().await;
    while held(&mut other, (1000, 1000)).await.1 != [(1000, 600)] {}
    assert_eq!(code(second_answer.await.unwrap()), "agent.busy");
    drop(second);
    let (third, third_answer) = open(peer().await, &computation, (1600, 1400)).await;
    third.send(frame(&bytes[1600..])).await.unwrap();
    drop(third);
    assert!(third_answer.await.unwrap().unwrap().into_inner().held);
    assert!(!first_answer.is_finished());
    first.send(frame(&bytes[400..1000])).await.unwrap();
    drop(first);
    let answer = first_answer.await.unwrap().unwrap().into_inner();
    other.verify(answer.receipt.as_ref());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_over_the_same_bytes_ends_the_earlier_one() {
    let computation = waiting();
    let agent = computation.start().await;
    let bytes = computation.assets["h1"].clone();
    let peer = async || Peer::join(&agent, &computation, "hospital-1").await;
    let (first, first_answer) = open(peer().await, &computation, (0, 2000)).await;
    first.send(frame(&bytes[..1000])).await.unwrap();
    let answer = send(&mut peer().await, &computation, (0, 0), &bytes).await.unwrap().into_inner();
    assert!(answer.receipt.is_some());
    assert_eq!(code(first_answer.await.unwrap()), "agent.busy");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_outside_of_the_asset_or_longer_than_it_said_is_refused() {
    let computation = waiting();
    let agent = computation.start().await;
    let bytes = computation.assets["h1"].clone();
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    for part in [(2000, 1001), (3001, 1), (u64::MAX, 2), (1, u64::MAX)] {
        assert_eq!(code(send(&mut peer, &computation, part, &[]).await), "usage", "{part:?}");
    }
    assert_eq!(code(send(&mut peer, &computation, (0, 500), &bytes[..501]).await), "usage");
    // What is out of turn is not held against the rest.
    send(&mut peer, &computation, (1000, 1000), &bytes[1000..2000]).await.unwrap();
    assert_eq!(held(&mut peer, (0, 0)).await, (0, vec![(1000, 1000)]));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_ends_early_is_kept_as_far_as_it_came() {
    let computation = waiting();
    let agent = computation.start().await;
    let bytes = computation.assets["h1"].clone();
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    assert_eq!(code(send(&mut peer, &computation, (1000, 1000), &bytes[1000..1700]).await), "connection.lost");
    assert_eq!(held(&mut peer, (0, 0)).await, (0, vec![(1000, 700)]));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_in_crumbs_is_refused_before_it_takes_memory() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    for crumb in 0..32 {
        send(&mut peer, &computation, (1 + 2 * crumb, 1), &[1]).await.unwrap();
    }
    assert_eq!(code(send(&mut peer, &computation, (101, 1), &[1]).await), "limit.reached");
    // Filling gaps is what helps.
    send(&mut peer, &computation, (0, 101), &[1; 101]).await.unwrap();
    send(&mut peer, &computation, (102, 1), &[1]).await.unwrap();
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_asset_has_no_more_streams_than_it_may() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut sending = Vec::new();
    for number in 0..33 {
        // Several streams share a connection: sixteen is less than what it may have open.
        let peer = Peer::join(&agent, &computation, "hospital-1").await;
        sending.push(open(peer, &computation, (number * 10, 10)).await);
    }
    let refused = async {
        loop {
            if let Some(place) = sending.iter().position(|(_, answer)| answer.is_finished()) {
                return sending.swap_remove(place).1.await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(code(refused.await), "limit.reached");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_has_no_more_streams_of_uploads_than_it_may() {
    let computation = waiting();
    let mut config = computation.config();
    config.limits.uploads = 1;
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let (first, first_answer) =
        open(Peer::join(&agent, &computation, "hospital-1").await, &computation, (0, 1000)).await;
    first.send(frame(&computation.assets["h1"][..10])).await.unwrap();
    arrived(&computation, &agent, 10).await;
    let mut peer = Peer::join(&agent, &computation, "hospital-2").await;
    let refused = code(peer.upload(&computation, "hospital-2", "h2").await);
    drop(first);
    assert_eq!(code(first_answer.await.unwrap()), "connection.lost");
    assert_eq!(refused, "agent.busy");
    peer.upload(&computation, "hospital-2", "h2").await.unwrap();
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_everything_and_leaves_loses_nothing() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut leaving = Peer::join(&agent, &computation, "hospital-1").await;
    let mut requests = vec![leaving.begin(&computation, "hospital-1", "h1", 0)];
    requests.extend(frames(&computation.assets["h1"]));
    let sending = tokio::spawn(async move { leaving.client.upload(tokio_stream::iter(requests)).await });
    arrived(&computation, &agent, 3000).await;
    // The connection goes away, whether the answer was on its way or not.
    sending.abort();
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let asking = wire::UploadStatusRequest { asset: "h1".to_owned(), offset: 0, length: 0 };
    assert_eq!(peer.client.upload_status(asking.clone()).await.unwrap().into_inner().durable, 3000);
    // Accepted already, or to be asked for with nothing left to send.
    if peer.client.upload_status(asking.clone()).await.unwrap().into_inner().receipt.is_none() {
        send(&mut peer, &computation, (3000, 0), &[]).await.unwrap();
    }
    let told = peer.client.upload_status(asking).await.unwrap().into_inner();
    peer.verify(told.receipt.as_ref());
    agent.shutdown().await;
}

/// Waits until the agent has written so many bytes of `h1`, or accepted it.
async fn arrived(computation: &Computation, agent: &Agent, bytes: u64) {
    let boot = computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id()));
    let length = |folder: &str| std::fs::metadata(boot.join(folder).join("h1")).map_or(0, |file| file.len());
    while length("partial").max(length("assets")) < bytes {
        tokio::task::yield_now().await;
    }
}

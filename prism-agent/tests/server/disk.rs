//! Uploads whose files go away.

use tokio_stream::StreamExt;

use crate::common::peer::{code, frames};
use crate::common::{Peer, wire};
use crate::{stop, waiting};

async fn durable(peer: &mut Peer, asset: &str) -> u64 {
    let asking = wire::UploadStatusRequest { asset: asset.to_owned(), offset: 0, length: 0 };
    peer.client.upload_status(asking).await.unwrap().into_inner().durable
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_that_the_disk_refused_in_the_end_can_be_sent_again() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let assets = computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id())).join("assets");
    std::fs::remove_dir(&assets).unwrap();
    assert_eq!(code(peer.upload(&computation, "hospital-1", "h1").await), "file.io");
    assert_eq!(durable(&mut peer, "h1").await, 0);
    std::fs::create_dir(&assets).unwrap();
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_cannot_be_begun_again_holds_nothing() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let begun = [peer.begin(&computation, "hospital-1", "h1", 0), frames(&computation.assets["h1"])[0].clone()];
    assert_eq!(code(peer.client.upload(tokio_stream::iter(begun)).await), "connection.lost");
    assert_eq!(durable(&mut peer, "h1").await, 1000);
    let partial = computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id())).join("partial");
    std::fs::remove_dir_all(&partial).unwrap();
    assert_eq!(code(peer.upload(&computation, "hospital-1", "h1").await), "file.io");
    assert_eq!(durable(&mut peer, "h1").await, 0);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_a_stop_overtakes_is_refused_for_that() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut sender = Peer::join(&agent, &computation, "hospital-1").await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    // Everything is there; only the stream's end is not.
    let mut requests = vec![sender.begin(&computation, "hospital-1", "h1", 0)];
    requests.extend(frames(&computation.assets["h1"]));
    let stream = tokio_stream::iter(requests).chain(tokio_stream::pending());
    let sending = tokio::spawn(async move { sender.client.upload(stream).await });
    let partial = computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id())).join("partial/h1");
    while std::fs::metadata(&partial).map_or(0, |file| file.len()) < 3000 {
        tokio::task::yield_now().await;
    }
    stop(&mut peer, &computation, "lab").await.unwrap();
    assert_eq!(code(sending.await.unwrap()), "state.refused");
    agent.shutdown().await;
}

//! Uploads whose files go away, become shorter or change.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use prism_agent::server::Agent;
use tokio_stream::StreamExt;

use crate::common::peer::{code, frames};
use crate::common::{Computation, Peer, wire};
use crate::parts::send;
use crate::{status, stop, waiting};

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
    fs::remove_dir(&assets).unwrap();
    assert_eq!(code(peer.upload(&computation, "hospital-1", "h1").await), "file.io");
    // It is where it was: nothing has to be sent again.
    assert_eq!(durable(&mut peer, "h1").await, 3000);
    fs::create_dir(&assets).unwrap();
    let rest = peer.begin(&computation, "hospital-1", "h1", 3000);
    let accepted = peer.client.upload(tokio_stream::once(rest)).await.unwrap().into_inner();
    peer.verify(accepted.receipt.as_ref());
    assert_eq!(fs::read(assets.join("h1")).unwrap(), computation.assets["h1"]);
    agent.shutdown().await;
}

fn partial(computation: &Computation, agent: &Agent) -> PathBuf {
    computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id())).join("partial/h1")
}

/// A provider that has sent all of `h1` but its beginning, so that the agent has to read back the rest.
async fn all_but_the_beginning(agent: &Agent, computation: &Computation) -> Peer {
    let mut peer = Peer::join(agent, computation, "hospital-1").await;
    let rest = &computation.assets["h1"][1000..];
    assert!(send(&mut peer, computation, (1000, 2000), rest).await.unwrap().into_inner().held);
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_whose_file_became_shorter_is_forgotten_and_begins_again() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = all_but_the_beginning(&agent, &computation).await;
    let file = partial(&computation, &agent);
    OpenOptions::new().write(true).open(&file).unwrap().set_len(2500).unwrap();
    let log = status(&mut peer).await.log_size;
    let refused = send(&mut peer, &computation, (0, 1000), &computation.assets["h1"][..1000]).await;
    let message = refused.as_ref().unwrap_err().message().to_owned();
    assert!(message.contains("read what was stored") && message.contains("end of file"), "{message}");
    assert_eq!(code(refused), "file.io");
    assert_eq!(status(&mut peer).await.log_size, log, "nothing was accepted or refused");
    assert_eq!(durable(&mut peer, "h1").await, 0);
    assert!(!file.exists());
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_that_was_altered_on_the_disk_is_discarded_and_begins_again() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = all_but_the_beginning(&agent, &computation).await;
    let file = partial(&computation, &agent);
    OpenOptions::new().write(true).open(&file).unwrap().write_all_at(&[2], 2000).unwrap();
    let refused = send(&mut peer, &computation, (0, 1000), &computation.assets["h1"][..1000]).await;
    assert_eq!(code(refused), "asset.mismatch");
    assert_eq!(durable(&mut peer, "h1").await, 0);
    assert!(!file.exists());
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
    fs::remove_dir_all(&partial).unwrap();
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
    while fs::metadata(&partial).map_or(0, |file| file.len()) < 3000 {
        tokio::task::yield_now().await;
    }
    stop(&mut peer, &computation, "lab").await.unwrap();
    assert_eq!(code(sending.await.unwrap()), "state.refused");
    agent.shutdown().await;
}

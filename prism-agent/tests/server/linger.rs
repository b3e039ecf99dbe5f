//! `serve`: one computation from its beginning until nobody has to read its log any more.

use std::net::SocketAddr;
use std::time::Duration;

use prism_agent::server;
use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::audit::entry::Outcome;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::common::peer::{handshake, tls};
use crate::common::{Computation, Peer, wire};
use crate::{stop, waiting};

/// Serves until the sender speaks. The port was free a moment ago.
async fn serving(
    computation: &Computation,
    linger: Duration,
) -> (JoinHandle<Option<Outcome>>, oneshot::Sender<()>, (SocketAddr, [u8; 16])) {
    let mut config = computation.config();
    config.listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.limits.linger = linger;
    let (address, boots) = (config.listen, config.state_dir.join("boot"));
    let (enough, until) = oneshot::channel::<()>();
    let manifest = computation.signed.clone();
    let until = async move { until.await.unwrap_or_default() };
    let serving = tokio::spawn(async move { server::serve(config, manifest, until).await.unwrap() });
    while handshake(address, tls(&[&rustls::version::TLS13])).await.is_err() {
        tokio::task::yield_now().await;
    }
    let boot = std::fs::read_dir(boots).unwrap().next().unwrap().unwrap().file_name();
    let boot = hex::decode(boot.to_str().unwrap()).unwrap().try_into().unwrap();
    (serving, enough, (address, boot))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_log_can_be_read_until_the_server_is_told_to_go() {
    let computation = waiting();
    let (serving, enough, agent) = serving(&computation, Duration::from_hours(1)).await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    stop(&mut peer, &computation, "hospital-1").await.unwrap();
    // A watch ends with the log.
    let mut watch = peer.client.watch(wire::WatchRequest { from: 0 }).await.unwrap().into_inner();
    while watch.message().await.unwrap().is_some() {}
    let mut late = Peer::join(&agent, &computation, "institute").await;
    let head = late.client.checkpoint(wire::CheckpointRequest::default()).await.unwrap().into_inner();
    SignedCheckpoint::read(head.checkpoint.as_bytes()).unwrap().verify(&late.log_key()).unwrap();
    assert!(!serving.is_finished());
    enough.send(()).unwrap();
    assert_eq!(serving.await.unwrap(), Some(Outcome::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_does_not_wait_for_ever_after_its_log_is_closed() {
    let computation = waiting();
    let (serving, enough, agent) = serving(&computation, Duration::ZERO).await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    stop(&mut peer, &computation, "hospital-1").await.unwrap();
    assert_eq!(serving.await.unwrap(), Some(Outcome::Stopped));
    drop(enough);
}

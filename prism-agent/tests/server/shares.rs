//! What one participant may have at a time, so that the others find their place.

use prism_agent::server::{Agent, Limits};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::common::peer::code;
use crate::common::wire;
use crate::common::{Computation, Peer};
use crate::{status, waiting};

async fn limited(computation: &Computation, limit: impl FnOnce(&mut Limits)) -> Agent {
    let mut config = computation.config();
    limit(&mut config.limits);
    Agent::start(config, computation.signed.clone()).await.unwrap()
}

/// Connects as `who`; what the agent says to that.
async fn knock(agent: &Agent, computation: &Computation, who: &str) -> Result<Peer, String> {
    let mut peer = Peer::attest(agent, computation).await;
    let envelope = peer.auth(who, &computation.keys[who]);
    match peer.client.authenticate(wire::AuthenticateRequest { envelope }).await {
        Ok(_) => Ok(peer),
        Err(refused) => Err(code::<wire::AuthenticateResponse>(Err(refused))),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_has_no_more_connections_than_its_share() {
    let computation = waiting();
    let agent = limited(&computation, |limits| limits.connections_each = 2).await;
    let first = knock(&agent, &computation, "lab").await.unwrap();
    let mut second = knock(&agent, &computation, "lab").await.unwrap();
    let logged = status(&mut second).await.log_size;
    assert_eq!(knock(&agent, &computation, "lab").await.err().unwrap(), "limit.reached");
    assert_eq!(status(&mut second).await.log_size, logged, "a refusal changes nothing");
    knock(&agent, &computation, "institute").await.unwrap();
    drop(first);
    // The agent notices by itself that a place is free.
    while knock(&agent, &computation, "lab").await.is_err() {}
    agent.shutdown().await;
}

type Sending = (mpsc::Sender<wire::UploadRequest>, JoinHandle<Result<Response<wire::UploadResponse>, Status>>);

/// A stream of an upload that stays open, whose first message may never come.
fn open(mut peer: Peer) -> Sending {
    let (requests, queue) = mpsc::channel(8);
    (requests, tokio::spawn(async move { peer.client.upload(ReceiverStream::new(queue)).await }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_has_no_more_streams_of_uploads_than_its_share() {
    let computation = waiting();
    let agent = limited(&computation, |limits| limits.uploads_each = 1).await;
    let silent = Peer::join(&agent, &computation, "hospital-1").await;
    let mut client = silent.client.clone();
    let (requests, answer) = open(silent);
    // It counts before its first message: until that has come, the agent has to hold what came of it.
    let mut refused = String::new();
    for _ in 0..1000 {
        refused = code(client.upload(tokio_stream::empty::<wire::UploadRequest>()).await);
        if refused != "usage" {
            break;
        }
    }
    assert_eq!(refused, "limit.reached");
    let mut other = Peer::join(&agent, &computation, "hospital-2").await;
    other.upload(&computation, "hospital-2", "h2").await.unwrap();
    drop(requests);
    assert_eq!(code(answer.await.unwrap()), "usage");
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    agent.shutdown().await;
}

/// A call whose request never ends.
fn park(peer: &Peer) -> JoinHandle<Result<Response<wire::StopResponse>, Status>> {
    let mut grpc = tonic::client::Grpc::new(peer.channel.clone());
    tokio::spawn(async move {
        grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
        let request = Request::new(tokio_stream::pending::<wire::StopRequest>());
        let path = tonic::codegen::http::uri::PathAndQuery::from_static("/prism.agent.v1.Agent/Stop");
        grpc.client_streaming(request, path, ProstCodec::default()).await
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_has_no_more_calls_open_than_its_share() {
    let computation = waiting();
    let agent = limited(&computation, |limits| limits.calls_each = 2).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    let mut parked = [park(&peer), park(&peer)];
    let mut refused = String::new();
    for _ in 0..1000 {
        if let Err(found) = peer.client.status(wire::StatusRequest {}).await {
            refused = code::<wire::StatusResponse>(Err(found));
            break;
        }
        // They are on their way, or were refused while the other question was open.
        parked.iter_mut().filter(|call| call.is_finished()).for_each(|call| *call = park(&peer));
    }
    assert_eq!(refused, "limit.reached");
    // Another connection is of no use; another participant has a share of its own.
    let mut again = Peer::join(&agent, &computation, "lab").await;
    assert_eq!(code(again.client.status(wire::StatusRequest {}).await), "limit.reached");
    status(&mut Peer::join(&agent, &computation, "institute").await).await;
    parked.iter().for_each(JoinHandle::abort);
    while again.client.status(wire::StatusRequest {}).await.is_err() {}
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_as_long_as_its_statement_and_no_longer() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let long = vec![b' '; 60 * 1024];
    let refused = peer.client.stop(wire::StopRequest { envelope: long.clone().into() }).await.unwrap_err();
    assert!(refused.metadata().get("prism-code").is_none(), "the request was read whole: {refused:?}");
    // A header of a sealed file may be longer.
    let request = wire::ReleaseRequest { header: long.into(), ..wire::ReleaseRequest::default() };
    assert_eq!(code(peer.client.release(request).await), "envelope.malformed");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_reads_no_more_streams_than_its_share() {
    let computation = waiting();
    let agent = limited(&computation, |limits| limits.downloads_each = 2).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    let watching = peer.client.watch(wire::WatchRequest { from: 0 }).await.unwrap();
    let reading = peer.client.logs(wire::LogsRequest::default()).await.unwrap();
    let mut again = Peer::join(&agent, &computation, "lab").await;
    assert_eq!(refused(again.client.watch(wire::WatchRequest { from: 0 }).await), "limit.reached");
    assert_eq!(refused(again.client.logs(wire::LogsRequest::default()).await), "limit.reached");
    assert_eq!(refused(again.client.transcript(wire::TranscriptRequest {}).await), "limit.reached");
    assert_eq!(refused(again.client.download_result(wire::DownloadResultRequest::default()).await), "limit.reached");
    let mut other = Peer::join(&agent, &computation, "institute").await;
    let mut watch = other.client.watch(wire::WatchRequest { from: 0 }).await.unwrap().into_inner();
    assert!(watch.message().await.unwrap().is_some());
    drop(watching);
    while again.client.watch(wire::WatchRequest { from: 0 }).await.is_err() {}
    drop(reading);
    agent.shutdown().await;
}

fn refused<T>(answer: Result<Response<T>, Status>) -> String {
    code(answer.map(|answer| answer.map(drop)))
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_together_reads_no_more_streams_than_there_may_be() {
    let computation = waiting();
    let agent = limited(&computation, |limits| limits.downloads = 1).await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    let watching = peer.client.watch(wire::WatchRequest { from: 0 }).await.unwrap();
    let mut other = Peer::join(&agent, &computation, "institute").await;
    assert_eq!(refused(other.client.watch(wire::WatchRequest { from: 0 }).await), "agent.busy");
    drop(watching);
    while other.client.watch(wire::WatchRequest { from: 0 }).await.is_err() {}
    agent.shutdown().await;
}

//! Uploads, the log and the end of a computation over real sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

#[path = "server/bounds.rs"]
mod bounds;
#[path = "server/disk.rs"]
mod disk;
#[path = "server/linger.rs"]
mod linger;
#[path = "server/parts.rs"]
mod parts;
#[path = "server/shares.rs"]
mod shares;

use std::collections::BTreeMap;
use std::time::Duration;

use common::computation::name;
use common::peer::{code, frames, sign};
use common::wire::{self, upload_request::Step};
use common::{Computation, Peer};
use prism_agent::server::Agent;
use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::audit::entry::{Entry, Event, Outcome};
use prism_core::audit::tree::{Tree, TreeHash, leaf_hash, verify_consistency};
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::envelope::PayloadType;
use prism_core::manifest::Manifest;
use prism_core::statement::StopBody;
use prism_core::transcript::Transcript;
use tokio_stream::StreamExt;
use tonic::transport::Channel;

/// Terms under which nothing starts by itself: `h2` is never sent.
fn waiting() -> Computation {
    Computation::new()
}

async fn status(peer: &mut Peer) -> wire::StatusResponse {
    peer.client.status(wire::StatusRequest {}).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_by_its_provider_is_accepted_with_a_receipt() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    assert_eq!(status(&mut peer).await.state, "WaitingForAlgorithm");
    let response = peer.upload(&computation, "hospital-1", "h1").await.unwrap().into_inner();
    let (entry, _) = peer.verify(response.receipt.as_ref());
    assert!(matches!(entry.event, Event::AssetAccepted(body) if body.asset == name("h1") && body.size == 3000));
    let mut lab = Peer::join(&agent, &computation, "lab").await;
    lab.upload(&computation, "lab", "train.py").await.unwrap();
    assert_eq!(status(&mut lab).await.state, "WaitingForDatasets");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_by_anybody_else_is_refused() {
    let computation = waiting();
    let agent = computation.start().await;
    for who in ["lab", "hospital-2", "institute"] {
        let mut peer = Peer::join(&agent, &computation, who).await;
        assert_eq!(code(peer.upload(&computation, who, "h1").await), "asset.wrong-provider", "{who}");
        let asking = wire::UploadStatusRequest { asset: "h1".to_owned(), offset: 0, length: 0 };
        assert_eq!(code(peer.client.upload_status(asking).await), "asset.wrong-provider", "{who}");
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_another_participant_is_refused() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    // Signed by hospital-1 for the lab's connection.
    let refused = peer.upload(&computation, "hospital-1", "h1").await;
    assert_eq!(code(refused), "auth.refused");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_that_the_manifest_does_not_name_is_refused() {
    let mut computation = waiting();
    computation.assets.insert("h3", vec![3; 10]);
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    assert_eq!(code(peer.upload(&computation, "hospital-1", "h3").await), "asset.unknown");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_of_another_digest_or_size_is_not_even_begun() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let agreed = Digest::sha256(&computation.assets["h1"]);
    for (digest, size) in [(Digest::sha256(b"other"), 3000), (agreed, 2999), (agreed, 3001)] {
        let begin = peer.begin_as(&computation, "hospital-1", ("h1", digest, size), 0);
        assert_eq!(code(peer.client.upload(tokio_stream::once(begin)).await), "asset.mismatch");
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_the_agreed_ones_are_discarded_whole() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let mut altered = computation.assets["h1"].clone();
    altered[1500] ^= 1;
    let longer = [computation.assets["h1"].as_slice(), &[1]].concat();
    for bytes in [altered, longer] {
        let mut requests = vec![peer.begin(&computation, "hospital-1", "h1", 0)];
        requests.extend(frames(&bytes));
        assert_eq!(code(peer.client.upload(tokio_stream::iter(requests)).await), "asset.mismatch");
        let asking = wire::UploadStatusRequest { asset: "h1".to_owned(), offset: 0, length: 0 };
        assert_eq!(peer.client.upload_status(asking).await.unwrap().into_inner().durable, 0);
    }
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_is_accepted_once_and_its_receipt_can_be_had_again() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    assert_eq!(code(peer.upload(&computation, "hospital-1", "h1").await), "asset.duplicate");
    let asking = wire::UploadStatusRequest { asset: "h1".to_owned(), offset: 0, length: 0 };
    let status = peer.client.upload_status(asking).await.unwrap().into_inner();
    assert_eq!((status.durable, status.size), (3000, 3000));
    let (entry, _) = peer.verify(status.receipt.as_ref());
    assert!(matches!(entry.event, Event::AssetAccepted(_)));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_resumes_where_it_was() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let all = frames(&computation.assets["h1"]);
    let mut requests = vec![peer.begin(&computation, "hospital-1", "h1", 0)];
    requests.extend(all[..2].to_vec());
    // The stream ends early.
    assert_eq!(code(peer.client.upload(tokio_stream::iter(requests)).await), "connection.lost");
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let asking = wire::UploadStatusRequest { asset: "h1".to_owned(), offset: 0, length: 0 };
    let durable = peer.client.upload_status(asking).await.unwrap().into_inner().durable;
    assert_eq!(durable, 2000);
    let rest = [peer.begin(&computation, "hospital-1", "h1", durable), all[2].clone()];
    let response = peer.client.upload(tokio_stream::iter(rest)).await.unwrap().into_inner();
    peer.verify(response.receipt.as_ref());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_may_resume_earlier_than_it_could_but_not_later() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let all = frames(&computation.assets["h1"]);
    let mut requests = vec![peer.begin(&computation, "hospital-1", "h1", 0)];
    requests.extend(all[..2].to_vec());
    assert!(peer.client.upload(tokio_stream::iter(requests)).await.is_err());
    let beyond = [peer.begin(&computation, "hospital-1", "h1", 2001)];
    assert_eq!(code(peer.client.upload(tokio_stream::iter(beyond)).await), "usage");
    let mut earlier = vec![peer.begin(&computation, "hospital-1", "h1", 1000)];
    earlier.extend(all[1..].to_vec());
    peer.client.upload(tokio_stream::iter(earlier)).await.unwrap();
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_of_the_provider_takes_over_an_upload_that_hangs() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut hanging = Peer::join(&agent, &computation, "hospital-1").await;
    let (requests, queue) = tokio::sync::mpsc::channel(8);
    requests.send(hanging.begin(&computation, "hospital-1", "h1", 0)).await.unwrap();
    requests.send(frames(&computation.assets["h1"])[0].clone()).await.unwrap();
    let stream = tokio_stream::wrappers::ReceiverStream::new(queue);
    let first = tokio::spawn(async move { hanging.client.upload(stream).await });
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let mut durable = 0;
    while durable == 0 {
        durable = status(&mut peer).await.assets.iter().find(|a| a.name == "h1").unwrap().durable;
        let asking = wire::UploadStatusRequest { asset: "h1".to_owned(), offset: 0, length: 0 };
        durable = durable.max(peer.client.upload_status(asking).await.unwrap().into_inner().durable);
    }
    let mut requests_2 = vec![peer.begin(&computation, "hospital-1", "h1", durable)];
    requests_2.extend(frames(&computation.assets["h1"])[1..].to_vec());
    peer.client.upload(tokio_stream::iter(requests_2)).await.unwrap();
    assert_eq!(code(first.await.unwrap()), "agent.busy");
    drop(requests);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_stands_still_is_ended() {
    let computation = waiting();
    let mut config = computation.config();
    config.limits.upload_grace = Duration::from_millis(200);
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let begin = peer.begin(&computation, "hospital-1", "h1", 0);
    let stream = tokio_stream::once(begin).chain(tokio_stream::pending());
    assert_eq!(code(peer.client.upload(stream).await), "limit.reached");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_out_of_turn_end_an_upload() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let begin = peer.begin(&computation, "hospital-1", "h1", 0);
    let empty = wire::UploadRequest { step: Some(Step::Frame(Vec::new().into())) };
    let nothing = wire::UploadRequest { step: None };
    for requests in [
        vec![frames(&computation.assets["h1"])[0].clone()],
        vec![begin.clone(), begin.clone()],
        vec![begin.clone(), empty],
        vec![begin, nothing],
        vec![],
    ] {
        assert_eq!(code(peer.client.upload(tokio_stream::iter(requests)).await), "usage");
    }
    agent.shutdown().await;
}

fn salted(manifest: &mut Manifest, assets: &mut BTreeMap<&'static str, Vec<u8>>) {
    let mut hasher = Hasher::salted(&Salt::from_bytes([5; 32]));
    hasher.update(&assets["h1"]);
    manifest.datasets[0].digest = hasher.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salted_asset_needs_its_salt() {
    let computation = Computation::with(salted);
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let digest = computation.signed.manifest().datasets[0].digest;
    let cases: [(&[u8], &str); 4] = [(&[], "usage"), (&[5; 31], "usage"), (&[6; 32], "asset.mismatch"), (&[5; 32], "")];
    for (salt, expected) in cases {
        let mut begin = peer.begin_as(&computation, "hospital-1", ("h1", digest, 3000), 0);
        if let Some(Step::Begin(begin)) = &mut begin.step {
            begin.salt = salt.to_vec().into();
        }
        let mut requests = vec![begin];
        requests.extend(frames(&computation.assets["h1"]));
        let uploaded = peer.client.upload(tokio_stream::iter(requests)).await;
        assert_eq!(uploaded.map_or_else(|refused| code::<()>(Err(refused)), |_| String::new()), expected);
    }
    agent.shutdown().await;
}

async fn stop(
    peer: &mut Peer,
    computation: &Computation,
    who: &str,
) -> Result<tonic::Response<wire::StopResponse>, tonic::Status> {
    let body = StopBody::new(&peer.context(who)).to_json().unwrap();
    let envelope = sign(PayloadType::Stop, &body, &computation.keys[who]);
    peer.client.stop(wire::StopRequest { envelope }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_stops_the_computation_and_everything_is_destroyed() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    let mut consumer = Peer::join(&agent, &computation, "institute").await;
    assert_eq!(code(stop(&mut consumer, &computation, "institute").await), "role.refused");
    let response = stop(&mut peer, &computation, "hospital-1").await.unwrap().into_inner();
    let (entry, _) = peer.verify(response.receipt.as_ref());
    assert!(matches!(entry.event, Event::Stop(_)));
    assert_eq!(agent.wait_closed().await, Some(Outcome::Stopped));
    let state = computation.dir.path().join("state/boot").join(hex::encode(agent.boot_id()));
    for gone in ["assets", "partial", "run", "results"] {
        assert!(!state.join(gone).exists(), "{gone}");
    }
    assert!(state.join("log/entries.jsonl").exists());
    let mut lab = Peer::join(&agent, &computation, "lab").await.client;
    let refused = stop_with(&mut lab).await;
    assert_eq!(refused, "envelope.malformed");
    agent.shutdown().await;
}

async fn stop_with(client: &mut wire::agent_client::AgentClient<Channel>) -> String {
    code(client.stop(wire::StopRequest { envelope: b"{}".to_vec().into() }).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_accepted_after_the_manifests_time() {
    let computation = Computation::with(|manifest, _| manifest.not_after = common::computation::now() + 2);
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    assert_eq!(agent.wait_closed().await, Some(Outcome::Expired));
    assert_eq!(code(peer.upload(&computation, "hospital-1", "h1").await), "state.refused");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_that_is_watched_is_the_log_that_is_signed() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let mut watch = peer.client.watch(wire::WatchRequest { from: 0 }).await.unwrap().into_inner();
    let before = status(&mut peer).await.log_size;
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    let key = peer.log_key();
    let ending = tokio::spawn(agent.shutdown());
    let (mut tree, mut states, mut old) = (Tree::new(), Vec::new(), None);
    while let Some(response) = watch.message().await.unwrap() {
        assert_eq!(Entry::read(&response.entry).unwrap().seq, response.index);
        tree.append(leaf_hash(&response.entry));
        states.push(response.state);
        if !response.checkpoint.is_empty() {
            let head = SignedCheckpoint::read(response.checkpoint.as_bytes()).unwrap().verify(&key).unwrap();
            assert_eq!(tree.root_at(head.size()), Some(*head.root()));
            old.get_or_insert(head);
        }
    }
    assert!(tree.size() > before + 2);
    assert_eq!(states.last().map(String::as_str), Some("Closed"));
    let (old, new) = (old.unwrap(), tree.root());
    let path = tree.consistency_path(old.size(), tree.size()).unwrap();
    verify_consistency((old.size(), old.root()), (tree.size(), &new), &path).unwrap();
    ending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_shown_to_extend_an_older_one() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let first = peer.client.checkpoint(wire::CheckpointRequest::default()).await.unwrap().into_inner();
    assert!(first.consistency.is_empty());
    let older = SignedCheckpoint::read(first.checkpoint.as_bytes()).unwrap().verify(&peer.log_key()).unwrap();
    peer.upload(&computation, "hospital-1", "h1").await.unwrap();
    let request = wire::CheckpointRequest { known_size: older.size() };
    let second = peer.client.checkpoint(request).await.unwrap().into_inner();
    let newer = SignedCheckpoint::read(second.checkpoint.as_bytes()).unwrap().verify(&peer.log_key()).unwrap();
    let path: Vec<_> =
        second.consistency.iter().map(|hash| TreeHash::from_bytes(hash.as_ref().try_into().unwrap())).collect();
    newer.verify_continues(&older, &path).unwrap();
    // Another connection gets the same proof while it attests.
    let mut other = Peer::connect(&agent, &computation).await;
    let request = wire::AttestRequest { client_nonce: vec![1; 32].into(), known_size: older.size() };
    assert_eq!(other.client.attest(request).await.unwrap().into_inner().consistency, second.consistency);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_hold_the_entries() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    let size = status(&mut peer).await.log_size;
    let bundle = wire::TileRequest { path: format!("tile/entries/000.p/{size}") };
    let bundle = peer.client.tile(bundle).await.unwrap().into_inner().tile;
    let hashes = wire::TileRequest { path: format!("tile/0/000.p/{size}") };
    let hashes = peer.client.tile(hashes).await.unwrap().into_inner().tile;
    assert_eq!(hashes.len() as u64, 32 * size);
    let first = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
    assert_eq!(leaf_hash(&bundle[2..2 + first]).as_bytes().as_slice(), &hashes[..32]);
    for path in ["tile/0/000", "tile/entries/000", "tile/../../etc/passwd", "", &format!("tile/0/000.p/{}", size + 1)] {
        assert!(peer.client.tile(wire::TileRequest { path: path.to_owned() }).await.is_err(), "{path}");
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_names_all_the_evidence_that_its_log_names() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "lab").await;
    let _other = Peer::join(&agent, &computation, "institute").await;
    let mut stream = peer.client.transcript(wire::TranscriptRequest {}).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(response) = stream.message().await.unwrap() {
        bytes.extend(response.frame);
    }
    let transcript = Transcript::read(&bytes).unwrap();
    let entries: Vec<_> = transcript.entries.iter().map(|e| Entry::read(e.as_bytes()).unwrap().event).collect();
    let logged: Vec<_> = entries
        .iter()
        .filter_map(|e| match e {
            Event::Evidence(b) => Some(b.digest),
            _ => None,
        })
        .collect();
    let held: Vec<_> = transcript.evidence.iter().map(|record| Digest::sha256(&record.evidence.0)).collect();
    assert_eq!(logged, held);
    assert_eq!(held.len(), 2);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_algorithms_words_are_for_those_whom_the_manifest_names() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut peer = Peer::join(&agent, &computation, "hospital-1").await;
    let refused = peer.client.logs(wire::LogsRequest::default()).await;
    assert_eq!(refused.unwrap_err().metadata().get("prism-code").unwrap(), "role.refused");
    let mut lab = Peer::join(&agent, &computation, "lab").await;
    assert!(lab.client.logs(wire::LogsRequest::default()).await.is_ok());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_result_before_its_time_and_none_for_others() {
    let computation = waiting();
    let agent = computation.start().await;
    let mut consumer = Peer::join(&agent, &computation, "institute").await;
    let download = consumer.client.download_result(wire::DownloadResultRequest::default()).await.unwrap_err();
    assert_eq!(download.metadata().get("prism-code").unwrap(), "result.not-ready");
    let mut other = Peer::join(&agent, &computation, "hospital-1").await;
    let download = other.client.download_result(wire::DownloadResultRequest::default()).await.unwrap_err();
    assert_eq!(download.metadata().get("prism-code").unwrap(), "role.refused");
    agent.shutdown().await;
}

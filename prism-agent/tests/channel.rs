//! Attest and Authenticate over real sockets: who gets in, and who does not.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use common::computation::{name, now};
use common::peer::{NONCE, code, sign};
use common::{Computation, Peer, wire};
use prism_agent::server::{Agent, Limits};
use prism_attest::binding::ExpectedManifest;
use prism_attest::binding::{BatchPath, BindingClaim, LiveBinding};
use prism_attest::{ExpectedBinding, judge};
use prism_core::audit::entry::{Actor, Event};
use prism_core::audit::tree::TreeHash;
use prism_core::envelope::{Envelope, PayloadType};
use prism_core::statement::AuthBody;

fn claim(response: &wire::AttestResponse) -> BindingClaim {
    let hashes = response.path.iter().map(|hash| TreeHash::from_bytes(hash.as_ref().try_into().unwrap())).collect();
    BindingClaim {
        agent: response.binding.to_vec(),
        agent_nonce: response.agent_nonce.as_ref().try_into().unwrap(),
        path: BatchPath::new(response.index, response.batch_size, hashes).unwrap(),
    }
}

fn expected(peer: &Peer, computation: &Computation, spki: &[u8]) -> ExpectedBinding {
    ExpectedBinding::live(LiveBinding {
        tls_spki: spki.to_vec(),
        manifest: ExpectedManifest::Exactly(computation.signed.digest()),
        exporter: peer.exporter,
        client_nonce: NONCE,
        claim: claim(peer.attested.as_ref().unwrap()),
    })
}

fn spki(peer: &Peer) -> Vec<u8> {
    let binding = &peer.attested.as_ref().unwrap().binding;
    prism_attest::AgentBinding::decode(binding).unwrap().tls_spki().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_holds_for_its_own_connection_and_for_no_other() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let (one, other) = tokio::join!(Peer::attest(&agent, &computation), Peer::attest(&agent, &computation));
    let policy = &computation.signed.manifest().platform;
    let (evidence, endorsements) = one.evidence();
    let verdict = judge(&evidence, &endorsements, policy, &expected(&one, &computation, &spki(&one)), now());
    assert!(verdict.is_good(), "{verdict}");
    let relayed = Peer { attested: one.attested.clone(), ..other };
    let verdict = judge(&evidence, &endorsements, policy, &expected(&relayed, &computation, &spki(&one)), now());
    assert!(!verdict.is_good());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_arrive_together_share_one_report() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peers = Vec::new();
    for _ in 0..8 {
        peers.push(Peer::connect(&agent, &computation).await);
    }
    let mut waiting = tokio::task::JoinSet::new();
    for mut peer in peers {
        let request = wire::AttestRequest { client_nonce: NONCE.to_vec().into(), known_size: 0 };
        waiting.spawn(async move { peer.client.attest(request).await.unwrap().into_inner() });
    }
    let responses = waiting.join_all().await;
    let mut reports: Vec<_> = responses.iter().map(|response| response.evidence.clone()).collect();
    reports.sort();
    reports.dedup();
    assert!(reports.len() < responses.len(), "{} reports for {} sessions", reports.len(), responses.len());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_who_proves_its_name_gets_a_receipt() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::attest(&agent, &computation).await;
    let envelope = peer.auth("hospital-1", &computation.keys["hospital-1"]);
    let response = peer.client.authenticate(wire::AuthenticateRequest { envelope }).await.unwrap().into_inner();
    let (entry, head) = peer.verify(response.receipt.as_ref());
    assert_eq!(entry.actor, Actor::Participant(name("hospital-1")));
    assert!(matches!(entry.event, Event::AuthOk(body) if body.session == hex::encode(peer.facts.session)));
    assert_eq!(head.origin(), format!("prism.log/test/{}", hex::encode(agent.boot_id())));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_can_call_nothing() {
    let computation = Computation::new();
    let agent = computation.start().await;
    for mut peer in [Peer::connect(&agent, &computation).await, Peer::attest(&agent, &computation).await] {
        let client = &mut peer.client;
        assert_eq!(code(client.status(wire::StatusRequest {}).await), "auth.required");
        assert_eq!(code(client.checkpoint(wire::CheckpointRequest::default()).await), "auth.required");
        assert_eq!(code(client.tile(wire::TileRequest::default()).await), "auth.required");
        assert_eq!(code(client.upload_status(wire::UploadStatusRequest::default()).await), "auth.required");
        assert_eq!(code(client.stop(wire::StopRequest::default()).await), "auth.required");
        assert_eq!(code(client.request_result(wire::RequestResultRequest::default()).await), "auth.required");
        assert_eq!(code(client.ack_result(wire::AckResultRequest::default()).await), "auth.required");
        assert!(client.watch(wire::WatchRequest::default()).await.is_err());
        assert!(client.logs(wire::LogsRequest::default()).await.is_err());
        assert!(client.download_result(wire::DownloadResultRequest::default()).await.is_err());
        assert!(client.transcript(wire::TranscriptRequest {}).await.is_err());
        assert_eq!(code(peer.upload(&computation, "hospital-1", "h1").await), "auth.required");
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authentication_needs_attestation_first() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::connect(&agent, &computation).await;
    let envelope = peer.auth("lab", &computation.keys["lab"]);
    assert_eq!(code(peer.client.authenticate(wire::AuthenticateRequest { envelope }).await), "auth.required");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_attests_once() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::attest(&agent, &computation).await;
    let again = wire::AttestRequest { client_nonce: NONCE.to_vec().into(), known_size: 0 };
    assert_eq!(code(peer.client.attest(again).await), "state.refused");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_of_another_length_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    for length in [0, 31, 33] {
        let mut peer = Peer::connect(&agent, &computation).await;
        let request = wire::AttestRequest { client_nonce: vec![1; length].into(), known_size: 0 };
        assert_eq!(code(peer.client.attest(request).await), "usage");
    }
    agent.shutdown().await;
}

/// Changes one fact.
type Change = fn(&mut prism_core::statement::Context);

/// Replays are one authentication with one fact changed; each has to fail on its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_authentication_for_something_else_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let key = &computation.keys["lab"];
    let changes: [(&str, Change); 7] = [
        ("boot", |c| c.facts.boot[0] ^= 1),
        ("computation", |c| c.facts.computation = name("other")),
        ("manifest", |c| c.facts.manifest = prism_core::digest::Digest::sha256(b"other")),
        ("session", |c| c.facts.session[0] ^= 1),
        ("agent nonce", |c| c.facts.agent_nonce[0] ^= 1),
        ("expiry", |c| c.exp = now() - 1),
        ("participant", |c| c.participant = name("nobody")),
    ];
    for (what, change) in changes {
        let mut peer = Peer::attest(&agent, &computation).await;
        let mut context = peer.context("lab");
        change(&mut context);
        let envelope = sign(PayloadType::Auth, &AuthBody::new(&context).to_json().unwrap(), key);
        let refused = code(peer.client.authenticate(wire::AuthenticateRequest { envelope }).await);
        assert_eq!(refused, "auth.refused", "{what}");
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authentication_replayed_on_another_connection_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let first = Peer::attest(&agent, &computation).await;
    let mut second = Peer::attest(&agent, &computation).await;
    let envelope = first.auth("lab", &computation.keys["lab"]);
    assert_eq!(code(second.client.authenticate(wire::AuthenticateRequest { envelope }).await), "auth.refused");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authentication_for_another_agent_is_refused() {
    let computation = Computation::new();
    let elsewhere = Computation { dir: tempfile::tempdir().unwrap(), ..Computation::new() };
    let (agent, other) = tokio::join!(computation.start(), elsewhere.start());
    let first = Peer::attest(&other, &elsewhere).await;
    let mut second = Peer::attest(&agent, &computation).await;
    let envelope = first.auth("lab", &computation.keys["lab"]);
    assert_eq!(code(second.client.authenticate(wire::AuthenticateRequest { envelope }).await), "auth.refused");
    tokio::join!(agent.shutdown(), other.shutdown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_another_key_or_type_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::attest(&agent, &computation).await;
    let envelope = peer.auth("lab", &computation.keys["hospital-1"]);
    assert_eq!(code(peer.client.authenticate(wire::AuthenticateRequest { envelope }).await), "signature.invalid");
    let mut peer = Peer::attest(&agent, &computation).await;
    let body = AuthBody::new(&peer.context("lab")).to_json().unwrap();
    let envelope = Envelope::sign(PayloadType::Stop, &body, &computation.keys["lab"]).unwrap().to_json().into();
    assert_eq!(code(peer.client.authenticate(wire::AuthenticateRequest { envelope }).await), "envelope.malformed");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_failed_to_authenticate_gets_no_second_try() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let mut peer = Peer::attest(&agent, &computation).await;
    let wrong = peer.auth("lab", &computation.keys["hospital-1"]);
    assert!(peer.client.authenticate(wire::AuthenticateRequest { envelope: wrong }).await.is_err());
    let envelope = peer.auth("lab", &computation.keys["lab"]);
    assert_eq!(code(peer.client.authenticate(wire::AuthenticateRequest { envelope }).await), "state.refused");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_authentications_are_logged_until_their_bound_and_then_counted() {
    let computation = Computation::new();
    let agent = limited(&computation, |limits| limits.logged_refusals = 2).await;
    assert_eq!(refuse_often(agent, &computation, 5).await, (2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_strangers_ask_for_never_fills_the_transcript() {
    let computation = Computation::new();
    let agent = limited(&computation, |limits| limits.logged_report_bytes = 100_000).await;
    let (logged, counted) = refuse_often(agent, &computation, 20).await;
    assert!((1..20).contains(&logged) && counted == 20 - logged, "{logged} {counted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_participant_whose_evidence_has_no_room_in_the_transcript_is_told_so() {
    let computation = Computation::new();
    let agent = limited(&computation, |limits| limits.logged_report_bytes = 1000).await;
    let mut peer = Peer::attest(&agent, &computation).await;
    let envelope = peer.auth("lab", &computation.keys["lab"]);
    assert_eq!(code(peer.client.authenticate(wire::AuthenticateRequest { envelope }).await), "limit.reached");
    agent.shutdown().await;
}

async fn limited(computation: &Computation, change: impl FnOnce(&mut Limits)) -> Agent {
    let mut config = computation.config();
    change(&mut config.limits);
    Agent::start(config, computation.signed.clone()).await.unwrap()
}

/// So many strangers are refused, then a participant comes; how many the log names, and how many it only counts.
async fn refuse_often(agent: Agent, computation: &Computation, often: u64) -> (u64, u64) {
    for _ in 0..often {
        let mut peer = Peer::attest(&agent, computation).await;
        let envelope = peer.auth("lab", &computation.keys["hospital-1"]);
        assert!(peer.client.authenticate(wire::AuthenticateRequest { envelope }).await.is_err());
    }
    let mut lab = Peer::join(&agent, computation, "lab").await;
    let mut watch = lab.client.watch(wire::WatchRequest { from: 0 }).await.unwrap().into_inner();
    let ending = tokio::spawn(agent.shutdown());
    let (mut refused, mut unlogged) = (0, None);
    while let Some(response) = watch.message().await.unwrap() {
        match prism_core::audit::entry::Entry::read(&response.entry).unwrap().event {
            Event::AuthRefused(_) => refused += 1,
            Event::LogClose(body) => unlogged = Some(body.refusals_unlogged),
            _ => {}
        }
    }
    ending.await.unwrap();
    (refused, unlogged.unwrap())
}

//! The way of the result.

use prism_attest::audit::{ExpectedComputation, audit};
use prism_core::audit::entry::{Event, Outcome, WithheldBody};
use prism_core::digest::Digest;
use prism_core::seal::Identity;

use crate::common::computation::now;
use crate::common::peer::code;
use crate::common::{Computation, Peer, wire};
use crate::endings::events;
use crate::scene::{
    acknowledge, bring_everything, computation, computation_with, download, identity, open, request, start, until_state,
};

crate::tests![
    the_result_goes_from_the_last_asset_to_its_consumer_and_a_stranger_can_audit_it,
    a_second_recipient_never_gets_the_key,
    a_request_that_could_not_be_answered_releases_nothing,
    a_result_is_not_confirmed_by_mistake,
    nobody_but_the_consumer_gets_anything,
    a_download_goes_on_from_any_byte,
    only_files_that_the_manifest_permits_leave,
    files_whose_names_no_archive_can_hold_stay_inside_and_cost_nobody_the_others,
];

const PROGRAM: &str = "
import os
sizes = sorted(os.path.getsize('datasets/' + name) for name in os.listdir('datasets'))
open('results/sizes.txt', 'w').write(repr(sizes))
print('done')
";

async fn sealed(peer: &mut Peer) -> (Vec<u8>, Digest) {
    let bytes = download(peer, 0).await.unwrap();
    let digest = Digest::sha256(&bytes);
    let status = peer.client.status(wire::StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.results[0].digest, digest.to_string());
    assert_eq!(status.results[0].sealed_length, bytes.len() as u64);
    (bytes, digest)
}

/// A computation that is delivering, and its consumer.
async fn delivering(computation: &Computation) -> (prism_agent::server::Agent, Peer) {
    let agent = start(computation).await;
    bring_everything(&agent, computation).await;
    let mut peer = Peer::join(&agent, computation, "institute").await;
    until_state(&mut peer, "Delivering").await;
    (agent, peer)
}

fn recipient(identity: &Identity) -> String {
    identity.recipient().to_string()
}

pub(crate) async fn transcript(peer: &mut Peer) -> Vec<u8> {
    let mut stream = peer.client.transcript(wire::TranscriptRequest {}).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(response) = stream.message().await.unwrap() {
        bytes.extend(response.frame);
    }
    bytes
}

async fn the_result_goes_from_the_last_asset_to_its_consumer_and_a_stranger_can_audit_it() {
    let computation = computation(PROGRAM);
    let agent = start(&computation).await;
    let mut peer = Peer::join(&agent, &computation, "institute").await;
    bring_everything(&agent, &computation).await;
    let states = until_state(&mut peer, "Delivering").await;
    let expected = ["Empty", "Manifested", "WaitingForAlgorithm", "WaitingForDatasets", "Running", "Delivering"];
    assert_eq!(states, expected);
    let (ciphertext, digest) = sealed(&mut peer).await;
    let identity = identity();
    let released = request(&mut peer, &computation, &recipient(&identity), digest).await.unwrap().into_inner();
    let (entry, _) = peer.verify(released.receipt.as_ref());
    assert!(matches!(entry.event, Event::ResultReleased(body) if body.recipient == recipient(&identity)));
    let archive = open(&released.header, &ciphertext, &identity);
    assert!(archive.windows(12).any(|window| window == b"[3000, 5000]"), "the program saw other data");
    let acked = acknowledge(&mut peer, &computation, Digest::sha256(&archive)).await.unwrap().into_inner();
    assert!(matches!(peer.verify(acked.receipt.as_ref()).0.event, Event::ResultAcked(_)));
    assert_eq!(agent.wait_closed().await, Some(Outcome::Completed));
    let mut auditor = Peer::join(&agent, &computation, "hospital-1").await;
    let bytes = transcript(&mut auditor).await;
    let report = audit(&bytes, ExpectedComputation::Manifest(computation.signed.digest()), now());
    assert!(report.holds(), "{:?}", report.broken().collect::<Vec<_>>());
    agent.shutdown().await;
}

async fn a_second_recipient_never_gets_the_key() {
    let computation = computation(PROGRAM);
    let (agent, mut peer) = delivering(&computation).await;
    let (ciphertext, digest) = sealed(&mut peer).await;
    let (first, second) = (identity(), identity());
    let released = request(&mut peer, &computation, &recipient(&first), digest).await.unwrap().into_inner();
    assert_eq!(code(request(&mut peer, &computation, &recipient(&second), digest).await), "result.released");
    // The same recipient gets the same answer on another connection, with the same entry.
    let mut again = Peer::join(&agent, &computation, "institute").await;
    let repeated = request(&mut again, &computation, &recipient(&first), digest).await.unwrap().into_inner();
    assert_eq!(repeated.header, released.header);
    assert_eq!(repeated.receipt.unwrap().entry, released.receipt.unwrap().entry);
    let archive = open(&released.header, &ciphertext, &first);
    let acked = acknowledge(&mut peer, &computation, Digest::sha256(&archive)).await.unwrap().into_inner();
    assert_eq!(agent.wait_closed().await, Some(Outcome::Completed));
    for who in [&first, &second] {
        assert_eq!(code(request(&mut peer, &computation, &recipient(who), digest).await), "result.gone");
    }
    let gone = download(&mut peer, 0).await.unwrap_err();
    assert_eq!(gone.metadata().get("prism-code").unwrap(), "result.gone");
    let repeated = acknowledge(&mut peer, &computation, Digest::sha256(&archive)).await.unwrap().into_inner();
    assert_eq!(repeated.receipt.unwrap().entry, acked.receipt.unwrap().entry);
    agent.shutdown().await;
}

async fn a_request_that_could_not_be_answered_releases_nothing() {
    let computation = computation(PROGRAM);
    let (agent, mut peer) = delivering(&computation).await;
    let (_, digest) = sealed(&mut peer).await;
    let identity = identity();
    for text in ["", "age1nonsense", &recipient(&identity).to_uppercase()] {
        assert_eq!(code(request(&mut peer, &computation, text, digest).await), "key.malformed", "{text}");
    }
    let other = Digest::sha256(b"another ciphertext");
    assert_eq!(code(request(&mut peer, &computation, &recipient(&identity), other).await), "asset.mismatch");
    let status = peer.client.status(wire::StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.results[0].recipient, "");
    request(&mut peer, &computation, &recipient(&identity), digest).await.unwrap();
    agent.shutdown().await;
}

async fn a_result_is_not_confirmed_by_mistake() {
    let computation = computation(PROGRAM);
    let (agent, mut peer) = delivering(&computation).await;
    let (ciphertext, digest) = sealed(&mut peer).await;
    let identity = identity();
    let early = acknowledge(&mut peer, &computation, Digest::sha256(b"guess")).await;
    assert_eq!(code(early), "asset.mismatch");
    let released = request(&mut peer, &computation, &recipient(&identity), digest).await.unwrap().into_inner();
    assert_eq!(code(acknowledge(&mut peer, &computation, Digest::sha256(b"guess")).await), "asset.mismatch");
    let archive = open(&released.header, &download(&mut peer, 0).await.unwrap(), &identity);
    assert_eq!(ciphertext, download(&mut peer, 0).await.unwrap());
    acknowledge(&mut peer, &computation, Digest::sha256(&archive)).await.unwrap();
    agent.shutdown().await;
}

async fn nobody_but_the_consumer_gets_anything() {
    let computation = computation(PROGRAM);
    let (agent, mut consumer) = delivering(&computation).await;
    let (_, digest) = sealed(&mut consumer).await;
    let mut other = Peer::join(&agent, &computation, "hospital-1").await;
    let refused = download(&mut other, 0).await.unwrap_err();
    assert_eq!(refused.metadata().get("prism-code").unwrap(), "role.refused");
    // A request that the consumer signed is for the consumer's own connection.
    assert_eq!(code(request(&mut other, &computation, &recipient(&identity()), digest).await), "auth.refused");
    agent.shutdown().await;
}

async fn a_download_goes_on_from_any_byte() {
    let computation = computation("open('results/big', 'wb').write(bytes(700_000))");
    let (agent, mut peer) = delivering(&computation).await;
    let whole = download(&mut peer, 0).await.unwrap();
    assert!(whole.len() > 700_000);
    for offset in [1, 300_000, whole.len()] {
        assert_eq!(download(&mut peer, offset as u64).await.unwrap(), whole[offset..], "{offset}");
    }
    agent.shutdown().await;
}

async fn only_files_that_the_manifest_permits_leave() {
    let program = "
import os
os.symlink('/etc/passwd', 'results/link')
open('results/model.txt', 'w').write('MODEL')
open('results/secret.txt', 'w').write('SECRET')
";
    let computation = computation_with(program, |manifest| manifest.results.files = vec!["model.*".to_owned()]);
    let (agent, mut peer) = delivering(&computation).await;
    let (ciphertext, digest) = sealed(&mut peer).await;
    let identity = identity();
    let released = request(&mut peer, &computation, &recipient(&identity), digest).await.unwrap().into_inner();
    let bytes = open(&released.header, &ciphertext, &identity);
    let archive = String::from_utf8_lossy(&bytes);
    assert!(archive.contains("MODEL"));
    assert!(!archive.contains("SECRET") && !archive.contains("root:"));
    // The log says how much stayed inside, and why, to everybody.
    acknowledge(&mut peer, &computation, Digest::sha256(&bytes)).await.unwrap();
    let log = events(&mut peer).await;
    let checked =
        log.iter().find_map(|event| if let Event::OutputChecked(body) = event { Some(body.withheld) } else { None });
    assert_eq!(checked, Some(WithheldBody { special: 1, unlisted: 1, ..WithheldBody::default() }));
    agent.shutdown().await;
}

async fn files_whose_names_no_archive_can_hold_stay_inside_and_cost_nobody_the_others() {
    let program = "
import os
os.mkdir('results/Plots')
os.mkdir('results/plots')
for number, name in enumerate(['model', 'Model', 'a:b', 'Plots/1', 'plots/2', 'z']):
    open('results/' + name, 'w').write('content %d' % number)
";
    let computation = computation(program);
    let (agent, mut peer) = delivering(&computation).await;
    let (ciphertext, digest) = sealed(&mut peer).await;
    let identity = identity();
    let released = request(&mut peer, &computation, &recipient(&identity), digest).await.unwrap().into_inner();
    let archive = String::from_utf8_lossy(&open(&released.header, &ciphertext, &identity)).into_owned();
    // Of two that clash the first in the order of bytes leaves.
    let left = (0..6).filter(|number| archive.contains(&format!("content {number}")));
    assert_eq!(left.collect::<Vec<_>>(), [1, 3, 5]);
    agent.shutdown().await;
}

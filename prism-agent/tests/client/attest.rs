//! Who is trusted, and who is let in.

use prism_agent::client::{AttestError, Client};
use prism_attest::{Check, Verdict};
use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};
use prism_core::entropy::SystemEntropy;
use prism_core::key::{KeyAlgorithm, SigningKey};
use prism_core::manifest::Role;
use tokio::io::AsyncWriteExt;

use crate::cable::relay;
use crate::common::Computation;
use crate::common::computation::now;
use crate::people::{attest, code, join, key, options};

fn unmet(verdict: &Verdict) -> Vec<Check> {
    verdict.findings().iter().filter(|finding| !finding.ok).map(|finding| finding.check).collect()
}

fn refused(result: Result<prism_agent::client::AttestedChannel, AttestError>) -> Vec<Check> {
    match result {
        Err(AttestError::Refused(refusal)) => unmet(refusal.verdict()),
        other => panic!("expected a refusal with a verdict, found {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_serves_the_manifest_earns_trust_and_says_aloud_that_it_is_simulated() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let channel = attest(agent.local_addr(), &computation, "lab").await.unwrap();
    assert!(channel.verdict().is_good() && channel.trust().is_simulated());
    assert_eq!(channel.trust().agent().boot_id(), agent.boot_id());
    assert!(channel.trust().to_string().contains("SIMULATED"));
    assert!(channel.head().is_some());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_splices_the_agents_evidence_into_its_own_connection_is_refused() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let checks = refused(attest(relay(agent.local_addr()).await, &computation, "lab").await);
    assert!(checks.contains(&Check::BindingChannelKey), "{checks:?}");
    assert!(checks.contains(&Check::BindingSession), "{checks:?}");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_another_manifest_is_refused() {
    let (computation, other) = (Computation::new(), Computation::new());
    let agent = other.start().await;
    let checks = refused(attest(agent.local_addr(), &computation, "lab").await);
    assert_eq!(checks, [Check::BindingManifest]);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn simulated_evidence_is_refused_where_the_manifest_does_not_name_it() {
    let simulating = Computation::new();
    let real = Computation::with(|manifest, _| manifest.platform = real_machines_only());
    let agent = simulating.start().await;
    let refusal = attest(agent.local_addr(), &real, "lab").await;
    assert_eq!(code(refusal), Code::EvidenceRefused);
    agent.shutdown().await;
}

fn real_machines_only() -> prism_core::manifest::platform::PlatformPolicy {
    use prism_attest::platform::simulated::SimulatedMachine;
    use prism_core::manifest::platform::{PlatformPolicy, Profile};
    PlatformPolicy::only(Profile::Snp(SimulatedMachine::default().policy()))
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_are_over_or_have_not_begun_are_refused_before_anything_is_asked() {
    let computation = Computation::new();
    let agent = computation.start().await;
    for at in [now() - 3600, now() + 7200] {
        let address = agent.local_addr().to_string();
        let connecting =
            Client::connect(&address, &computation.signed, options(computation.dir.path(), "lab")).await.unwrap();
        assert_eq!(code(connecting.attest(at).await), Code::ManifestNotCurrent);
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_known_by_the_key_that_the_manifest_names() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let roles = [
        ("lab", vec![Role::Owner, Role::AlgorithmProvider]),
        ("hospital-1", vec![Role::DatasetProvider]),
        ("institute", vec![Role::Consumer]),
    ];
    for (who, roles) in roles {
        let session = join(agent.local_addr(), &computation, who).await;
        assert_eq!((session.participant().as_str(), session.roles()), (who, roles));
        assert!(matches!(session.arrival().entry().event, Event::AuthOk(_)));
    }
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_manifest_does_not_name_is_refused_before_it_signs_anything() {
    let computation = Computation::new();
    let agent = computation.start().await;
    let stranger = SigningKey::generate(KeyAlgorithm::Ed25519, &mut SystemEntropy::default()).unwrap();
    let channel = attest(agent.local_addr(), &computation, "lab").await.unwrap();
    let error = channel.authenticate(stranger).await.unwrap_err();
    assert_eq!(error.code(), Code::KeyUnknown);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_and_somebody_else_at_it_are_told_apart() {
    let computation = Computation::new();
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let nobody = Client::connect(&free, &computation.signed, options(computation.dir.path(), "lab")).await;
    assert_eq!(code(nobody), Code::AgentUnreachable);
    let other = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut tcp, _) = other.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let somebody = Client::connect(&address, &computation.signed, options(computation.dir.path(), "lab")).await;
    assert_eq!(code(somebody), Code::AgentMisbehaved);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_was_started_anew_is_another_log_and_no_fork() {
    let computation = Computation::new();
    let first = computation.start().await;
    let _ = join(first.local_addr(), &computation, "lab").await;
    first.shutdown().await;
    let second = computation.start().await;
    let session = join(second.local_addr(), &computation, "lab").await;
    assert_eq!(session.trust().agent().boot_id(), second.boot_id());
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_of_one_manifest_may_take_turns() {
    let (computation, elsewhere) = (Computation::new(), tempfile::tempdir().unwrap());
    let one = computation.start().await;
    let mut config = computation.config();
    config.state_dir = elsewhere.path().join("state");
    let other = prism_agent::server::Agent::start(config, computation.signed.clone()).await.unwrap();
    for agent in [&one, &other, &one, &other] {
        let channel = attest(agent.local_addr(), &computation, "lab").await.unwrap();
        let session = channel.authenticate(key(&computation, "lab")).await.unwrap();
        session.checkpoint().await.unwrap();
    }
    one.shutdown().await;
    other.shutdown().await;
}

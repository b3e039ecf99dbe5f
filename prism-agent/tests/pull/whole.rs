//! From a store to the run, and what the log says of it.

use std::sync::Arc;

use prism_agent::pull::{PullConfig, S3Credentials};
use prism_agent::server::Agent;
use prism_core::audit::entry::{Actor, Event, Releaser};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Hasher, Salt};
use prism_core::seal::Identity;
use tempfile::TempDir;

use super::s3::{KEY, SECRET, s3};
use super::scene::{Ending, Scene, agreed, config, ending, entries, header_len, plaintext, sealed};
use super::tls::Authority;
use crate::common::Computation;
use crate::common::computation::name;
use crate::people::join;

struct Bucket {
    computation: Computation,
    agent: Agent,
    object: Vec<u8>,
    identity: Identity,
    config: PullConfig,
    _root: TempDir,
}

async fn bucket(credentials: Option<(&str, &str)>) -> Bucket {
    let authority = Authority::new();
    let (object, identity) = sealed();
    let (address, root) = s3(&authority, &[("h1.age", &object)]).await;
    let computation = agreed("s3://bucket/covid/h1.age", &object, |_| {});
    let mut config = config(&computation, &address.to_string(), &authority);
    config.pull.s3.endpoint = Some(format!("https://{address}").parse().unwrap());
    let given = |(id, secret): (&str, &str)| S3Credentials::new(id.to_owned(), secret.to_owned().into(), None);
    config.pull.s3.credentials = credentials.map(given);
    let pull = config.pull.clone();
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    Bucket { computation, agent, object, identity, config: pull, _root: root }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_dataset_comes_from_an_s3_store_once_its_provider_released_the_key() {
    let bucket = bucket(Some((KEY, SECRET))).await;
    let hospital = join(bucket.agent.local_addr(), &bucket.computation, "hospital-1").await;
    assert_eq!(hospital.status().await.unwrap().assets[1].pull.as_ref().unwrap().stage, "waiting");
    // The provider needs no copy: the header is read from the store, too.
    let header = hospital.stored_header("h1", &bucket.config).await.unwrap();
    assert_eq!(header, bucket.object[..header_len(&bucket.object)]);
    let receipt = hospital.release("h1", &header, &bucket.identity, None).await.unwrap();
    let Event::KeyReleased(released) = &receipt.entry().event else { panic!("{:?}", receipt.entry()) };
    assert_eq!((released.asset.as_str(), released.by), ("h1", Releaser::Provider));
    assert!(released.recipient.starts_with("age1pq1"));
    assert_eq!(receipt.entry().actor, Actor::Participant(name("hospital-1")));
    assert_eq!(ending(&hospital, 0).await, Ending::Accepted);
    let log = entries(&hospital).await;
    let agents = |kind: &str| log.iter().any(|e| e.event.kind() == kind && e.actor == Actor::Agent);
    assert!(agents("asset.begin") && agents("asset.accepted"));
    let status = hospital.status().await.unwrap();
    let h1 = status.assets.iter().find(|asset| asset.name == "h1").unwrap();
    let pull = h1.pull.as_ref().unwrap();
    assert!(h1.accepted && pull.received == pull.of && pull.of == bucket.object.len() as u64, "{pull:?}");
    let boot = bucket.computation.dir.path().join("state/boot").join(&status.boot);
    assert_eq!(std::fs::read(boot.join("assets/h1")).unwrap(), plaintext());
    bucket.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_store_that_does_not_know_the_agent_refuses_and_so_does_the_log() {
    for credentials in [None, Some((KEY, "wrong")), Some(("nobody", SECRET))] {
        let bucket = bucket(credentials).await;
        let hospital = join(bucket.agent.local_addr(), &bucket.computation, "hospital-1").await;
        let header = &bucket.object[..header_len(&bucket.object)];
        hospital.release("h1", header, &bucket.identity, None).await.unwrap();
        assert_eq!(ending(&hospital, 0).await, Ending::refused("source.refused"), "{credentials:?}");
        let error = hospital.stored_header("h1", &bucket.config).await.unwrap_err();
        assert_eq!(error.code(), Code::SourceRefused, "{error}");
        bucket.agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_dataset_comes_from_a_web_server_in_one_request() {
    let scene = Scene::new().await;
    assert_eq!(scene.outcome().await, Ending::Accepted);
    let asked = scene.shop.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!((asked[0].line.as_str(), &asked[0].range), ("GET /data/h1.age HTTP/1.1", &None));
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salted_dataset_needs_its_salt_as_an_uploaded_one_does() {
    let salt = || Salt::from_bytes([5; 32]);
    let salted = |dataset: &mut prism_core::manifest::Dataset| {
        let mut hasher = Hasher::salted(&salt());
        hasher.update(&plaintext());
        dataset.digest = hasher.finish();
    };
    let scene = Scene::with(salted, |_| {}).await;
    let hospital = scene.join("hospital-1").await;
    let error = hospital.release("h1", scene.header(), &scene.identity, None).await.unwrap_err();
    assert_eq!(error.code(), Code::Usage, "{error}");
    let other = Some(Salt::from_bytes([6; 32]));
    hospital.release("h1", scene.header(), &scene.identity, other).await.unwrap();
    assert_eq!(ending(&hospital, 0).await, Ending::refused("asset.mismatch"));
    hospital.release("h1", scene.header(), &scene.identity, Some(salt())).await.unwrap();
    assert_eq!(ending(&hospital, 1).await, Ending::Accepted);
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blocking_client_releases_as_well() {
    use prism_agent::client::blocking::{Client, Interrupt};

    let scene = Scene::new().await;
    let (address, signed) = (scene.agent.local_addr().to_string(), scene.computation.signed.clone());
    let options = crate::people::options(scene.computation.dir.path(), "blocking");
    let key = crate::people::key(&scene.computation, "hospital-1");
    let (header, text) = (scene.header().to_vec(), scene.identity.to_text());
    let mut pull = PullConfig::default();
    pull.extra_roots = vec![scene.authority.root.clone()];
    let released = tokio::task::spawn_blocking(move || {
        let connecting = Client::connect(&address, &signed, options, Interrupt::never()).unwrap();
        let channel = connecting.attest(crate::common::computation::now()).unwrap();
        let session = channel.authenticate(key).unwrap();
        assert_eq!(session.stored_header("h1", pull).unwrap(), header);
        session.release("h1", &header, Arc::new(text.parse().unwrap()), None).unwrap()
    });
    assert!(matches!(released.await.unwrap().entry().event, Event::KeyReleased(_)));
    let hospital = scene.join("hospital-1").await;
    assert_eq!(ending(&hospital, 0).await, Ending::Accepted);
    scene.agent.shutdown().await;
}

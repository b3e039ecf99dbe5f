//! Keys that a broker releases, while the provider is offline.

use std::time::Duration;

use prism_agent::client::RetryPolicy;
use prism_agent::server::{Agent, AgentConfig};
use prism_core::audit::entry::{Actor, Event, Releaser};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::platform::{PlatformPolicy, Profile, SimulatedPolicy};
use prism_core::manifest::{Codec, KeyRelease, grant};
use prism_core::seal::Identity;

use super::kbs::{Fault, Kbs, refused};
use super::scene::{Ending, agreed, config, count, ending, entries, sealed};
use super::shop::Shop;
use super::tls::Authority;
use crate::common::Computation;
use crate::common::computation::policy;
use crate::people::join;

/// A broker, a store and what was agreed; an agent is not there yet.
pub(crate) struct Scene<K = Identity> {
    authority: Authority,
    pub(crate) kbs: Kbs,
    shop: Shop,
    object: Vec<u8>,
    /// What opens the object.
    pub(crate) key: K,
    pub(crate) computation: Computation,
}

impl Scene {
    /// A broker that holds the key for this very manifest.
    pub(crate) async fn new() -> Self {
        let (object, identity) = sealed();
        let scene = Self::around(object, Codec::Age, identity).await;
        scene.kbs.keep(&grant(&scene.key, scene.computation.signed.digest()));
        scene
    }
}

impl<K> Scene<K> {
    /// A broker that holds nothing yet.
    pub(crate) async fn around(object: Vec<u8>, codec: Codec, key: K) -> Self {
        let authority = Authority::new();
        let shop = Shop::open(&authority, object.clone()).await;
        let kbs = Kbs::open(&authority, policy(), "").await;
        let url = kbs.url().parse().unwrap();
        let computation = agreed(&shop.url(), &object, |dataset| {
            let resource = "default/key/h1".parse().unwrap();
            let source = dataset.source.as_mut().unwrap();
            (source.release, source.codec) = (KeyRelease::Kbs { url, resource }, codec);
        });
        Self { authority, kbs, shop, object, key, computation }
    }

    fn config(&self) -> AgentConfig {
        let mut config = config(&self.computation, &self.shop.address.to_string(), &self.authority);
        config.pull.allow.push(self.kbs.address.to_string().parse().unwrap());
        config.pull.broker_roots = vec![self.authority.root.clone()];
        config.pull.broker_retry = RetryPolicy { attempts: 0, first: Duration::ZERO, longest: Duration::ZERO };
        config
    }

    pub(crate) async fn start(&self, setup: impl FnOnce(&mut AgentConfig)) -> Agent {
        let mut config = self.config();
        setup(&mut config);
        Agent::start(config, self.computation.signed.clone()).await.unwrap()
    }

    /// The broker gives no key: waits until the agent says so, and until when nothing was logged or fetched.
    pub(crate) async fn gives_no_key(&self, code: &str) {
        let agent = self.start(|_| {}).await;
        let lab = join(agent.local_addr(), &self.computation, "lab").await;
        assert_eq!(refused(&lab).await, code);
        assert_eq!(count(&lab, "key.released").await, 0);
        assert!(self.shop.asked().is_empty());
        agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_attested_the_agent_releases_the_key_and_the_provider_is_offline() {
    let scene = Scene::new().await;
    let agent = scene.start(|_| {}).await;
    let lab = join(agent.local_addr(), &scene.computation, "lab").await;
    assert_eq!(ending(&lab, 0).await, Ending::Accepted);
    let calls = ["POST /kbs/v0/auth", "POST /kbs/v0/attest", "GET /kbs/v0/resource/default/key/h1"];
    assert_eq!(scene.kbs.asked(), calls);
    let log = entries(&lab).await;
    let released = log.iter().find(|entry| entry.event.kind() == "key.released").unwrap();
    let Event::KeyReleased(body) = &released.event else { panic!("{released:?}") };
    assert_eq!((&released.actor, body.by), (&Actor::Agent, Releaser::Kbs));
    assert!(body.recipient.parse::<Digest>().is_ok());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_before_a_participant_is_there() {
    let scene = Scene::new().await;
    let agent = scene.start(|_| {}).await;
    agent.shutdown().await;
    assert!(scene.kbs.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_another_manifest_is_not_used() {
    let scene = Scene::new().await;
    scene.kbs.keep(&grant(&scene.key, Digest::sha256(b"another manifest")));
    scene.gives_no_key("broker.misbehaved").await;
    let scene = Scene::new().await;
    scene.kbs.keep(&scene.key.to_text());
    scene.gives_no_key("broker.misbehaved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_policy_the_machine_does_not_meet_refuses() {
    let scene = Scene::new().await;
    let mut strict = policy();
    let profiles = strict.accept.iter().map(|profile| match profile {
        Profile::Simulated(simulated) => {
            Profile::Simulated(SimulatedPolicy::new(Digest::sha256(b"another vendor"), simulated.snp.clone()))
        }
        other => other.clone(),
    });
    strict = PlatformPolicy::new(profiles.collect()).unwrap();
    scene.kbs.accept(strict);
    scene.gives_no_key("broker.refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_nobody_vouches_for_is_told_nothing() {
    let scene = Scene::new().await;
    let stranger = Authority::new();
    // That this machine trusts somebody for stores does not help a broker.
    let agent = scene.start(|config| config.pull.broker_roots = vec![stranger.root]).await;
    let lab = join(agent.local_addr(), &scene.computation, "lab").await;
    assert_eq!(refused(&lab).await, "broker.refused");
    assert!(scene.kbs.asked().is_empty());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_may_not_ask_the_broker_does_not_start() {
    let scene = Scene::new().await;
    let mut config = scene.config();
    config.pull.allow.pop();
    let error = Agent::start(config, scene.computation.signed.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::SourceRefused, "{error}");
    let mut config = scene.config();
    config.pull.broker_roots.clear();
    let error = Agent::start(config, scene.computation.signed.clone()).await.unwrap_err();
    assert_eq!(error.code(), Code::BrokerRefused, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_keep_the_protocol_gets_nowhere() {
    for (call, fault, code) in [
        ("auth", Fault::NoSession, "broker.misbehaved"),
        ("auth", Fault::OtherHash, "broker.misbehaved"),
        ("auth", Fault::Status(401), "broker.refused"),
        ("attest", Fault::Status(403), "broker.refused"),
        ("resource", Fault::Status(404), "broker.refused"),
        ("resource", Fault::OtherKey, "broker.misbehaved"),
        ("resource", Fault::Bare, "broker.misbehaved"),
    ] {
        let scene = Scene::new().await;
        scene.kbs.err(call, fault);
        scene.gives_no_key(code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_points_elsewhere_is_not_followed() {
    for call in ["auth", "attest", "resource"] {
        let scene = Scene::new().await;
        let elsewhere = Kbs::open(&scene.authority, policy(), &scene.key.to_text()).await;
        scene.kbs.err(call, Fault::Redirect(format!("{}/kbs/v0/{call}", elsewhere.url())));
        scene.gives_no_key("broker.refused").await;
        assert!(elsewhere.asked().is_empty(), "{call}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stumbles_is_asked_again_with_another_key() {
    let scene = Scene::new().await;
    scene.kbs.err("auth", Fault::Status(503));
    scene.kbs.err("resource", Fault::Status(404));
    let patient = RetryPolicy { attempts: 4, first: Duration::ZERO, longest: Duration::ZERO };
    let agent = scene.start(|config| config.pull.broker_retry = patient).await;
    let lab = join(agent.local_addr(), &scene.computation, "lab").await;
    assert_eq!(ending(&lab, 0).await, Ending::Accepted);
    assert_eq!(scene.kbs.asked().iter().filter(|call| call.ends_with("/auth")).count(), 3);
    assert_eq!(count(&lab, "key.released").await, 1);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_brokers_key_does_not_open_is_refused_and_tried_again() {
    let scene = Scene::new().await;
    let (other, stranger) = sealed();
    drop(other);
    scene.kbs.keep(&grant(&stranger, scene.computation.signed.digest()));
    let agent = scene.start(|_| {}).await;
    let lab = join(agent.local_addr(), &scene.computation, "lab").await;
    assert_eq!(ending(&lab, 0).await, Ending::refused("seal.not-for-you"));
    assert_eq!(scene.shop.asked().len(), 1);
    assert!(!scene.object.is_empty());
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_does_not_release_what_a_broker_releases() {
    let scene = Scene::new().await;
    scene.kbs.err("auth", Fault::Status(401));
    let agent = scene.start(|_| {}).await;
    let hospital = join(agent.local_addr(), &scene.computation, "hospital-1").await;
    let header = &scene.object[..super::scene::header_len(&scene.object)];
    let error = hospital.release("h1", header, &scene.key, None).await.unwrap_err();
    assert_eq!(error.code(), Code::AssetOtherWay, "{error}");
    agent.shutdown().await;
}

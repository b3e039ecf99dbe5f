//! A computation whose dataset `h1` lies sealed in a store; `h2` is uploaded.

use std::time::Duration;

use prism_agent::client::{RetryPolicy, Session};
use prism_agent::pull::PullConfig;
use prism_agent::server::{Agent, AgentConfig};
use prism_core::audit::entry::{Entry, Event};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::manifest::{Codec, Dataset, KeyRelease, SealedObject};
use prism_core::seal::{self, Identity, RecipientKind};

use super::shop::Shop;
use super::tls::Authority;
use crate::common::Computation;
use crate::people::join;

/// Plaintext that fills several frames, and is no multiple of anything.
pub(crate) fn plaintext() -> Vec<u8> {
    (0..=250).cycle().take(700_001).collect()
}

/// The same sealed to an identity of the hospital's.
pub(crate) fn sealed() -> (Vec<u8>, Identity) {
    let identity = Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap();
    let mut object = Vec::new();
    let recipients = [identity.recipient().clone()];
    seal::seal(plaintext().as_slice(), &recipients, &mut SystemEntropy::default(), &mut object).unwrap();
    (object, identity)
}

/// Where an object's payload begins.
pub(crate) fn header_len(object: &[u8]) -> usize {
    seal::read_header(&mut &*object).unwrap().len()
}

pub(crate) fn source(url: &str, object: &[u8]) -> SealedObject {
    SealedObject {
        url: url.parse().unwrap(),
        size: object.len() as u64,
        digest: Digest::sha256(object),
        codec: Codec::Age,
        release: KeyRelease::Provider {},
    }
}

/// A computation that agreed on this object.
pub(crate) fn agreed(url: &str, object: &[u8], change: impl FnOnce(&mut Dataset)) -> Computation {
    Computation::with(|manifest, assets| {
        let dataset = &mut manifest.datasets[0];
        assets.insert("h1", plaintext());
        (dataset.digest, dataset.size) = (Digest::sha256(&plaintext()), plaintext().len() as u64);
        dataset.source = Some(source(url, object));
        change(dataset);
    })
}

/// An agent's configuration that may ask this host and is patient without pauses.
pub(crate) fn config(computation: &Computation, host: &str, authority: &Authority) -> AgentConfig {
    let mut pull = PullConfig::default();
    pull.allow = vec![host.parse().unwrap()];
    pull.extra_roots = vec![authority.root.clone()];
    pull.retry = RetryPolicy { attempts: 3, first: Duration::ZERO, longest: Duration::ZERO };
    computation.config().fetching(pull)
}

/// A web server with a sealed object, and an agent that may ask it.
pub(crate) struct Scene {
    pub(crate) authority: Authority,
    pub(crate) shop: Shop,
    pub(crate) object: Vec<u8>,
    pub(crate) identity: Identity,
    pub(crate) computation: Computation,
    pub(crate) agent: Agent,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}, |_| {}).await
    }

    /// Lets a test change what was agreed and how the agent is set up.
    pub(crate) async fn with(terms: impl FnOnce(&mut Dataset), setup: impl FnOnce(&mut AgentConfig)) -> Self {
        let authority = Authority::new();
        let (object, identity) = sealed();
        let shop = Shop::open(&authority, object.clone()).await;
        let computation = agreed(&shop.url(), &object, terms);
        let mut config = config(&computation, &shop.address.to_string(), &authority);
        setup(&mut config);
        let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
        Self { authority, shop, object, identity, computation, agent }
    }

    pub(crate) async fn join(&self, who: &str) -> Session {
        join(self.agent.local_addr(), &self.computation, who).await
    }

    pub(crate) fn header(&self) -> &[u8] {
        &self.object[..header_len(&self.object)]
    }

    /// The hospital releases the key of its object.
    pub(crate) async fn release(&self) -> Session {
        let hospital = self.join("hospital-1").await;
        hospital.release("h1", self.header(), &self.identity, None).await.unwrap();
        hospital
    }

    /// The hospital releases the key, and the agent ends with the asset or without.
    pub(crate) async fn outcome(&self) -> Ending {
        let hospital = self.release().await;
        ending(&hospital, 0).await
    }
}

/// How a pull ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Accepted,
    Refused(String),
}

impl Ending {
    pub(crate) fn refused(code: &str) -> Self {
        Self::Refused(code.to_owned())
    }
}

/// Waits until the log says for the time after `passed` others how a pull ended.
pub(crate) async fn ending(session: &Session, passed: usize) -> Ending {
    let mut watch = session.watch(0);
    let mut endings = 0;
    while let Some(observed) = watch.next().await {
        let ending = match observed.unwrap().entry.event {
            Event::AssetAccepted(_) => Ending::Accepted,
            Event::AssetRefused(body) => Ending::Refused(body.code),
            _ => continue,
        };
        if endings == passed {
            return ending;
        }
        endings += 1;
    }
    panic!("the log ends before the pull")
}

/// The log as it stands.
pub(crate) async fn entries(session: &Session) -> Vec<Entry> {
    let size = session.status().await.unwrap().log_size;
    let (mut watch, mut entries) = (session.watch(0), Vec::new());
    while (entries.len() as u64) < size {
        entries.push(watch.next().await.unwrap().unwrap().entry);
    }
    entries
}

/// How often something is in the log.
pub(crate) async fn count(session: &Session, kind: &str) -> usize {
    entries(session).await.iter().filter(|entry| entry.event.kind() == kind).count()
}

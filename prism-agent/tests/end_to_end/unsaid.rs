//! Pulls whose end the log's disk does not take: they are over when it does, and their keys can be released again.

use std::fs;

use prism_agent::client::Session;
use prism_core::audit::entry::Event;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::manifest::{Codec, KeyRelease, SealedObject, grant};
use prism_core::seal::{Identity, RecipientKind, read_header, seal};

use crate::common::Computation;
use crate::common::computation::policy;
use crate::kbs::{Fault, Kbs};
use crate::people::join;
use crate::processes::{AgentProcess, allow};
use crate::shop::{Act, Shop};
use crate::tests;
use crate::tls::Authority;

tests!["unsaid":
    a_pull_that_the_disk_of_the_log_ended_is_refused_and_released_again,
    a_broker_is_asked_again_when_the_disk_of_the_log_has_room,
];

/// A hospital's dataset in a store.
struct Stored {
    authority: Authority,
    object: Vec<u8>,
    identity: Identity,
    shop: Shop,
}

impl Stored {
    async fn new() -> Self {
        let authority = Authority::new();
        let identity = Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap();
        let (recipients, mut object) = ([identity.recipient().clone()], Vec::new());
        seal([1; 3000].as_slice(), &recipients, &mut SystemEntropy::default(), &mut object).unwrap();
        let shop = Shop::open(&authority, object.clone()).await;
        Self { authority, object, identity, shop }
    }

    fn agreed(&self, release: KeyRelease) -> Computation {
        Computation::with(|manifest, _| {
            manifest.datasets[0].source = Some(SealedObject {
                url: self.shop.url().parse().unwrap(),
                size: self.object.len() as u64,
                digest: Digest::sha256(&self.object),
                codec: Codec::Age,
                release,
            });
        })
    }

    fn header(&self) -> Vec<u8> {
        read_header(&mut self.object.as_slice()).unwrap()
    }
}

fn log(agent: &AgentProcess) -> Vec<String> {
    fs::read_to_string(agent.boot().join("log/entries.jsonl")).unwrap().lines().map(str::to_owned).collect()
}

fn length(agent: &AgentProcess) -> u64 {
    fs::metadata(agent.boot().join("log/entries.jsonl")).unwrap().len()
}

/// Waits until so many attempts of the pull have failed, and says why the last one did.
async fn failed(session: &Session, times: u32) -> String {
    loop {
        let status = session.status().await.unwrap();
        let pull = status.assets.iter().find_map(|asset| asset.pull.clone()).unwrap();
        if pull.failures >= times && !pull.code.is_empty() {
            return pull.code;
        }
    }
}

/// What the log says of the asset, once it is accepted.
async fn said(session: &Session) -> Vec<String> {
    let (mut watch, mut said) = (session.watch(0), Vec::new());
    while let Some(observed) = watch.next().await {
        match observed.unwrap().entry.event {
            Event::AssetRefused(body) => said.push(body.code),
            Event::KeyReleased(_) => said.push("released".to_owned()),
            Event::AssetAccepted(_) => break,
            _ => {}
        }
    }
    said
}

async fn a_pull_that_the_disk_of_the_log_ended_is_refused_and_released_again() {
    let stored = Stored::new().await;
    let computation = stored.agreed(KeyRelease::Provider {});
    allow(&computation, &[stored.shop.address], &stored.authority.root);
    let agent = AgentProcess::start_limited(&computation);
    let hospital = join(&agent.address, &computation, "hospital-1").await;
    let header = stored.header();
    // A first attempt shows how long the entry of a release is.
    stored.shop.plan([Act::Status(404)]);
    hospital.release("h1", &header, &stored.identity, None).await.unwrap();
    assert_eq!(failed(&hospital, 1).await, "source.refused");
    while !log(&agent).last().unwrap().contains("asset.refused") {
        tokio::task::yield_now().await;
    }
    let entry = log(&agent).iter().find(|line| line.contains("key.released")).unwrap().len() as u64;
    // The next one fits and nothing after it.
    agent.limit_files(Some(length(&agent) + entry + 10));
    hospital.release("h1", &header, &stored.identity, None).await.unwrap();
    assert_eq!(failed(&hospital, 1).await, "agent.full");
    // Nobody is told that the agent fetches what it does not.
    let error = hospital.release("h1", &header, &stored.identity, None).await.unwrap_err();
    assert_eq!(error.code(), Code::AgentFull, "{error}");
    agent.limit_files(None);
    hospital.release("h1", &header, &stored.identity, None).await.unwrap();
    assert_eq!(said(&hospital).await, ["released", "source.refused", "released", "agent.full", "released"]);
}

async fn a_broker_is_asked_again_when_the_disk_of_the_log_has_room() {
    let stored = Stored::new().await;
    let kbs = Kbs::open(&stored.authority, policy(), "").await;
    let (url, resource) = (kbs.url().parse().unwrap(), "default/key/h1".parse().unwrap());
    let computation = stored.agreed(KeyRelease::Kbs { url, resource });
    kbs.keep(&grant(&stored.identity, computation.signed.digest()));
    allow(&computation, &[stored.shop.address, kbs.address], &stored.authority.root);
    let agent = AgentProcess::start_limited(&computation);
    // It is asked when somebody has come; then the disk is full before it is asked again.
    kbs.err("auth", Fault::Status(503));
    let lab = join(&agent.address, &computation, "lab").await;
    assert_eq!(failed(&lab, 1).await, "broker.unreachable");
    agent.limit_files(Some(length(&agent) + 10));
    assert_eq!(failed(&lab, 2).await, "agent.full");
    agent.limit_files(None);
    assert_eq!(said(&lab).await, ["released"]);
}

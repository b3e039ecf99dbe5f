//! Datasets that are sealed as Cobblestone-256: one symmetric key, no header, and a purpose.

use std::sync::Arc;

use prism_agent::client::{ReleaseError, Session};
use prism_agent::pull::S3Credentials;
use prism_agent::server::Agent;
use prism_core::audit::entry::{Actor, Event, Releaser};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Salt};
use prism_core::entropy::SystemEntropy;
use prism_core::envelope::PayloadType;
use prism_core::manifest::{Codec, Dataset};
use prism_core::seal::{self, CobblestoneKey, Context, FileKey, Identity, Recipient, RecipientKind, Sealer};
use prism_core::statement::AssetBody;

use super::s3::{KEY, SECRET, s3};
use super::scene::{Ending, Scene, agreed, config, count, ending, entries, plaintext};
use super::shop::{Act, Shop};
use super::tls::Authority;
use crate::common::computation::name;
use crate::common::peer::{code, sign};
use crate::common::{Computation, Peer, wire};
use crate::people::{self, join};

fn entropy() -> SystemEntropy {
    SystemEntropy::default()
}

pub(crate) fn fresh_key() -> CobblestoneKey {
    CobblestoneKey::generate(&mut entropy()).unwrap()
}

/// The plaintext, sealed for the asset of this name.
pub(crate) fn sealed_for(asset: &str, key: &CobblestoneKey) -> Vec<u8> {
    let mut object = Vec::new();
    let context = Context::asset(&name(asset));
    Sealer::cobblestone(key, &context).seal(plaintext().as_slice(), &mut entropy(), &mut object).unwrap();
    object
}

fn set_codec(dataset: &mut Dataset) {
    dataset.source.as_mut().unwrap().codec = Codec::Cobblestone256;
}

/// A web server with a sealed object, and an agent that may ask it.
struct Vault {
    shop: Shop,
    object: Vec<u8>,
    key: CobblestoneKey,
    computation: Computation,
    agent: Agent,
}

impl Vault {
    async fn new() -> Self {
        Self::with("h1", |_| {}).await
    }

    /// An object that was sealed for some purpose; lets a test change what was agreed.
    async fn with(purpose: &str, terms: impl FnOnce(&mut Dataset)) -> Self {
        let (authority, key) = (Authority::new(), fresh_key());
        let object = sealed_for(purpose, &key);
        let shop = Shop::open(&authority, object.clone()).await;
        let computation = agreed(&shop.url(), &object, |dataset| {
            set_codec(dataset);
            terms(dataset);
        });
        let config = config(&computation, &shop.address.to_string(), &authority);
        let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
        Self { shop, object, key, computation, agent }
    }

    async fn join(&self, who: &str) -> Session {
        join(self.agent.local_addr(), &self.computation, who).await
    }

    /// The hospital releases this key, and the agent ends with the asset or without, after `passed` other endings.
    async fn ends(&self, key: &CobblestoneKey, passed: usize) -> Ending {
        let hospital = self.join("hospital-1").await;
        hospital.release_cobblestone("h1", key, None).await.unwrap();
        ending(&hospital, passed).await
    }

    /// Nothing of the refused asset stays; with the right key and the agreed object the next attempt succeeds.
    async fn recovers(self) {
        let boot = self.join("lab").await.status().await.unwrap().boot;
        let state = self.computation.dir.path().join("state/boot").join(boot);
        assert!(!state.join("partial/h1").exists() && !state.join("assets/h1").exists());
        self.shop.stock(self.object.clone());
        assert_eq!(self.ends(&self.key, 1).await, Ending::Accepted);
        assert_eq!(std::fs::read(state.join("assets/h1")).unwrap(), plaintext());
        self.agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_under_a_symmetric_key_comes_from_an_s3_store_once_its_provider_released_the_key() {
    let (authority, key) = (Authority::new(), fresh_key());
    let object = sealed_for("h1", &key);
    let (address, _root) = s3(&authority, &[("h1.cobblestone", &object)]).await;
    let computation = agreed("s3://bucket/covid/h1.cobblestone", &object, set_codec);
    let mut config = config(&computation, &address.to_string(), &authority);
    config.pull.s3.endpoint = Some(format!("https://{address}").parse().unwrap());
    config.pull.s3.credentials = Some(S3Credentials::new(KEY.to_owned(), SECRET.to_owned().into(), None));
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let hospital = join(agent.local_addr(), &computation, "hospital-1").await;
    let receipt = hospital.release_cobblestone("h1", &key, None).await.unwrap();
    let Event::KeyReleased(released) = &receipt.entry().event else { panic!("{:?}", receipt.entry()) };
    assert_eq!((released.asset.as_str(), released.by), ("h1", Releaser::Provider));
    assert!(released.recipient.starts_with("age1pq1"));
    assert_eq!(receipt.entry().actor, Actor::Participant(name("hospital-1")));
    assert_eq!(ending(&hospital, 0).await, Ending::Accepted);
    let status = hospital.status().await.unwrap();
    let pull = status.assets.iter().find_map(|asset| asset.pull.clone()).unwrap();
    assert_eq!((pull.stage.as_str(), pull.received, pull.of), ("done", object.len() as u64, object.len() as u64));
    let boot = computation.dir.path().join("state/boot").join(&status.boot);
    assert_eq!(std::fs::read(boot.join("assets/h1")).unwrap(), plaintext());
    // Whoever reads the log learns no more than whose key it was and who has it now.
    let log = entries(&hospital).await;
    assert!(log.iter().all(|entry| {
        let text = entry.to_bytes().unwrap();
        let shown = String::from_utf8_lossy(&text).to_lowercase();
        !shown.contains(&hex::encode(key.expose()))
    }));
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_goes_on_at_the_very_byte() {
    let vault = Vault::new().await;
    let cuts = [55, 56, 16_400, 16_399, 1];
    vault.shop.plan([0, 1].map(Act::Cut));
    vault.shop.plan(cuts.into_iter().flat_map(|cut| [Act::Cut(70_000), Act::Cut(cut)]));
    assert_eq!(vault.ends(&vault.key, 0).await, Ending::Accepted);
    assert_eq!(vault.shop.asked().len(), 2 + 2 * cuts.len() + 1);
    vault.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_another_object_is_refused_and_the_right_one_may_follow() {
    let vault = Vault::new().await;
    assert_eq!(vault.ends(&fresh_key(), 0).await, Ending::refused("seal.not-for-you"));
    vault.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_sealed_for_another_asset_is_refused_even_if_everybody_agreed_on_it() {
    for purpose in ["h2", "h1.zip", "h"] {
        let vault = Vault::with(purpose, |_| {}).await;
        assert_eq!(vault.ends(&vault.key, 0).await, Ending::refused("seal.not-for-you"), "{purpose}");
        vault.agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_cut_extended_or_altered_is_refused() {
    let length = Vault::new().await.object.len();
    for (at, expected) in [
        (0, "seal.not-for-you"),
        (24, "seal.not-for-you"),
        (56, "seal.broken"),
        (400_000, "seal.broken"),
        (length - 1, "seal.broken"),
    ] {
        let vault = Vault::new().await;
        let mut other = vault.object.clone();
        other[at] ^= 1;
        vault.shop.stock(other);
        assert_eq!(vault.ends(&vault.key, 0).await, Ending::refused(expected), "{at}");
        vault.recovers().await;
    }
    for change in [-16_400_i64, -1, 1] {
        let vault = Vault::new().await;
        let mut other = vault.object.clone();
        other.resize(length.checked_add_signed(change.try_into().unwrap()).unwrap(), 0);
        vault.shop.stock(other);
        assert_eq!(vault.ends(&vault.key, 0).await, Ending::refused("asset.mismatch"), "{change}");
        vault.recovers().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_sealed_anew_or_holds_something_else_is_refused() {
    // The same plaintext under the same key: it opens, but nobody agreed on these bytes.
    let vault = Vault::new().await;
    vault.shop.stock(sealed_for("h1", &vault.key));
    assert_eq!(vault.ends(&vault.key, 0).await, Ending::refused("asset.mismatch"));
    vault.recovers().await;
    // What lies in the store is what the manifest says, but its content is not.
    let vault = Vault::with("h1", |dataset| dataset.digest = Digest::sha256(b"other")).await;
    assert_eq!(vault.ends(&vault.key, 0).await, Ending::refused("asset.mismatch"));
    vault.agent.shutdown().await;
}

/// The request of `who`, written down from the protocol.
fn request(
    (computation, peer): (&Computation, &Peer),
    who: &str,
    header: Vec<u8>,
    sealed_key: Vec<u8>,
) -> wire::ReleaseRequest {
    let terms = computation.signed.manifest().asset("h1").unwrap();
    let body = AssetBody::new(&peer.context(who), terms.name, terms.digest, terms.size).to_json().unwrap();
    let envelope = sign(PayloadType::Asset, &body, &computation.keys[who]);
    wire::ReleaseRequest { envelope, salt: bytes::Bytes::new(), header: header.into(), sealed_key: sealed_key.into() }
}

async fn target(peer: &mut Peer) -> Recipient {
    let asked = wire::ReleaseTargetRequest { asset: "h1".to_owned() };
    peer.client.release_target(asked).await.unwrap().into_inner().recipient.parse().unwrap()
}

/// Some header for this recipient.
fn some_header(to: &Recipient) -> Vec<u8> {
    seal::header(&FileKey::generate(&mut entropy()).unwrap(), std::slice::from_ref(to), &mut entropy()).unwrap()
}

fn sealed(content: &[u8], to: &Recipient) -> Vec<u8> {
    let mut file = Vec::new();
    seal::seal(content, std::slice::from_ref(to), &mut entropy(), &mut file).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_the_other_codec_or_for_both_is_refused_and_not_logged() {
    let (vault, scene) = (Vault::new().await, Scene::new().await);
    for (agent, computation, right_header) in
        [(&vault.agent, &vault.computation, false), (&scene.agent, &scene.computation, true)]
    {
        let mut peer = Peer::join(agent, computation, "hospital-1").await;
        let own = target(&mut peer).await;
        let (header, key) = (some_header(&own), fresh_key().sealed_to(&own, &mut entropy()).unwrap());
        let other = if right_header { (vec![], key.clone()) } else { (header.clone(), vec![]) };
        for ((header, key), expected) in [(other, "usage"), ((header, key), "usage"), ((vec![], vec![]), "seal.broken")]
        {
            let asked = request((computation, &peer), "hospital-1", header, key);
            assert_eq!(code(peer.client.release(asked).await), expected, "{right_header}");
        }
        let hospital = join(agent.local_addr(), computation, "hospital-1").await;
        assert_eq!(count(&hospital, "key.released").await, 0);
    }
    assert!(vault.shop.asked().is_empty() && scene.shop.asked().is_empty());
    vault.agent.shutdown().await;
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_somebody_else_of_another_length_or_in_the_clear_is_refused_and_not_logged() {
    let vault = Vault::new().await;
    let mut peer = Peer::join(&vault.agent, &vault.computation, "hospital-1").await;
    let own = target(&mut peer).await;
    let key = vault.key.sealed_to(&own, &mut entropy()).unwrap();
    let stranger = Identity::generate(RecipientKind::Hybrid, &mut entropy()).unwrap();
    let mut altered = key.clone();
    *altered.last_mut().unwrap() ^= 1;
    for (sealed_key, expected) in [
        (vault.key.sealed_to(stranger.recipient(), &mut entropy()).unwrap(), "seal.not-for-you"),
        (sealed(&[7; 31], &own), "key.malformed"),
        (sealed(&[7; 33], &own), "key.malformed"),
        (sealed(b"", &own), "key.malformed"),
        ([key.as_slice(), b"x"].concat(), "key.malformed"),
        (altered, "seal.broken"),
        (vault.key.expose().to_vec(), "seal.broken"),
        (vec![b'x'; seal::HEADER_MAX + 1], "seal.broken"),
    ] {
        let asked = request((&vault.computation, &peer), "hospital-1", vec![], sealed_key);
        assert_eq!(code(peer.client.release(asked).await), expected);
    }
    // Nobody else releases it, with the right key neither.
    for who in ["lab", "hospital-2"] {
        let mut other = Peer::join(&vault.agent, &vault.computation, who).await;
        let asked = request((&vault.computation, &other), who, vec![], key.clone());
        assert_eq!(code(other.client.release(asked).await), "asset.wrong-provider", "{who}");
    }
    let hospital = vault.join("hospital-1").await;
    assert_eq!(count(&hospital, "key.released").await, 0);
    let asked = request((&vault.computation, &peer), "hospital-1", vec![], key);
    peer.client.release(asked).await.unwrap();
    assert_eq!(ending(&hospital, 0).await, Ending::Accepted);
    vault.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_a_key_for_another_codec_sends_nothing() {
    let (vault, scene) = (Vault::new().await, Scene::new().await);
    let hospital = vault.join("hospital-1").await;
    let error = hospital.release("h1", scene.header(), &scene.identity, None).await.unwrap_err();
    assert!(matches!(error, ReleaseError::OtherCodec { agreed: Codec::Cobblestone256, .. }), "{error:?}");
    assert_eq!(error.code(), Code::Usage);
    let error = hospital.stored_header("h1", &prism_agent::pull::PullConfig::default()).await.unwrap_err();
    assert!(matches!(error, ReleaseError::OtherCodec { .. }), "{error:?}");
    for (asset, salt, expected) in [
        ("h1", Some(Salt::from_bytes([1; 32])), Code::Usage),
        ("h2", None, Code::AssetWrongProvider),
        ("h9", None, Code::AssetUnknown),
    ] {
        let error = hospital.release_cobblestone(asset, &vault.key, salt).await.unwrap_err();
        assert_eq!(error.code(), expected, "{error}");
    }
    let other = vault.join("hospital-2").await.release_cobblestone("h2", &vault.key, None).await.unwrap_err();
    assert!(matches!(other, ReleaseError::OtherWay(_)), "{other:?}");
    assert_eq!(count(&hospital, "key.released").await, 0);

    let hospital = scene.join("hospital-1").await;
    let error = hospital.release_cobblestone("h1", &vault.key, None).await.unwrap_err();
    assert!(matches!(error, ReleaseError::OtherCodec { agreed: Codec::Age, .. }), "{error:?}");
    assert_eq!(count(&hospital, "key.released").await, 0);
    vault.agent.shutdown().await;
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blocking_client_releases_symmetric_keys_as_well() {
    use prism_agent::client::blocking::{Client, Interrupt};

    let vault = Vault::new().await;
    let (address, signed) = (vault.agent.local_addr().to_string(), vault.computation.signed.clone());
    let options = people::options(vault.computation.dir.path(), "blocking");
    let key = people::key(&vault.computation, "hospital-1");
    let symmetric = Arc::new(CobblestoneKey::from_bytes(vault.key.expose()).unwrap());
    let released = tokio::task::spawn_blocking(move || {
        let connecting = Client::connect(&address, &signed, options, Interrupt::never()).unwrap();
        let channel = connecting.attest(crate::common::computation::now()).unwrap();
        channel.authenticate(key).unwrap().release_cobblestone("h1", symmetric, None).unwrap()
    });
    assert!(matches!(released.await.unwrap().entry().event, Event::KeyReleased(_)));
    let hospital = vault.join("hospital-1").await;
    assert_eq!(ending(&hospital, 0).await, Ending::Accepted);
    vault.agent.shutdown().await;
}

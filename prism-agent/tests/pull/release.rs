//! Who may release which key, to whom, and how often.

use prism_agent::client::ReleaseError;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::envelope::PayloadType;
use prism_core::seal::{self, Identity, RecipientKind};
use prism_core::statement::AssetBody;

use super::scene::{Ending, Scene, count, ending};
use super::shop::Act;
use crate::common::peer::{code, sign};
use crate::common::{Peer, wire};
use crate::people;

fn stranger() -> Identity {
    Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap()
}

/// The request of `who`, written down from the protocol.
fn request(scene: &Scene, peer: &Peer, who: &str, header: Vec<u8>) -> wire::ReleaseRequest {
    let terms = scene.computation.signed.manifest().asset("h1").unwrap();
    request_for(scene, peer, who, (terms.digest, terms.size), header)
}

fn request_for(
    scene: &Scene,
    peer: &Peer,
    who: &str,
    (digest, size): (Digest, u64),
    header: Vec<u8>,
) -> wire::ReleaseRequest {
    let asset = "h1".parse().unwrap();
    let body = AssetBody::new(&peer.context(who), asset, digest, size).to_json().unwrap();
    let envelope = sign(PayloadType::Asset, &body, &scene.computation.keys[who]);
    wire::ReleaseRequest { envelope, salt: bytes::Bytes::new(), header: header.into(), sealed_key: bytes::Bytes::new() }
}

async fn target(peer: &mut Peer, asset: &str) -> Result<String, tonic::Status> {
    let asked = wire::ReleaseTargetRequest { asset: asset.to_owned() };
    peer.client.release_target(asked).await.map(|answer| answer.into_inner().recipient)
}

/// The object's key, wrapped to this recipient.
fn wrapped(scene: &Scene, recipient: &str) -> Vec<u8> {
    let key = seal::file_key(scene.header(), &scene.identity).unwrap();
    seal::header(&key, &[recipient.parse().unwrap()], &mut SystemEntropy::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_assets_provider_releases_its_key() {
    let scene = Scene::new().await;
    let mut hospital = Peer::join(&scene.agent, &scene.computation, "hospital-1").await;
    let header = wrapped(&scene, &target(&mut hospital, "h1").await.unwrap());
    for who in ["lab", "hospital-2", "institute"] {
        let mut peer = Peer::join(&scene.agent, &scene.computation, who).await;
        assert_eq!(code::<()>(target(&mut peer, "h1").await.map(|_| tonic::Response::new(()))), "asset.wrong-provider");
        let own = request(&scene, &peer, who, header.clone());
        assert_eq!(code(peer.client.release(own).await), "asset.wrong-provider", "{who}");
        // Nor with the hospital's own word, which was made for another connection.
        let stolen = request(&scene, &hospital, "hospital-1", header.clone());
        assert_eq!(code(peer.client.release(stolen).await), "auth.refused", "{who}");
    }
    let session = scene.join("lab").await;
    let error = session.release("h1", scene.header(), &scene.identity, None).await.unwrap_err();
    assert_eq!(error.code(), Code::AssetWrongProvider);
    assert_eq!(count(&session, "key.released").await, 0);
    assert!(scene.shop.asked().is_empty());
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_no_recipient_and_releases_nothing() {
    let scene = Scene::new().await;
    let mut peer = Peer::attest(&scene.agent, &scene.computation).await;
    let refused = target(&mut peer, "h1").await.map(|_| tonic::Response::new(()));
    assert_eq!(code::<()>(refused), "auth.required");
    let asked = request(&scene, &peer, "hospital-1", scene.header().to_vec());
    assert_eq!(code(peer.client.release(asked).await), "auth.required");
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_for_somebody_else_or_none_at_all_is_refused_and_not_logged() {
    let scene = Scene::new().await;
    let mut peer = Peer::join(&scene.agent, &scene.computation, "hospital-1").await;
    let own = target(&mut peer, "h1").await.unwrap();
    let mut altered = wrapped(&scene, &own);
    let last = altered.len() - 2;
    altered[last] = if altered[last] == b'A' { b'B' } else { b'A' };
    let extended = [wrapped(&scene, &own), b"x".to_vec()].concat();
    for (header, expected) in [
        (wrapped(&scene, &stranger().recipient().to_string()), "seal.not-for-you"),
        (scene.header().to_vec(), "seal.not-for-you"),
        (altered, "seal.broken"),
        (extended, "seal.broken"),
        (Vec::new(), "seal.broken"),
        (vec![b'x'; seal::HEADER_MAX + 1], "seal.broken"),
    ] {
        let asked = request(&scene, &peer, "hospital-1", header);
        assert_eq!(code(peer.client.release(asked).await), expected);
    }
    let hospital = scene.join("hospital-1").await;
    assert_eq!(count(&hospital, "key.released").await, 0);
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_of_another_digest_or_size_is_refused() {
    let scene = Scene::new().await;
    let mut peer = Peer::join(&scene.agent, &scene.computation, "hospital-1").await;
    let header = wrapped(&scene, &target(&mut peer, "h1").await.unwrap());
    let terms = scene.computation.signed.manifest().asset("h1").unwrap();
    for other in [(Digest::sha256(b"other"), terms.size), (terms.digest, terms.size + 1)] {
        let asked = request_for(&scene, &peer, "hospital-1", other, header.clone());
        assert_eq!(code(peer.client.release(asked).await), "asset.mismatch");
    }
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asset_comes_only_the_way_that_was_agreed() {
    let scene = Scene::new().await;
    let mut peer = Peer::join(&scene.agent, &scene.computation, "hospital-1").await;
    assert_eq!(code(peer.upload(&scene.computation, "hospital-1", "h1").await), "asset.other-way");
    let asking = wire::UploadStatusRequest { asset: "h1".to_owned(), offset: 0, length: 0 };
    assert_eq!(code(peer.client.upload_status(asking).await), "asset.other-way");
    let session = scene.join("hospital-1").await;
    let uploaded = session.upload("h1", people::source(&scene.computation, "h1"), None, |_| {}).await;
    assert_eq!(people::code(uploaded), Code::AssetOtherWay);

    let mut other = Peer::join(&scene.agent, &scene.computation, "hospital-2").await;
    let refused = target(&mut other, "h2").await.map(|_| tonic::Response::new(()));
    assert_eq!(code::<()>(refused), "asset.other-way");
    let session = scene.join("hospital-2").await;
    let error = session.release("h2", scene.header(), &scene.identity, None).await.unwrap_err();
    assert!(matches!(error, ReleaseError::OtherWay(_)), "{error:?}");
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_release_gives_the_same_receipt_and_nothing_happens_twice() {
    let scene = Scene::new().await;
    let mut peer = Peer::join(&scene.agent, &scene.computation, "hospital-1").await;
    let header = wrapped(&scene, &target(&mut peer, "h1").await.unwrap());
    let asked = request(&scene, &peer, "hospital-1", header);
    let first = peer.client.release(asked.clone()).await.unwrap().into_inner();
    let (entry, _) = peer.verify(first.receipt.as_ref());
    let again = peer.client.release(asked.clone()).await.unwrap().into_inner();
    assert_eq!(peer.verify(again.receipt.as_ref()).0, entry);
    let hospital = scene.join("hospital-1").await;
    assert_eq!(ending(&hospital, 0).await, Ending::Accepted);
    let late = peer.client.release(asked).await.unwrap().into_inner();
    assert_eq!(peer.verify(late.receipt.as_ref()).0, entry);
    assert_eq!((count(&hospital, "key.released").await, count(&hospital, "asset.begin").await), (1, 1));
    assert_eq!(scene.shop.asked().len(), 1);
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_releases_at_once_one_counts() {
    let scene = Scene::new().await;
    scene.shop.plan([Act::Cut(100_000)]);
    let (one, other) = (scene.join("hospital-1").await, scene.join("hospital-1").await);
    let release = |session: &prism_agent::client::Session| {
        let session = session.clone();
        let (header, identity) = (scene.header(), &scene.identity);
        async move { session.release("h1", header, identity, None).await.unwrap().entry().clone() }
    };
    let (first, second) = tokio::join!(release(&one), release(&other));
    assert_eq!(first, second);
    assert_eq!(ending(&one, 0).await, Ending::Accepted);
    assert_eq!((count(&one, "key.released").await, count(&one, "asset.begin").await), (1, 1));
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_with_another_header_or_identity_sends_nothing() {
    let scene = Scene::new().await;
    let hospital = scene.join("hospital-1").await;
    let error = hospital.release("h1", scene.header(), &stranger(), None).await.unwrap_err();
    assert_eq!(error.code(), Code::SealNotForYou, "{error}");
    let longer = [scene.header(), b"x"].concat();
    let error = hospital.release("h1", &longer, &scene.identity, None).await.unwrap_err();
    assert!(matches!(error, ReleaseError::OtherHeader { .. }), "{error:?}");
    assert_eq!(error.code(), Code::AssetMismatch);
    let error = hospital.release("h9", scene.header(), &scene.identity, None).await.unwrap_err();
    assert_eq!(error.code(), Code::AssetUnknown, "{error}");
    let salt = Some(prism_core::digest::Salt::from_bytes([1; 32]));
    let error = hospital.release("h1", scene.header(), &scene.identity, salt).await.unwrap_err();
    assert_eq!(error.code(), Code::Usage, "{error}");
    assert_eq!(count(&hospital, "key.released").await, 0);
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_boot_has_another_key_for_releases() {
    let scene = Scene::new().await;
    let mut peer = Peer::join(&scene.agent, &scene.computation, "hospital-1").await;
    let first = target(&mut peer, "h1").await.unwrap();
    assert_eq!(target(&mut peer, "h1").await.unwrap(), first);
    let other = Scene::new().await;
    let mut peer = Peer::join(&other.agent, &other.computation, "hospital-1").await;
    assert_ne!(target(&mut peer, "h1").await.unwrap(), first);
    scene.agent.shutdown().await;
    other.agent.shutdown().await;
}

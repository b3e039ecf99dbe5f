//! Objects that are not the agreed one: refused, discarded whole, and fetched again once their key is released again.

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{self, FileKey};

use super::scene::{Ending, Scene, count, ending, header_len, plaintext};

/// Nothing of a refused asset stays on the disk.
async fn is_clean(scene: &Scene) {
    let boot = scene.join("lab").await.status().await.unwrap().boot;
    let state = scene.computation.dir.path().join("state/boot").join(boot);
    assert!(!state.join("partial/h1").exists() && !state.join("assets/h1").exists());
}

/// The store gets what was agreed, and the second attempt succeeds.
async fn recovers(scene: &Scene) {
    is_clean(scene).await;
    scene.shop.stock(scene.object.clone());
    let hospital = scene.release().await;
    assert_eq!(ending(&hospital, 1).await, Ending::Accepted);
    assert_eq!(count(&hospital, "key.released").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_size_is_refused() {
    for change in [-1_i64, 1] {
        let scene = Scene::new().await;
        let mut other = scene.object.clone();
        if change < 0 {
            other.pop();
        } else {
            other.push(0);
        }
        scene.shop.stock(other);
        assert_eq!(scene.outcome().await, Ending::refused("asset.mismatch"), "{change}");
        recovers(&scene).await;
        scene.agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_chunk_is_refused() {
    let scene = Scene::new().await;
    for position in [header_len(&scene.object), header_len(&scene.object) + 20, 400_000, scene.object.len() - 1] {
        let scene = Scene::new().await;
        let mut other = scene.object.clone();
        other[position] ^= 1;
        scene.shop.stock(other);
        assert_eq!(scene.outcome().await, Ending::refused("seal.broken"), "{position}");
        recovers(&scene).await;
        scene.agent.shutdown().await;
    }
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_own_header_differs_is_refused_although_nobody_needs_it() {
    let scene = Scene::new().await;
    let mut other = scene.object.clone();
    other[100] ^= 1;
    scene.shop.stock(other);
    assert_eq!(scene.outcome().await, Ending::refused("asset.mismatch"));
    recovers(&scene).await;
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_other_content_than_agreed_is_refused() {
    // What lies in the store is what the manifest says, but its content is not.
    let scene = Scene::with(
        |dataset| {
            let mut other = plaintext();
            other[5] ^= 1;
            dataset.digest = Digest::sha256(&other);
        },
        |_| {},
    )
    .await;
    assert_eq!(scene.outcome().await, Ending::refused("asset.mismatch"));
    is_clean(&scene).await;
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_released_key_does_not_open_is_refused() {
    use crate::common::Peer;
    use crate::common::peer::sign;
    use crate::common::wire;
    use prism_core::envelope::PayloadType;
    use prism_core::statement::AssetBody;

    let scene = Scene::new().await;
    let mut peer = Peer::join(&scene.agent, &scene.computation, "hospital-1").await;
    let asked = wire::ReleaseTargetRequest { asset: "h1".to_owned() };
    let target = peer.client.release_target(asked).await.unwrap().into_inner().recipient;
    let other = FileKey::generate(&mut SystemEntropy::default()).unwrap();
    let header = seal::header(&other, &[target.parse().unwrap()], &mut SystemEntropy::default()).unwrap();
    let terms = scene.computation.signed.manifest().asset("h1").unwrap();
    let body = AssetBody::new(&peer.context("hospital-1"), terms.name, terms.digest, terms.size);
    let envelope = sign(PayloadType::Asset, &body.to_json().unwrap(), &scene.computation.keys["hospital-1"]);
    let request = wire::ReleaseRequest {
        envelope,
        salt: bytes::Bytes::new(),
        header: header.into(),
        sealed_key: bytes::Bytes::new(),
    };
    peer.client.release(request).await.unwrap();
    let hospital = scene.join("hospital-1").await;
    assert_eq!(ending(&hospital, 0).await, Ending::refused("seal.broken"));
    recovers(&scene).await;
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_for_which_nothing_more_may_be_logged_is_refused_and_its_provider_told() {
    // The release takes the only one.
    let scene = Scene::with(|_| {}, |config| config.limits.logged_uploads = 1).await;
    assert_eq!(scene.outcome().await, Ending::refused("limit.reached"));
    is_clean(&scene).await;
    let hospital = scene.join("hospital-1").await;
    let error = hospital.release("h1", scene.header(), &scene.identity, None).await.unwrap_err();
    assert_eq!(error.code(), Code::LimitReached, "{error}");
    assert_eq!(count(&hospital, "key.released").await, 1);
    scene.agent.shutdown().await;
}

//! Symmetric keys that a broker releases: the same rules as for identities, and no key of the other kind.

use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::manifest::{Codec, grant, grant_cobblestone};
use prism_core::seal::{CobblestoneKey, Identity, RecipientKind};

use super::broker::Scene;
use super::cobblestone::{fresh_key, sealed_for};
use super::scene::{Ending, count, ending};
use crate::people::join;

/// A broker that holds the symmetric key for this very manifest.
async fn symmetric() -> Scene<CobblestoneKey> {
    let key = fresh_key();
    let scene = Scene::around(sealed_for("h1", &key), Codec::Cobblestone256, key).await;
    scene.kbs.keep(&grant_cobblestone(&scene.key, scene.computation.signed.digest()));
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_attested_the_agent_releases_a_symmetric_key() {
    let scene = symmetric().await;
    let agent = scene.start(|_| {}).await;
    let lab = join(agent.local_addr(), &scene.computation, "lab").await;
    assert_eq!(ending(&lab, 0).await, Ending::Accepted);
    assert_eq!(count(&lab, "key.released").await, 1);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symmetric_key_that_names_no_manifest_or_another_is_not_used() {
    let named = |scene: &Scene<CobblestoneKey>, digest| grant_cobblestone(&scene.key, digest).to_string();
    let bare = |text: String| text.lines().last().unwrap().to_owned();
    let scene = symmetric().await;
    scene.kbs.keep(&named(&scene, Digest::sha256(b"another manifest")));
    scene.gives_no_key("broker.misbehaved").await;
    let scene = symmetric().await;
    scene.kbs.keep(&bare(named(&scene, scene.computation.signed.digest())));
    scene.gives_no_key("broker.misbehaved").await;
    // Thirty-two bytes, as other systems keep them.
    let scene = symmetric().await;
    scene.kbs.keep(&"k".repeat(32));
    scene.gives_no_key("broker.misbehaved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symmetric_key_of_another_length_is_not_used() {
    for change in
        [|text: &str| text[..text.len() - 3].to_owned() + "\n", |text: &str| text.trim_end().to_owned() + "ab\n"]
    {
        let scene = symmetric().await;
        let text = grant_cobblestone(&scene.key, scene.computation.signed.digest());
        scene.kbs.keep(&change(&text));
        scene.gives_no_key("broker.misbehaved").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brokers_key_for_the_other_codec_is_not_used() {
    let scene = symmetric().await;
    let identity = Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap();
    scene.kbs.keep(&grant(&identity, scene.computation.signed.digest()));
    scene.gives_no_key("broker.misbehaved").await;

    let scene = Scene::new().await;
    scene.kbs.keep(&grant_cobblestone(&fresh_key(), scene.computation.signed.digest()));
    scene.gives_no_key("broker.misbehaved").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_the_brokers_symmetric_key_does_not_open_is_refused() {
    let scene = symmetric().await;
    scene.kbs.keep(&grant_cobblestone(&fresh_key(), scene.computation.signed.digest()));
    let agent = scene.start(|_| {}).await;
    let lab = join(agent.local_addr(), &scene.computation, "lab").await;
    assert_eq!(ending(&lab, 0).await, Ending::refused("seal.not-for-you"));
    agent.shutdown().await;
}

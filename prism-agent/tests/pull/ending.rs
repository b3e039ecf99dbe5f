//! What becomes of a pull when the computation ends before it.

use prism_core::audit::entry::Outcome;

use super::scene::{Scene, count};
use super::shop::Act;

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_ends_with_the_computation_and_leaves_nothing() {
    let mut scene = Scene::new().await;
    scene.shop.plan([Act::Stall(300_000)]);
    let hospital = scene.release().await;
    scene.shop.next().await;
    let boot = hospital.status().await.unwrap().boot;
    hospital.stop().await.unwrap();
    assert_eq!(scene.agent.wait_closed().await, Some(Outcome::Stopped));
    assert_eq!(count(&hospital, "asset.accepted").await, 0);
    let state = scene.computation.dir.path().join("state/boot").join(boot);
    scene.agent.shutdown().await;
    for gone in ["assets", "partial"] {
        assert!(!state.join(gone).exists(), "{gone}");
    }
    assert_eq!(scene.shop.asked().len(), 1, "nobody asks for a computation that is over");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_shuts_down_does_not_wait_for_a_store() {
    let mut scene = Scene::new().await;
    scene.shop.plan([Act::Stall(0)]);
    drop(scene.release().await);
    scene.shop.next().await;
    scene.agent.shutdown().await;
    assert_eq!(scene.shop.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_fetched_and_tried_again_shows_in_the_status() {
    let mut scene = Scene::new().await;
    scene.shop.plan([Act::Cut(200_000), Act::Stall(0)]);
    let hospital = scene.release().await;
    scene.shop.next().await;
    // The second request was made after the first attempt was counted.
    scene.shop.next().await;
    let status = hospital.status().await.unwrap();
    let pull = status.assets.iter().find_map(|asset| asset.pull.clone()).unwrap();
    assert_eq!((pull.stage.as_str(), pull.failures), ("fetching", 1), "{pull:?}");
    assert!(pull.received > 0 && pull.received <= 200_000 && pull.of == scene.object.len() as u64, "{pull:?}");
    assert_eq!(pull.code, "source.unreachable");
    scene.agent.shutdown().await;
}

//! The way to the store: where it may lead, and how it breaks.

use std::time::Duration;

use prism_agent::client::RetryPolicy;
use prism_agent::pull::PullConfig;
use prism_agent::server::Agent;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::Dataset;

use super::scene::{Ending, Scene, agreed, config, count, ending, header_len, plaintext, sealed, source};
use super::shop::{Act, Shop};
use super::tls::Authority;
use crate::common::Computation;
use crate::people::join;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_may_not_ask_the_store_does_not_start() {
    let authority = Authority::new();
    let (object, _) = sealed();
    let shop = Shop::open(&authority, object.clone()).await;
    let computation = agreed(&shop.url(), &object, |_| {});
    let other_port = format!("127.0.0.1:{}", shop.address.port() ^ 1);
    for allowed in ["store.example", "127.0.0.1", &other_port, "localhost"] {
        let config = config(&computation, allowed, &authority);
        let error = Agent::start(config, computation.signed.clone()).await.unwrap_err();
        assert_eq!(error.code(), Code::SourceRefused, "{error}");
    }
    // By default nobody may be asked.
    assert_eq!(computation.try_start().await.unwrap_err().code(), Code::SourceRefused);
    assert!(shop.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_nobody_vouches_for_is_refused() {
    let stranger = Authority::new();
    let scene = Scene::with(|_| {}, |config| config.pull.extra_roots = vec![stranger.root]).await;
    assert_eq!(scene.outcome().await, Ending::refused("source.refused"));
    assert!(scene.shop.asked().is_empty(), "nothing is asked before the store proved itself");
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let scene = Scene::new().await;
    let elsewhere = Shop::open(&scene.authority, scene.object.clone()).await;
    scene.shop.plan([Act::Redirect(elsewhere.url())]);
    assert_eq!(scene.outcome().await, Ending::refused("source.refused"));
    assert!(elsewhere.asked().is_empty());
    let own = scene.shop.url();
    scene.shop.plan([Act::Redirect(own)]);
    let hospital = scene.release().await;
    assert_eq!(ending(&hospital, 1).await, Ending::refused("source.refused"));
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_says_no_is_not_asked_again() {
    for status in [400, 401, 403, 404, 410] {
        let scene = Scene::new().await;
        scene.shop.plan([Act::Status(status)]);
        assert_eq!(scene.outcome().await, Ending::refused("source.refused"), "{status}");
        assert_eq!(scene.shop.asked().len(), 1);
        scene.agent.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stumbles_is_asked_again_and_one_that_fell_is_not_for_ever() {
    let scene = Scene::new().await;
    scene.shop.plan([500, 503, 429].map(Act::Status));
    assert_eq!(scene.outcome().await, Ending::Accepted);
    assert_eq!(scene.shop.asked().len(), 4);
    scene.agent.shutdown().await;

    let scene = Scene::new().await;
    scene.shop.plan(vec![Act::Status(500); 4]);
    assert_eq!(scene.outcome().await, Ending::refused("source.unreachable"));
    let status = scene.join("lab").await.status().await.unwrap();
    let pull = status.assets.iter().find_map(|asset| asset.pull.as_ref()).unwrap();
    assert_eq!((pull.stage.as_str(), pull.code.as_str()), ("refused", "source.unreachable"), "{pull:?}");
    // It may be released again, and the store has recovered.
    let hospital = scene.release().await;
    assert_eq!(ending(&hospital, 1).await, Ending::Accepted);
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_anywhere_goes_on_at_the_very_byte() {
    let scene = Scene::new().await;
    let length = scene.object.len();
    let cuts = [0, 1, 100, 1627, 1643, 65_552, 65_553, 70_000, 131_104, 200_000];
    // Each attempt but those at the very beginning brings something, so that none of them is the last.
    scene.shop.plan([Act::Cut(0), Act::Cut(1)]);
    scene.shop.plan(cuts[2..].iter().flat_map(|cut| [Act::Cut(70_000), Act::Cut(*cut)]));
    assert_eq!(scene.outcome().await, Ending::Accepted);
    let asked = scene.shop.asked();
    let starts: Vec<usize> = asked
        .iter()
        .map(|asked| asked.range.as_ref().map_or(0, |range| range["bytes=".len()..range.len() - 1].parse().unwrap()))
        .collect();
    assert!(starts.is_sorted() && starts.iter().all(|start| *start < length), "{starts:?}");
    assert!(starts[1] == 0 && starts[2] == 1, "{starts:?}");
    for resumed in asked.iter().filter(|asked| asked.range.is_some()) {
        assert_eq!(resumed.if_match.as_deref(), Some("\"v1\""));
    }
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_breaks_off_two_hundred_times_arrives_whole_and_is_read_once() {
    let patient = RetryPolicy { attempts: 200, first: Duration::ZERO, longest: Duration::ZERO };
    let scene = Scene::with(|_| {}, |config| config.pull.retry = patient).await;
    let lengths: Vec<usize> = (0..200_usize).map(|i| (i * 7919 + 13) % 3500).collect();
    scene.shop.plan(lengths.iter().copied().map(Act::Cut));
    assert_eq!(scene.outcome().await, Ending::Accepted);
    let asked = scene.shop.asked();
    assert_eq!(asked.len(), 201);
    let mut at = 0;
    for (asked, length) in asked.iter().zip(lengths.iter().copied().chain([0])) {
        let expected = (at > 0).then(|| format!("bytes={at}-"));
        assert_eq!(asked.range, expected);
        at += length;
    }
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_ranges_is_read_again_from_its_beginning() {
    let scene = Scene::new().await;
    scene.shop.plan([Act::Cut(300_000), Act::Whole]);
    assert_eq!(scene.outcome().await, Ending::Accepted);
    let asked = scene.shop.asked();
    assert_eq!(asked.iter().map(|a| a.range.is_some()).collect::<Vec<_>>(), [false, true, false]);
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_in_the_middle_is_noticed() {
    let scene = Scene::new().await;
    let mut other = scene.object.clone();
    other[600_000] ^= 1;
    scene.shop.plan([Act::Cut(300_000), Act::Replace(other)]);
    assert_eq!(scene.outcome().await, Ending::refused("asset.mismatch"));
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_dawdles_is_given_up() {
    let scene = Scene::with(
        |_| {},
        |config| {
            config.limits.upload_grace = Duration::from_millis(100);
            config.pull.retry = RetryPolicy { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO };
        },
    )
    .await;
    // Also when every attempt brings a little, or a lot before it stands still.
    scene.shop.plan([Act::Stall(1), Act::Stall(200_000)]);
    assert_eq!(scene.outcome().await, Ending::refused("source.unreachable"));
    assert_eq!(scene.shop.asked().len(), 2);
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_were_packed_for_the_way_or_have_no_end_are_not_taken() {
    let scene = Scene::new().await;
    scene.shop.plan([Act::Packed]);
    assert_eq!(scene.outcome().await, Ending::refused("source.refused"));
    scene.shop.plan(vec![Act::Lengthless; 4]);
    let hospital = scene.release().await;
    assert_eq!(ending(&hospital, 1).await, Ending::refused("source.unreachable"));
    assert_eq!(count(&hospital, "asset.accepted").await, 0);
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_gives_whole_objects_and_never_a_whole_one_is_given_up() {
    let patient = RetryPolicy { attempts: 1000, first: Duration::ZERO, longest: Duration::ZERO };
    let scene = Scene::with(|_| {}, |config| config.pull.retry = patient).await;
    // A little more each time, which never is no progress.
    let steps = scene.object.len() / 10_000;
    scene.shop.plan((1..=steps).map(|step| Act::WholeCut(step * 10_000)));
    assert_eq!(scene.outcome().await, Ending::refused("source.unreachable"));
    let asked = scene.shop.asked().len();
    assert!(asked > 10 && asked < steps, "{asked} of {steps}");
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_does_not_wait_for_ever_for_the_header_of_its_object() {
    let scene = Scene::new().await;
    let hospital = scene.join("hospital-1").await;
    let mut pull = PullConfig::default();
    pull.extra_roots = vec![scene.authority.root.clone()];
    pull.answer_within = Duration::from_millis(300);
    scene.shop.plan([Act::Stall(100)]);
    let reading = hospital.stored_header("h1", &pull);
    let error = within(reading).await.unwrap_err();
    assert_eq!(error.code(), Code::SourceUnreachable, "{error}");
    pull.answer_within = Duration::from_secs(30);
    assert_eq!(hospital.stored_header("h1", &pull).await.unwrap(), scene.header());
    scene.agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_whose_stores_are_slow_leaves_a_place_to_the_others() {
    let authority = Authority::new();
    let (object, identity) = sealed();
    let (slow, quick) = (Shop::open(&authority, object.clone()).await, Shop::open(&authority, object.clone()).await);
    slow.plan([Act::Stall(100), Act::Stall(100)]);
    let computation = Computation::with(|manifest, assets| {
        manifest.datasets.push(Dataset { name: "h3".parse().unwrap(), ..manifest.datasets[0].clone() });
        for (dataset, shop) in manifest.datasets.iter_mut().zip([&slow, &quick, &slow]) {
            (dataset.digest, dataset.size) = (Digest::sha256(&plaintext()), plaintext().len() as u64);
            dataset.path = dataset.name.clone();
            dataset.source = Some(source(&shop.url(), &object));
        }
        assets.insert("h3", plaintext());
    });
    let mut config = config(&computation, &slow.address.to_string(), &authority);
    config.pull.allow.push(quick.address.to_string().parse().unwrap());
    config.pull.at_once = 2;
    config.limits.upload_grace = Duration::from_hours(1);
    let agent = Agent::start(config, computation.signed.clone()).await.unwrap();
    let header = &object[..header_len(&object)];
    let slow_one = join(agent.local_addr(), &computation, "hospital-1").await;
    for asset in ["h1", "h3"] {
        slow_one.release(asset, header, &identity, None).await.unwrap();
    }
    while slow.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    let other = join(agent.local_addr(), &computation, "hospital-2").await;
    other.release("h2", header, &identity, None).await.unwrap();
    assert_eq!(within(ending(&other, 0)).await, Ending::Accepted);
    agent.shutdown().await;
}

/// A bound for what would never end if it went wrong.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.expect("it does not end")
}

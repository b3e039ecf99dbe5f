//! A dataset that lay in a store: a stranger sees who released its key to whom, and what an agent cannot pretend.

use prism_attest::audit::Rule;
use prism_attest::platform::simulated::SimulatedMachine;
use prism_core::audit::entry::{Actor, Event, Releaser};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::manifest::{Codec, KeyRelease, SealedObject, SignedManifest};
use prism_core::seal::{Identity, RecipientKind, cobblestone_len, sealed_len};

use crate::history::{key_released, recipient};
use crate::terms;
use crate::world::{BOOT, Story, actor_of, agent, assert_broken, told, world};

const RULES: &[Rule] = &[Rule::Lifecycle];

/// Without the asset nothing that follows is permitted, the end included.
const ALL_THAT_FOLLOWS: &[Rule] = &[Rule::Lifecycle, Rule::LogComplete];

/// `h2.zip` lies in a store, and its provider releases the key.
fn signed() -> SignedManifest {
    signed_as(Codec::Age, sealed_len(1).unwrap() + 1627)
}

fn signed_as(codec: Codec, size: u64) -> SignedManifest {
    let platform = world().vendor.policy_for(&SimulatedMachine::default());
    terms::signed_with(&world().keys, platform, |manifest| {
        manifest.datasets[1].source = Some(SealedObject {
            url: "s3://bucket/h2.zip.age".parse().unwrap(),
            size,
            digest: Digest::sha256(b"sealed"),
            codec,
            release: KeyRelease::Provider {},
        });
    })
}

fn story() -> Story {
    story_of(&signed())
}

fn story_of(signed: &SignedManifest) -> Story {
    told(signed, &agent(BOOT, &world().log, signed.digest()), &[])
}

#[test]
fn a_stranger_sees_who_released_which_key_to_whom() {
    let story = story();
    let at = story.position("key.released");
    let report = story.report();
    assert!(report.holds(), "{:?}", report.broken().collect::<Vec<_>>());
    let [release] = report.summary().unwrap().releases.as_slice() else { panic!("one release") };
    assert_eq!((release.entry, release.asset.as_str()), (at as u64, "h2.zip"));
    assert_eq!((&release.actor, release.by), (&Actor::Participant("hospital-2".parse().unwrap()), Releaser::Provider));
    assert_eq!(release.recipient, recipient());
    assert_eq!(release.url.as_ref().unwrap().to_string(), "s3://bucket/h2.zip.age");
}

#[test]
fn a_release_by_somebody_else_is_refused() {
    for actor in ["lab", "hospital-1", "agent", "stranger"] {
        let mut story = story();
        let at = story.position("key.released");
        story.entries[at].actor = actor_of(actor);
        assert_broken(&story.rewritten().report(), ALL_THAT_FOLLOWS, &format!("entry {at}"));
    }
}

#[test]
fn the_release_of_a_symmetric_key_is_judged_like_that_of_an_identity() {
    let signed = signed_as(Codec::Cobblestone256, cobblestone_len(1).unwrap());
    let story = story_of(&signed);
    let at = story.position("key.released");
    let report = story.report();
    assert!(report.holds(), "{:?}", report.broken().collect::<Vec<_>>());
    assert_eq!(report.summary().unwrap().releases.len(), 1);
    let mut forged = story_of(&signed);
    forged.entries[at].actor = actor_of("lab");
    assert_broken(&forged.rewritten().report(), ALL_THAT_FOLLOWS, &format!("entry {at}"));
    let mut twice = story_of(&signed);
    twice.insert(at + 1, "hospital-2", key_released("h2.zip", "age1"));
    assert_broken(&twice.rewritten().report(), RULES, &format!("entry {}", at + 1));
    let mut unreleased = story_of(&signed);
    unreleased.entries.remove(at);
    assert_broken(&unreleased.rewritten().report(), ALL_THAT_FOLLOWS, &format!("entry {at}"));
}

#[test]
fn a_key_that_went_to_a_second_recipient_is_refused() {
    let thief = Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy::default()).unwrap();
    for recipient in [thief.recipient().to_string().as_str(), recipient(), "age1"] {
        let mut story = story();
        let at = story.position("key.released") + 1;
        story.insert(at, "hospital-2", key_released("h2.zip", recipient));
        assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
    }
}

#[test]
fn an_asset_that_arrived_without_its_key_or_another_way_is_refused() {
    let mut unreleased = story();
    let at = unreleased.position("key.released");
    unreleased.entries.remove(at);
    assert_broken(&unreleased.rewritten().report(), ALL_THAT_FOLLOWS, &format!("entry {at}"));

    let mut uploaded = story();
    let at = uploaded.position("key.released") + 1;
    assert!(matches!(uploaded.entries[at].event, Event::AssetBegin(_)));
    uploaded.entries[at].actor = actor_of("hospital-2");
    assert_broken(&uploaded.rewritten().report(), ALL_THAT_FOLLOWS, &format!("entry {at}"));

    let mut released = story();
    let at = released.position("key.released");
    released.insert(at, "hospital-3", key_released("h3.zip", recipient()));
    assert_broken(&released.rewritten().report(), RULES, &format!("entry {at}"));
}

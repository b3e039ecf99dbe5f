//! An agent that lies signs any history with the log's key: only the state machine can refuse it.

use prism_attest::audit::Rule;
use prism_core::audit::entry::{Event, Outcome, StopBody};
use prism_core::digest::Digest;

use crate::history::{close, released};
use crate::world::{Story, assert_broken, broken, story};

const RULES: &[Rule] = &[Rule::Lifecycle];

/// Drops the first entry of this type.
fn drop_entry(story: &mut Story, kind: &str) -> usize {
    let at = story.position(kind);
    story.entries.remove(at);
    at
}

fn last_closes(story: &mut Story, outcome: Outcome) {
    *story.event("log.close") = close(outcome);
}

#[test]
fn no_entry_that_the_state_machine_needs_can_be_dropped() {
    let notes = ["auth.refused", "session.attested", "evidence"];
    for at in 0..story().entries.len() {
        let mut story = story();
        let kind = story.entries.remove(at).event.kind();
        let rules = broken(&story.rewritten().report());
        match kind {
            "log.close" => assert_eq!(rules, [Rule::LogComplete]),
            "evidence" => assert_eq!(rules, [Rule::EvidenceLogged]),
            _ if notes.contains(&kind) => assert_eq!(rules, [], "{kind} changes nothing"),
            _ => assert!(rules.contains(&Rule::Lifecycle), "{kind}: {rules:?}"),
        }
    }
}

#[test]
fn entries_in_another_order_are_refused() {
    for (first, second) in [
        ("log.open", "manifest.accepted"),
        ("manifest.accepted", "evidence"),
        ("asset.begin", "asset.accepted"),
        ("run.exit", "output.checked"),
        ("result.released", "result.acked"),
        ("result.acked", "log.close"),
    ] {
        let mut story = story();
        let (first, second) = (story.position(first), story.position(second));
        story.entries.swap(first, second);
        let rules = broken(&story.rewritten().report());
        assert!(rules.contains(&Rule::Lifecycle), "{first}, {second}: {rules:?}");
    }
}

#[test]
fn a_log_without_its_end_is_refused() {
    for kept in [6, 10, 15, story().entries.len() - 1] {
        let mut story = story();
        story.entries.truncate(kept);
        assert_broken(&story.rewritten().report(), &[Rule::LogComplete], "the last entry");
    }
}

#[test]
fn nothing_follows_the_end_of_a_log() {
    let mut story = story();
    let end = story.entries.len();
    story.insert(end, "institute", released("age1other"));
    assert_broken(&story.rewritten().report(), RULES, &format!("entry {end}"));
}

#[test]
fn a_result_released_to_a_second_recipient_is_refused() {
    for recipient in ["age1other", "age1institute"] {
        let mut story = story();
        let at = story.position("result.released") + 1;
        story.insert(at, "institute", released(recipient));
        assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
    }
}

#[test]
fn a_result_released_to_someone_who_is_no_consumer_is_refused() {
    for actor in ["lab", "stranger", "agent"] {
        let mut story = story();
        let at = story.position("result.released");
        story.insert(at, actor, released("age1other"));
        assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
    }
}

#[test]
fn a_result_acknowledged_without_a_release_is_refused() {
    let mut story = story();
    let at = drop_entry(&mut story, "result.released");
    last_closes(&mut story, Outcome::Expired);
    assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
}

#[test]
fn a_released_or_acknowledged_payload_other_than_the_sealed_one_is_refused() {
    let mut other = story();
    let at = other.position("result.released");
    let Event::ResultReleased(mut body) = other.entries[at].event.clone() else { unreachable!("it is one") };
    body.payload = Digest::sha256(b"another");
    other.insert(at, "institute", Event::ResultReleased(body));
    assert_broken(&other.rewritten().report(), RULES, &format!("entry {at}"));

    let mut story = story();
    let Event::ResultAcked(body) = story.event("result.acked") else { unreachable!("it is one") };
    body.payload = Digest::sha256(b"another");
    last_closes(&mut story, Outcome::Expired);
    let at = story.position("result.acked");
    assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
}

#[test]
fn a_run_that_starts_before_every_asset_is_there_is_refused() {
    let mut story = story();
    let at = story.position("run.start");
    story.entries.swap(at, at - 1);
    let rules = broken(&story.rewritten().report());
    assert_eq!(rules, [Rule::Lifecycle, Rule::LogComplete]);

    let mut story = crate::world::story();
    let start = story.entries[at].event.clone();
    story.insert(at - 1, "agent", start);
    assert_broken(&story.rewritten().report(), RULES, &format!("entry {}", at - 1));
}

#[test]
fn a_second_run_is_refused() {
    let mut story = story();
    let at = story.position("run.start") + 1;
    let start = story.event("run.start").clone();
    story.insert(at, "agent", start);
    assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
}

#[test]
fn an_asset_other_than_the_agreed_one_is_refused() {
    for (size, digest) in [(7, Digest::sha256(b"evil()")), (8, Digest::sha256(b"print()"))] {
        let mut story = story();
        let at = story.position("asset.accepted");
        let Event::AssetAccepted(mut body) = story.entries[at].event.clone() else { unreachable!("it is one") };
        (body.size, body.digest) = (size, digest);
        story.insert(at, "lab", Event::AssetAccepted(body));
        assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
    }
}

#[test]
fn an_asset_from_another_provider_is_refused() {
    let mut story = story();
    let at = story.position("asset.accepted");
    let accepted = story.entries[at].event.clone();
    story.insert(at, "hospital-1", accepted);
    assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
}

#[test]
fn a_stop_by_a_consumer_or_a_stranger_is_refused() {
    for actor in ["institute", "stranger"] {
        let mut story = story();
        let at = story.position("run.start");
        story.insert(at, actor, Event::Stop(StopBody { code: "cancelled".to_owned() }));
        assert_broken(&story.rewritten().report(), RULES, &format!("entry {at}"));
    }
}

#[test]
fn a_run_stopped_by_a_provider_holds_and_says_so() {
    let mut story = story();
    let at = story.position("run.start");
    story.entries.truncate(at);
    story.insert(at, "hospital-2", Event::Stop(StopBody { code: "cancelled".to_owned() }));
    story.insert(at + 1, "agent", close(Outcome::Stopped));
    let report = story.rewritten().report();
    assert_eq!(broken(&report), []);
    assert_eq!(report.summary().unwrap().outcome, Some(Outcome::Stopped));
}

#[test]
fn an_end_that_does_not_follow_from_what_happened_is_refused() {
    for outcome in [Outcome::Failed, Outcome::Expired, Outcome::Stopped] {
        let mut story = story();
        last_closes(&mut story, outcome);
        let at = story.position("log.close");
        let rules = [Rule::Lifecycle, Rule::LogComplete];
        assert_broken(&story.rewritten().report(), &rules, &format!("entry {at}"));
    }
}

#[test]
fn a_manifest_accepted_with_other_participants_is_refused() {
    let mut story = story();
    let Event::ManifestAccepted(mut body) = story.event("manifest.accepted").clone() else { unreachable!("it is one") };
    body.participants.pop();
    story.insert(1, "agent", Event::ManifestAccepted(body));
    assert_broken(&story.rewritten().report(), RULES, "entry 1");
}

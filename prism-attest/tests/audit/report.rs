//! What the report says of the true transcript, and how it is written.

use prism_attest::audit::{ExpectedComputation, Rule, audit};
use prism_core::audit::entry::Outcome;
use prism_core::digest::Digest;

use crate::world::{NOW, assert_broken, story, world};

#[test]
fn the_true_transcript_holds_for_whoever_knows_its_manifest_and_for_strangers() {
    let text = story().transcript().to_bytes().unwrap();
    for expected in [ExpectedComputation::AsRecorded, ExpectedComputation::Manifest(world().signed.digest())] {
        let report = audit(&text, expected, NOW);
        let found: Vec<String> = report.broken().map(ToString::to_string).collect();
        assert!(report.holds() && found.is_empty(), "{found:#?}");
        assert_eq!(report, audit(&text, expected, NOW), "the same report every time");
        let summary = report.summary().unwrap();
        assert_eq!((summary.manifest, summary.outcome), (world().signed.digest(), Some(Outcome::Completed)));
        assert!(summary.simulated);
        let keys = world().keys.iter().map(|key| key.public().fingerprint());
        assert!(summary.participants.iter().map(|(_, key)| *key).eq(keys));
    }
}

#[test]
fn another_computation_than_the_expected_is_refused() {
    let text = story().transcript().to_bytes().unwrap();
    let report = audit(&text, ExpectedComputation::Manifest(Digest::sha256(b"another")), NOW);
    assert_broken(&report, &[Rule::Computation], "the manifest");
}

#[test]
fn a_report_is_written_as_json_that_programs_can_read() {
    let mut story = story();
    story.entries.pop();
    story.receipts.clear();
    let report = serde_json::to_value(story.report()).unwrap();
    let keys = |value: &serde_json::Value| {
        let mut keys: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&report), ["findings", "holds", "summary"]);
    assert_eq!(report["holds"], false);
    let names = [
        "boot",
        "conditions",
        "entries",
        "layers",
        "manifest",
        "outcome",
        "participants",
        "releases",
        "simulated",
        "title",
    ];
    assert_eq!(keys(&report["summary"]), names);
    assert_eq!(report["summary"]["boot"], "b0".repeat(16));
    assert_eq!(report["summary"]["manifest"], world().signed.digest().to_string());
    assert_eq!(report["summary"]["outcome"], serde_json::Value::Null);
    let first = [serde_json::json!("lab"), world().keys[0].public().fingerprint().to_string().into()];
    assert_eq!(report["summary"]["participants"][0], serde_json::json!(first));
    let last = report["findings"].as_array().unwrap().last().unwrap();
    let expected = serde_json::json!({
        "rule": "log.complete", "ok": false, "place": "the last entry",
        "found": "no log.close: what happened afterwards is unknown",
    });
    assert_eq!(*last, expected);
}

#[test]
fn a_whole_report_says_how_the_computation_ended() {
    let report = serde_json::to_value(story().report()).unwrap();
    assert_eq!((&report["holds"], &report["summary"]["outcome"]), (&true.into(), &"completed".into()));
    assert_eq!(report["summary"]["simulated"], true);
    assert_eq!(report["summary"]["conditions"]["kernel"], "6.1.0");
}

#[test]
fn a_finding_is_one_line_for_people() {
    let mut story = story();
    let kept = story.report().findings()[0].to_string();
    assert_eq!(kept, "ok     transcript.form     the file: as it has to be");
    story.entries.pop();
    story.receipts.clear();
    let broken = story.report().broken().next().unwrap().to_string();
    let expected = "BROKEN log.complete        the last entry: no log.close: what happened afterwards is unknown";
    assert_eq!(broken, expected);
}

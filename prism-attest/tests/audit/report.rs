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

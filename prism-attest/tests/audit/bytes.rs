//! No byte of a transcript can be changed.

use std::collections::BTreeSet;
use std::ops::Range;

use prism_attest::audit::{ExpectedComputation, Rule, audit};

use crate::world::{NOW, broken, story};

/// How far apart the bytes are that are tried deep inside long base64.
const STRIDE: usize = 61;

/// What a byte is replaced by: its neighbour, white space, and another character of the same kind.
fn replacements(byte: u8) -> BTreeSet<u8> {
    let kin = match byte {
        b'z' => b'a',
        b'Z' => b'A',
        b'9' => b'0',
        b'a'..b'z' | b'A'..b'Z' | b'0'..b'9' => byte + 1,
        b'+' => b'/',
        b'/' => b'+',
        _ => b'A',
    };
    BTreeSet::from([byte ^ 1, b' ', kin]).into_iter().filter(|other| *other != byte).collect()
}

/// The lines of a text with where each begins.
fn lines(text: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let range = |line: &[u8]| {
        let range = start..start + line.len();
        start = range.end;
        range
    };
    text.split_inclusive(|byte| *byte == b'\n').map(range).collect()
}

/// Every byte, but of long base64 only both ends and a sample from between.
fn positions(text: &[u8]) -> Vec<usize> {
    let sampled = |line: Range<usize>| {
        let base64 = ["\"manifest\": ", "\"evidence\": \"", "\"endorsements\": "];
        let start = String::from_utf8_lossy(&text[line.clone()]).trim_start().to_owned();
        let long = line.len() > 400 && base64.iter().any(|key| start.starts_with(key));
        let inside = line.start + 100..line.end.saturating_sub(80);
        line.filter(move |at| !long || !inside.contains(at) || at % STRIDE == 0)
    };
    lines(text).into_iter().flat_map(sampled).collect()
}

#[test]
fn every_changed_byte_is_refused_with_a_named_rule() {
    let text = story().transcript().to_bytes().unwrap();
    let mut accepted = Vec::new();
    let mut seen = BTreeSet::new();
    for at in positions(&text) {
        for other in replacements(text[at]) {
            let mut changed = text.clone();
            changed[at] = other;
            let report = audit(&changed, ExpectedComputation::AsRecorded, NOW);
            let rules = broken(&report);
            if report.holds() || rules.is_empty() {
                accepted.push((at, other));
            }
            seen.extend(rules);
        }
    }
    assert!(accepted.is_empty(), "{accepted:?}");
    let wanted =
        [Rule::TranscriptForm, Rule::Approvals, Rule::Evidence, Rule::LogRoot, Rule::Checkpoint, Rule::Receipts];
    assert!(wanted.iter().all(|rule| seen.contains(rule)), "{seen:?}");
}

#[test]
fn every_shorter_and_longer_file_is_refused() {
    let text = story().transcript().to_bytes().unwrap();
    for end in positions(&text).into_iter().step_by(7) {
        assert_eq!(broken(&audit(&text[..end], ExpectedComputation::AsRecorded, NOW)), [Rule::TranscriptForm]);
    }
    for tail in [&b"\n"[..], b" ", b"\0", b"{}"] {
        let longer = [&text, tail].concat();
        assert_eq!(broken(&audit(&longer, ExpectedComputation::AsRecorded, NOW)), [Rule::TranscriptForm]);
    }
}

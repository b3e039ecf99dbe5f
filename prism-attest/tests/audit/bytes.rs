//! No byte of a transcript can be changed.

use std::collections::BTreeSet;
use std::ops::Range;

use prism_attest::audit::{ExpectedComputation, Rule, audit};

use crate::world::{NOW, broken, story};

/// How far apart the bytes are that are tried deep inside long base64.
const STRIDE: usize = 61;

/// One byte of the file and what it is replaced by.
type Change = (usize, u8);

/// Its neighbour, another character of the same kind, and white space.
fn replacements(byte: u8) -> [u8; 3] {
    let kin = match byte {
        b'z' => b'a',
        b'9' => b'0',
        b'a'..=b'y' | b'A'..=b'Y' | b'0'..=b'8' => byte + 1,
        b'+' => b'/',
        b'/' => b'+',
        _ => b'A',
    };
    [byte ^ 1, kin, b' ']
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

/// Both ends of each line and everything between that is structure; of words and digests every third character, and
/// of long base64 a sample.
fn positions(text: &[u8]) -> Vec<usize> {
    let sampled = |line: Range<usize>| {
        let base64 = ["\"manifest\": ", "\"evidence\": \"", "\"endorsements\": "];
        let start = String::from_utf8_lossy(&text[line.clone()]).trim_start().to_owned();
        let long = line.len() > 400 && base64.iter().any(|key| start.starts_with(key));
        let (stride, ends) = if long { (STRIDE, 100) } else { (3, 20) };
        let inside = line.start + ends..line.end.saturating_sub(ends);
        let structure = move |at: usize| !long && !text[at].is_ascii_alphanumeric();
        line.filter(move |at| !inside.contains(at) || at % stride == 0 || structure(*at))
    };
    lines(text).into_iter().flat_map(sampled).collect()
}

/// One change of each position, each way in turn.
fn sample(text: &[u8]) -> Vec<Change> {
    let change = |(turn, at): (usize, usize)| (at, replacements(text[at])[turn % 3]);
    positions(text).into_iter().enumerate().map(change).collect()
}

/// The changes that an audit accepts, and the rules that refused the others.
fn try_all(text: &[u8], changes: &[Change]) -> (Vec<Change>, BTreeSet<Rule>) {
    let (mut accepted, mut seen) = (Vec::new(), BTreeSet::new());
    for &(at, other) in changes.iter().filter(|(at, other)| text[*at] != *other) {
        let mut forged = text.to_vec();
        forged[at] = other;
        let report = audit(&forged, ExpectedComputation::AsRecorded, NOW);
        let rules = broken(&report);
        if report.holds() || rules.is_empty() {
            accepted.push((at, other));
        }
        seen.extend(rules);
    }
    (accepted, seen)
}

/// No change is accepted, tried on every processor.
fn assert_all_refused(text: &[u8], changes: &[Change]) {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let parts = std::thread::scope(|scope| {
        let tried = |part| scope.spawn(move || try_all(text, part));
        let running: Vec<_> = changes.chunks(changes.len().div_ceil(workers)).map(tried).collect();
        running.into_iter().map(|part| part.join().unwrap()).collect::<Vec<_>>()
    });
    let accepted: Vec<Change> = parts.iter().flat_map(|(accepted, _)| accepted.clone()).collect();
    assert!(accepted.is_empty(), "{accepted:?}");
    let seen: BTreeSet<Rule> = parts.into_iter().flat_map(|(_, seen)| seen).collect();
    let wanted =
        [Rule::TranscriptForm, Rule::Approvals, Rule::Evidence, Rule::LogRoot, Rule::Checkpoint, Rule::Receipts];
    assert!(wanted.iter().all(|rule| seen.contains(rule)), "{seen:?}");
}

#[test]
fn a_changed_byte_is_refused_with_a_named_rule() {
    let text = story().transcript().to_bytes().unwrap();
    assert_all_refused(&text, &sample(&text));
}

#[test]
#[ignore = "takes minutes: every byte in three ways"]
fn every_change_of_every_byte_is_refused_with_a_named_rule() {
    let text = story().transcript().to_bytes().unwrap();
    let changes = |at: usize| replacements(text[at]).map(|other| (at, other));
    assert_all_refused(&text, &(0..text.len()).flat_map(changes).collect::<Vec<_>>());
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

//! What is still to be sent, in parts that several connections share.

use std::collections::VecDeque;
use std::ops::Range;

use crate::client::LogError;
use crate::ranges::Spans;
use crate::wire;

/// Bytes of a part when several connections share the work. They take parts in order: the agent hashes in order, and
/// would have to read back what came long before its turn.
const PART: u64 = 64 * 1024 * 1024;

/// Spans that an agent may tell of.
const SPANS_MAX: usize = 65;

/// What an agent holds of an asset.
#[derive(Debug)]
pub(super) struct Held {
    /// The bytes that are durable.
    pub(super) durable: Spans,
    /// The receipt, once the asset was accepted.
    pub(super) receipt: Option<wire::Receipt>,
}

impl Held {
    /// Takes an agent's word about an asset of `size` bytes.
    pub(super) fn read(told: wire::UploadStatusResponse, size: u64) -> Result<Self, LogError> {
        let span = |span: &wire::Span| Some(span.offset..span.offset.checked_add(span.length)?);
        let beyond: Option<Vec<_>> = told.beyond.iter().map(span).collect();
        let mut durable: Spans = beyond.unwrap_or_default().into_iter().collect();
        durable.insert(0..told.durable);
        let within = durable.iter().all(|span| span.end <= size) && told.beyond.len() < SPANS_MAX;
        if !within || told.beyond.iter().any(|told| span(told).is_none()) {
            return Err(LogError::Malformed { expected: "an offset within the asset" });
        }
        Ok(Self { durable, receipt: told.receipt })
    }
}

/// Parts that nobody has taken yet.
pub(super) fn parts(held: &Spans, size: u64, connections: usize) -> VecDeque<Range<u64>> {
    let gaps = held.missing(0..size);
    if gaps.is_empty() {
        // All of it is there and nobody has said so: an empty part does.
        return VecDeque::from_iter(Some(size..size));
    }
    if connections == 1 {
        return gaps.into();
    }
    gaps.into_iter().flat_map(|gap| split(&gap)).collect()
}

fn split(gap: &Range<u64>) -> Vec<Range<u64>> {
    let (mut parts, mut at) = (Vec::new(), gap.start);
    while at < gap.end {
        // Parts end at the same places, wherever a gap begins.
        let end = (at / PART).saturating_add(1).saturating_mul(PART).min(gap.end);
        parts.push(at..end);
        at = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(spans: &[Range<u64>]) -> Spans {
        spans.iter().cloned().collect()
    }

    #[test]
    fn one_connection_takes_every_gap_whole_and_several_share_it() {
        let there = held(&[0..10, PART..PART + 5]);
        assert_eq!(parts(&there, 3 * PART, 1), [10..PART, PART + 5..3 * PART]);
        assert_eq!(parts(&there, 3 * PART, 2), [10..PART, PART + 5..2 * PART, 2 * PART..3 * PART]);
    }

    #[test]
    fn an_asset_that_is_all_there_is_asked_for_with_an_empty_part() {
        assert_eq!(parts(&held(&[0..3, 3..7]), 7, 1), VecDeque::from_iter(Some(7..7)));
        assert_eq!(parts(&Spans::default(), 0, 4), VecDeque::from_iter(Some(0..0)));
    }

    #[test]
    fn what_an_agent_tells_stays_within_the_asset() {
        let told = |durable, beyond: &[(u64, u64)]| wire::UploadStatusResponse {
            durable,
            size: 100,
            receipt: None,
            beyond: beyond.iter().map(|&(offset, length)| wire::Span { offset, length }).collect(),
        };
        assert_eq!(Held::read(told(10, &[(20, 5)]), 100).unwrap().durable, held(&[0..10, 20..25]));
        for refused in [told(101, &[]), told(0, &[(99, 2)]), told(0, &[(u64::MAX, 2)]), told(0, &[(1, 1); 65])] {
            assert!(Held::read(refused, 100).is_err());
        }
    }
}

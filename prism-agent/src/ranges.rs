//! Which bytes of something are there: sorted spans that neither overlap nor touch.

use std::collections::BTreeMap;
use std::ops::Range;

/// Spans of bytes; spans that touch become one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans(BTreeMap<u64, u64>);

impl Spans {
    /// Adds the bytes of `span`, of which some may be there already.
    pub(crate) fn insert(&mut self, span: Range<u64>) {
        let Range { mut start, mut end } = span;
        if start >= end {
            return;
        }
        // Spans do not overlap, so those that touch this one are the last ones that begin at or before its end.
        while let Some((&s, &e)) = self.0.range(..=end).next_back()
            && e >= start
        {
            self.0.remove(&s);
            (start, end) = (start.min(s), end.max(e));
        }
        self.0.insert(start, end);
    }

    /// The first byte from `at` on that is not there.
    pub(crate) fn end_from(&self, at: u64) -> u64 {
        self.0.range(..=at).next_back().map_or(at, |(_, &end)| end.max(at))
    }

    /// The bytes of `within` that are not there, in order.
    pub(crate) fn missing(&self, within: Range<u64>) -> Vec<Range<u64>> {
        let (mut gaps, mut at) = (Vec::new(), self.end_from(within.start));
        while at < within.end {
            let next = self.0.range(at..within.end).next().map_or(within.end, |(&start, _)| start);
            gaps.push(at..next);
            at = self.end_from(next);
        }
        gaps
    }

    /// Number of bytes that are there.
    pub(crate) fn bytes(&self) -> u64 {
        self.iter().map(|span| span.end - span.start).sum()
    }

    /// Number of spans.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The spans in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter().map(|(&start, &end)| start..end)
    }
}

impl FromIterator<Range<u64>> for Spans {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(spans: I) -> Self {
        let mut all = Self::default();
        spans.into_iter().for_each(|span| all.insert(span));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(list: &[Range<u64>]) -> Spans {
        list.iter().cloned().collect()
    }

    #[test]
    fn spans_that_touch_or_overlap_become_one() {
        let one = |span: Range<u64>| Spans::from_iter(Some(span));
        assert_eq!(spans(&[0..5, 5..9]), one(0..9));
        assert_eq!(spans(&[10..20, 0..5, 4..11]), one(0..20));
        assert_eq!(spans(&[0..1, 2..3, 4..5, 1..4]), one(0..5));
        assert_eq!(spans(&[3..9, 4..5]), one(3..9));
        assert_eq!(one(3..3).count(), 0);
        assert_eq!(spans(&[0..5, 6..9]).count(), 2);
    }

    #[test]
    fn what_is_missing_is_what_was_not_inserted() {
        // Every subset of ten bytes, inserted byte by byte, against a plain list of booleans.
        for set in 0..1024_u32 {
            let there = |byte: u64| set & (1 << byte) != 0;
            let all: Spans = (0..10).filter(|byte| there(*byte)).map(|byte| byte..byte + 1).collect();
            assert_eq!(all.bytes(), u64::from(set.count_ones()));
            let missing: Vec<u64> = all.missing(2..9).into_iter().flatten().collect();
            assert_eq!(missing, (2..9).filter(|byte| !there(*byte)).collect::<Vec<_>>(), "{all:?}");
            let end = (3..10).find(|byte| !there(*byte)).unwrap_or(10);
            assert_eq!(all.end_from(3), end, "{all:?}");
        }
    }
}

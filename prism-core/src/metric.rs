//! Figures that an algorithm prints while it works: typed, bounded, and released to their readers only.
//!
//! A line of standard output that begins with `metrics ` and goes on with one JSON object is a [`Metrics`] line:
//!
//! ```text
//! metrics {"step": 3, "loss": 0.25, "accuracy": 0.93}
//! ```
//!
//! `step` is an optional whole number that counts epochs or batches; every other field is a finite number. Any other
//! line is output like all output.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// How a line of figures begins.
pub const METRICS_PREFIX: &str = "metrics ";

/// Longest line of figures in bytes, its end not counted.
pub const METRICS_LINE_MAX: usize = 4096;

/// Most figures in one line.
const VALUES_MAX: usize = 64;

/// Longest name of a figure.
const NAME_MAX: usize = 64;

/// The figures of one line.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// What the algorithm counts: epochs, batches.
    pub step: Option<u64>,
    /// Finite figures by name; at least one, at most 64. Names are of `A-Z a-z 0-9 _ . / -`, at most 64 characters.
    pub values: BTreeMap<String, f64>,
}

impl Metrics {
    /// These figures, if they are what a line can hold: the other end of a wire may say anything.
    #[must_use]
    pub fn new(step: Option<u64>, values: BTreeMap<String, f64>) -> Option<Self> {
        let bounded = (1..=VALUES_MAX).contains(&values.len());
        let good = values.iter().all(|(name, value)| is_name(name) && value.is_finite());
        (bounded && good).then_some(Self { step, values })
    }

    /// The figures of a line without its end; `None` if it is any other line.
    ///
    /// ```
    /// use prism_core::metric::Metrics;
    ///
    /// let metrics = Metrics::read(br#"metrics {"step": 3, "loss": 0.25}"#).unwrap();
    /// assert_eq!((metrics.step, metrics.values["loss"]), (Some(3), 0.25));
    /// assert!(Metrics::read(b"loss 0.25").is_none());
    /// ```
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        if line.len() > METRICS_LINE_MAX {
            return None;
        }
        let object = line.strip_prefix(METRICS_PREFIX.as_bytes())?;
        let mut fields: Map<String, Value> = serde_json::from_slice(object).ok()?;
        let step = match fields.remove("step") {
            None => None,
            Some(step) => Some(step.as_u64()?),
        };
        let values = fields.into_iter().map(|(name, value)| Some((name, value.as_f64()?)));
        Self::new(step, values.collect::<Option<_>>()?)
    }
}

fn is_name(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte));
    plain && (1..=NAME_MAX).contains(&name.len()) && name != "step"
}

/// Takes whole lines from output as it grows, and of each only its figures. Holds at most one line.
#[derive(Clone, Debug, Default)]
pub struct MetricsLines {
    line: Vec<u8>,
    /// The rest of the present line is too long to be figures.
    skipping: bool,
}

impl MetricsLines {
    /// The figures of the lines that these further bytes end, each with how many of the bytes were read by then.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<(usize, Metrics)> {
        let mut found = Vec::new();
        let mut end = 0;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            end += piece.len();
            match piece.strip_suffix(b"\n") {
                None => self.hold(piece),
                Some(rest) => {
                    self.hold(rest);
                    found.extend(self.finish().map(|metrics| (end, metrics)));
                }
            }
        }
        found
    }

    /// Takes nothing of what comes before the next line begins.
    pub fn skip_line(&mut self) {
        self.line.clear();
        self.skipping = true;
    }

    /// The figures of a last line that nothing ended.
    pub fn finish(&mut self) -> Option<Metrics> {
        let (line, skipping) = (std::mem::take(&mut self.line), std::mem::take(&mut self.skipping));
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if skipping { None } else { Metrics::read(line) }
    }

    fn hold(&mut self, piece: &[u8]) {
        self.skipping = self.skipping || self.line.len().saturating_add(piece.len()) > METRICS_LINE_MAX + 1;
        if self.skipping { self.line.clear() } else { self.line.extend_from_slice(piece) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_lines_are_no_figures() {
        for line in [
            "",
            "metrics",
            "metrics ",
            "metrics {}",
            "metrics {\"step\": 1}",
            "metrics {\"step\": -1, \"loss\": 1}",
            "metrics {\"step\": 1.5, \"loss\": 1}",
            "metrics {\"loss\": \"1\"}",
            "metrics {\"loss\": NaN}",
            "metrics {\"loss\": 1e999}",
            "metrics {\"lo ss\": 1}",
            "metrics {\"\\u001b[2J\": 1}",
            "metrics {\"loss\": 1} and more",
            "metrics [1]",
            " metrics {\"loss\": 1}",
            "METRICS {\"loss\": 1}",
        ] {
            assert_eq!(Metrics::read(line.as_bytes()), None, "{line}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("\"v{n}\": 1")).collect();
        assert_eq!(Metrics::read(format!("metrics {{{}}}", many.join(",")).as_bytes()), None);
        let long = format!("metrics {{\"loss\": 1{}}}", " ".repeat(METRICS_LINE_MAX));
        assert_eq!(Metrics::read(long.as_bytes()), None);
    }

    #[test]
    fn a_line_too_long_is_skipped_to_its_end() {
        let mut lines = MetricsLines::default();
        let text = format!("{}metrics {{\"a\": 1}}\nmetrics {{\"b\": 2}}\n", "x".repeat(3 * METRICS_LINE_MAX));
        let found = lines.take(text.as_bytes());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0], (text.len(), Metrics::new(None, [("b".to_owned(), 2.0)].into()).unwrap()));
    }

    #[test]
    fn a_last_line_without_an_end_counts_when_nothing_follows() {
        let mut lines = MetricsLines::default();
        assert!(lines.take(b"metrics {\"a\"").is_empty());
        assert!(lines.take(b": 1}\r").is_empty());
        assert_eq!(lines.finish(), Metrics::new(None, [("a".to_owned(), 1.0)].into()));
        assert_eq!(lines.finish(), None);
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_output_is_cut(cuts in prop::collection::vec(0_usize..200, 0..6)) {
            let text = b"hello\nmetrics {\"a\": 1}\n\nmetrics {\"step\": 7, \"b\": -2.5e3}\r\nmetrics nothing\n";
            let mut whole = MetricsLines::default();
            let expected: Vec<Metrics> = whole.take(text).into_iter().map(|(_, metrics)| metrics).collect();
            prop_assert_eq!(expected.len(), 2);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % text.len()).collect();
            cuts.push(text.len());
            cuts.sort_unstable();
            let (mut lines, mut found, mut from) = (MetricsLines::default(), Vec::new(), 0);
            for to in cuts {
                found.extend(lines.take(&text[from..to]).into_iter().map(|(_, metrics)| metrics));
                from = to;
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Metrics::read(&bytes);
            let _ = MetricsLines::default().take(&bytes);
        }
    }
}

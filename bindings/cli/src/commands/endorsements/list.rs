//! A bundle for people and for programs.

use std::fmt;

use prism_attest::Window;
use prism_attest::endorsements::bundle::{Bundle, BundleFinding};
use serde::Serialize;

use crate::print::{Safe, moment};

#[derive(Serialize)]
pub(super) struct Listed {
    at: u64,
    current: bool,
    window: Window,
    entries: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    finding: BundleFinding,
    source: String,
    fetched_at: u64,
    sha256: String,
}

impl Listed {
    /// What is in a bundle, as of this time.
    pub(super) fn of(bundle: &Bundle, at: u64) -> Self {
        let line = |(finding, entry): (BundleFinding, &prism_attest::endorsements::bundle::Entry)| {
            let origin = entry.origin();
            let (source, fetched_at) = (origin.source.clone(), origin.fetched_at);
            Line { finding, source, fetched_at, sha256: entry.digest().to_string() }
        };
        let entries: Vec<_> = bundle.check(at).into_iter().zip(bundle.entries()).map(line).collect();
        let current = !entries.is_empty() && entries.iter().all(|line| line.finding.current);
        Self { at, current, window: bundle.window(), entries }
    }

    /// Whether there is nothing to rely on.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries are not current.
    pub(super) fn not_current(&self) -> usize {
        self.entries.iter().filter(|line| !line.finding.current).count()
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.entries {
            let BundleFinding { key, current, window, .. } = &line.finding;
            writeln!(f, "{}  {key}", if *current { "ok   " } else { "STALE" })?;
            writeln!(f, "       {} to {}", moment(window.not_before), moment(window.not_after))?;
            writeln!(f, "       from {}, {}", Safe::new(&line.source), moment(line.fetched_at))?;
        }
        let Self { at, window, entries, .. } = self;
        let stale = self.not_current();
        if entries.is_empty() {
            return writeln!(f, "nothing in it");
        }
        if stale == 0 {
            let (count, at) = (entries.len(), moment(*at));
            return writeln!(f, "all {count} are current at {at}, together until {}", moment(window.not_after));
        }
        writeln!(f, "{stale} of {} are not current at {}", entries.len(), moment(*at))
    }
}

//! How runs ended, by outcome and by day.

use std::collections::BTreeMap;

use super::computation::Ending;
use super::state::Workspace;
use crate::UnixSeconds;

const DAY: u64 = 86_400;

/// Counts of runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Runs that have not ended.
    pub running: u64,
    /// Runs by how they ended.
    pub outcomes: BTreeMap<Ending, u64>,
    /// Runs that ended on each day (UTC), by the day's first second, and how.
    pub days: BTreeMap<UnixSeconds, BTreeMap<Ending, u64>>,
}

impl Workspace {
    /// The counts of all runs that ended at or after `since`, and of those that have not ended.
    #[must_use]
    pub fn statistics(&self, since: UnixSeconds) -> Statistics {
        let mut counts = Statistics::default();
        for run in self.runs() {
            match run.ended {
                None => counts.running += 1,
                Some((ending, at)) if at >= since => {
                    *counts.outcomes.entry(ending).or_default() += 1;
                    *counts.days.entry(at - at % DAY).or_default().entry(ending).or_default() += 1;
                }
                Some(_) => {}
            }
        }
        counts
    }
}

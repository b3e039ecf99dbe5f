//! Pauses between questions to one host.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::config::Pace;

/// When each host has earned its next question, as time since the clock's start.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<HashMap<String, Duration>>);

impl Paces {
    /// Reserves the next question to `host` and says how long to wait before it: the generic cell rate algorithm
    /// (ITU-T I.371), which is a bucket of tokens.
    pub(super) fn reserve(&self, host: &str, pace: Pace, now: Duration) -> Duration {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let earned = hosts.entry(host.to_owned()).or_default();
        let at = (*earned).max(now);
        *earned = at.saturating_add(pace.every);
        let ahead = pace.every.saturating_mul(pace.at_once.saturating_sub(1));
        at.saturating_sub(now).saturating_sub(ahead)
    }
}

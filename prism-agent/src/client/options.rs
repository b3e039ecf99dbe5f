use std::time::{Duration, Instant};

use prism_core::UnixSeconds;

use super::memory::CheckpointStore;

/// What a client remembers and how patient it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where the newest checkpoint of every log is kept between two connections.
    pub checkpoints: CheckpointStore,
    /// How often and how soon a broken connection is tried again.
    pub retry: RetryPolicy,
}

impl Options {
    /// Remembers checkpoints in `checkpoints`; patient as [`RetryPolicy::default`] is.
    #[must_use]
    pub fn new(checkpoints: CheckpointStore) -> Self {
        Self { checkpoints, retry: RetryPolicy::default() }
    }
}

/// When a broken connection is tried again. Every new connection to an agent is attested and authenticated as the first
/// was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "three numbers that a caller chooses")]
pub struct RetryPolicy {
    /// How many attempts in a row may bring nothing before the client gives up; 0 never tries again.
    pub attempts: u32,
    /// The pause before the first attempt; it doubles from one attempt to the next.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 8, first: Duration::from_millis(250), longest: Duration::from_secs(15) }
    }
}

/// The attempts that one call has left.
#[derive(Debug)]
pub(crate) struct Retries {
    policy: RetryPolicy,
    failed: u32,
}

impl Retries {
    pub(crate) const fn new(policy: RetryPolicy) -> Self {
        Self { policy, failed: 0 }
    }

    /// Something was gained: the count starts again.
    pub(crate) const fn reset(&mut self) {
        self.failed = 0;
    }

    /// Pauses before the next attempt; false when there is none.
    pub(crate) async fn pause(&mut self) -> bool {
        if self.failed >= self.policy.attempts {
            return false;
        }
        let doubled = self.policy.first.saturating_mul(1 << self.failed.min(16));
        self.failed += 1;
        tokio::time::sleep(doubled.min(self.policy.longest)).await;
        true
    }
}

/// The caller's time, carried forward by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    at: UnixSeconds,
    since: Instant,
}

impl Clock {
    pub(super) fn starting(at: UnixSeconds) -> Self {
        Self { at, since: Instant::now() }
    }

    pub(super) fn now(&self) -> UnixSeconds {
        self.at.saturating_add(self.since.elapsed().as_secs())
    }
}

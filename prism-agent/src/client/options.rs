use std::fmt;
use std::sync::Arc;
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
    /// Who hears of broken connections while calls go on by themselves.
    pub listener: Listener,
}

impl Options {
    /// Remembers checkpoints in `checkpoints`; patient as [`RetryPolicy::default`] is; tells nobody.
    #[must_use]
    pub fn new(checkpoints: CheckpointStore) -> Self {
        Self { checkpoints, retry: RetryPolicy::default(), listener: Listener::nobody() }
    }
}

/// What a call does about a broken connection, as it does it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The connection broke, or could not be had again; another attempt follows.
    Retrying {
        /// What happened.
        reason: String,
        /// Which attempt follows, from 1.
        attempt: u32,
        /// How many there are in a row.
        attempts: u32,
        /// The pause before it.
        pause: Duration,
    },
    /// There is a connection again, attested as the first was.
    Recovered,
    /// No attempt is left: the call ends with this error.
    GaveUp {
        /// What happened last.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retrying { reason, attempt, attempts, pause } => {
                let seconds = pause.as_secs_f32();
                write!(f, "connection lost ({reason}); trying again in {seconds} s, attempt {attempt} of {attempts}")
            }
            Self::Recovered => f.write_str("connected and attested again"),
            Self::GaveUp { reason } => write!(f, "gave up: {reason}"),
        }
    }
}

/// Hears notices. It is called on a thread that does other work: it must not wait.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(Notice) + Send + Sync>);

impl Listener {
    /// Nobody listens.
    #[must_use]
    pub fn nobody() -> Self {
        Self::new(|_| {})
    }

    /// `hear` is called with every notice.
    #[must_use]
    pub fn new(hear: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }

    pub(super) fn tell(&self, notice: Notice) {
        (self.0)(notice);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener(..)")
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
        let Some(pause) = self.next() else { return false };
        tokio::time::sleep(pause).await;
        true
    }

    /// The pause before the next attempt, which counts as made; `None` when there is none.
    pub(super) fn next(&mut self) -> Option<Duration> {
        if self.failed >= self.policy.attempts {
            return None;
        }
        let doubled = self.policy.first.saturating_mul(1 << self.failed.min(16));
        self.failed += 1;
        Some(doubled.min(self.policy.longest))
    }

    /// That the next attempt follows, and why.
    pub(super) const fn notice(&self, reason: String, pause: Duration) -> Notice {
        Notice::Retrying { reason, attempt: self.failed, attempts: self.policy.attempts, pause }
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

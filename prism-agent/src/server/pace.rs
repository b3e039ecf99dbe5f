//! Patience with whoever brings bytes: none with a line that stands still.

use tokio::time::{Duration, Instant};

use super::config::Limits;

/// Ends a stream that is slower than the least rate for longer than the grace: every byte buys time. Time that the
/// agent's own disk takes is not its sender's.
pub(super) struct Pace {
    due: Instant,
    grace: Duration,
    rate: u64,
}

impl Pace {
    pub(super) fn new(limits: &Limits) -> Self {
        let grace = limits.upload_grace;
        Self { due: Instant::now() + grace, grace, rate: limits.upload_min_rate.max(1) }
    }

    /// When the next bytes have to be there.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// So many bytes came.
    pub(super) fn buy(&mut self, bytes: usize) {
        let bought = Duration::from_millis((bytes as u64).saturating_mul(1000) / self.rate);
        self.due = (self.due + bought).min(Instant::now() + self.grace);
    }

    /// So long the agent itself kept them waiting.
    pub(super) fn excuse(&mut self, waited: Duration) {
        self.due += waited;
    }
}

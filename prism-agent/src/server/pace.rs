//! Patience with whoever brings or takes bytes: none with a line that stands still.

use tokio::time::{Duration, Instant};

use super::config::Limits;

/// Ends a stream that is slower than the least rate for longer than the grace: every byte buys time. Time that the
/// agent itself takes, or its disk, is nobody else's.
pub(super) struct Pace {
    due: Instant,
    grace: Duration,
    rate: u64,
}

impl Pace {
    /// Patience with whoever brings bytes.
    pub(super) fn bringing(limits: &Limits) -> Self {
        Self::new(limits.upload_grace, limits.upload_min_rate)
    }

    /// Patience with whoever takes bytes.
    pub(super) fn taking(limits: &Limits) -> Self {
        Self::new(limits.download_grace, limits.download_min_rate)
    }

    fn new(grace: Duration, rate: u64) -> Self {
        Self { due: Instant::now() + grace, grace, rate: rate.max(1) }
    }

    /// How long somebody may fall behind.
    pub(super) const fn grace(&self) -> Duration {
        self.grace
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

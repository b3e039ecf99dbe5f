//! Time as the endorser needs it, so that tests bring their own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prism_core::UnixSeconds;

/// The date, time that only goes on, and waiting.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Unix time in seconds.
    fn unix(&self) -> UnixSeconds;

    /// Time since some moment of the past.
    fn elapsed(&self) -> Duration;

    /// Waits.
    fn pause(&self, length: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The system's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn unix(&self) -> UnixSeconds {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn pause(&self, length: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(length))
    }
}

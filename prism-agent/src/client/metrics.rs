use std::fmt;

use prism_core::metric;

use super::following::Following;
use super::session::Session;
use super::{SessionError, Stub, bounded};
use crate::wire::{MetricsRequest, MetricsResponse};

/// The figures that the algorithm prints, as far as the manifest lets the caller read them, until the run has ended.
pub struct Metrics {
    following: Following<MetricsResponse>,
    offset: u64,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl Session {
    /// Reads the figures that the algorithm prints as `metrics` lines (see [`prism_core::metric`]), from the first on.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics { following: Following::new(self), offset: 0 }
    }
}

impl Metrics {
    /// The next line of figures; `None` when the run has ended and all were read, or after an error.
    pub async fn next(&mut self) -> Option<Result<metric::Metrics, SessionError>> {
        let request = MetricsRequest { offset: self.offset };
        let open = |mut stub: Stub| async move { bounded(stub.metrics(request)).await };
        let read = self.following.next(open).await?.and_then(|response| self.read(response));
        if read.is_err() {
            self.following.end();
        }
        Some(read)
    }

    /// What the agent sent, if it is what a line of figures can hold and comes after what was read.
    fn read(&mut self, response: MetricsResponse) -> Result<metric::Metrics, SessionError> {
        let MetricsResponse { offset, step, values } = response;
        let metrics = metric::Metrics::new(step, values.into_iter().collect()).filter(|_| offset > self.offset);
        self.offset = self.offset.max(offset);
        metrics.ok_or(SessionError::Malformed { expected: "finite figures with plain names, each line after the last" })
    }
}

use std::fmt;
use std::sync::Arc;

use prism_core::metric;
use tonic::Streaming;

use super::options::Retries;
use super::session::{Live, Session};
use super::{CallError, SessionError, bounded};
use crate::wire::{MetricsRequest, MetricsResponse};

/// The figures that the algorithm prints, as far as the manifest lets the caller read them, until the run has ended.
pub struct Metrics {
    session: Session,
    offset: u64,
    stream: Option<(Arc<Live>, Streaming<MetricsResponse>)>,
    retries: Retries,
    over: bool,
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
        let retries = self.retries();
        Metrics { session: self.clone(), offset: 0, stream: None, retries, over: false }
    }
}

impl Metrics {
    /// The next line of figures; `None` when the run has ended and all were read, or after an error.
    pub async fn next(&mut self) -> Option<Result<metric::Metrics, SessionError>> {
        while !self.over {
            match self.receive().await {
                Ok(Some(response)) => {
                    self.retries.reset();
                    let read = self.read(response);
                    self.over = read.is_err();
                    return Some(read);
                }
                Ok(None) => self.over = true,
                Err((live, error)) => {
                    let recovered = self.session.recover(&live, &mut self.retries, SessionError::from(error)).await;
                    if let Err(error) = recovered {
                        self.over = true;
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }

    /// What the agent sent, if it is what a line of figures can hold and comes after what was read.
    fn read(&mut self, response: MetricsResponse) -> Result<metric::Metrics, SessionError> {
        let MetricsResponse { offset, step, values } = response;
        let metrics = metric::Metrics::new(step, values.into_iter().collect()).filter(|_| offset > self.offset);
        self.offset = self.offset.max(offset);
        metrics.ok_or(SessionError::Malformed { expected: "finite figures with plain names, each line after the last" })
    }

    async fn receive(&mut self) -> Result<Option<MetricsResponse>, (Arc<Live>, CallError)> {
        let (live, mut stream) = if let Some(open) = self.stream.take() {
            open
        } else {
            let live = self.session.live();
            match bounded(live.stub().metrics(MetricsRequest { offset: self.offset })).await {
                Ok(stream) => (live, stream),
                Err(error) => return Err((live, error)),
            }
        };
        match stream.message().await {
            Ok(response) => {
                self.stream = Some((live, stream));
                Ok(response)
            }
            Err(status) => Err((live, status.into())),
        }
    }
}

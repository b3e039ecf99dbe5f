use std::fmt;
use std::sync::Arc;

use tonic::Streaming;

use super::options::Retries;
use super::session::{Live, Session};
use super::{CallError, SessionError, bounded};
use crate::wire::{LogsRequest, LogsResponse, logs_response::Output};

/// The next bytes that the algorithm wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogChunk {
    /// To its standard output.
    Stdout(Vec<u8>),
    /// To its standard error.
    Stderr(Vec<u8>),
}

/// What the algorithm writes, as far as the manifest lets the caller read it, until the run has ended.
pub struct Logs {
    session: Session,
    stdout: u64,
    stderr: u64,
    stream: Option<(Arc<Live>, Streaming<LogsResponse>)>,
    retries: Retries,
    over: bool,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("stdout", &self.stdout).field("stderr", &self.stderr).finish_non_exhaustive()
    }
}

impl Session {
    /// Reads what the algorithm writes, from its first byte on.
    #[must_use]
    pub fn logs(&self) -> Logs {
        let retries = self.retries();
        Logs { session: self.clone(), stdout: 0, stderr: 0, stream: None, retries, over: false }
    }
}

impl Logs {
    /// The next bytes; `None` when the run has ended and everything was read, or after an error.
    pub async fn next(&mut self) -> Option<Result<LogChunk, SessionError>> {
        while !self.over {
            match self.receive().await {
                Ok(Some(chunk)) => {
                    self.retries.reset();
                    return Some(Ok(chunk));
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

    async fn receive(&mut self) -> Result<Option<LogChunk>, (Arc<Live>, CallError)> {
        let (live, mut stream) = if let Some(open) = self.stream.take() {
            open
        } else {
            let live = self.session.live();
            let request = LogsRequest { stdout_offset: self.stdout, stderr_offset: self.stderr };
            match bounded(live.stub().logs(request)).await {
                Ok(stream) => (live, stream),
                Err(error) => return Err((live, error)),
            }
        };
        loop {
            let chunk = match stream.message().await {
                Ok(Some(LogsResponse { output: Some(Output::Stdout(bytes)) })) => {
                    self.stdout += bytes.len() as u64;
                    LogChunk::Stdout(bytes.into())
                }
                Ok(Some(LogsResponse { output: Some(Output::Stderr(bytes)) })) => {
                    self.stderr += bytes.len() as u64;
                    LogChunk::Stderr(bytes.into())
                }
                Ok(Some(LogsResponse { output: None })) => continue,
                Ok(None) => return Ok(None),
                Err(status) => return Err((live, status.into())),
            };
            self.stream = Some((live, stream));
            return Ok(Some(chunk));
        }
    }
}

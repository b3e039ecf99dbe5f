use std::fmt;

use super::following::Following;
use super::session::Session;
use super::{SessionError, Stub, bounded};
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
    following: Following<LogsResponse>,
    stdout: u64,
    stderr: u64,
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
        Logs { following: Following::new(self), stdout: 0, stderr: 0 }
    }
}

impl Logs {
    /// The next bytes; `None` when the run has ended and everything was read, or after an error.
    pub async fn next(&mut self) -> Option<Result<LogChunk, SessionError>> {
        loop {
            let request = LogsRequest { stdout_offset: self.stdout, stderr_offset: self.stderr };
            let open = |mut stub: Stub| async move { bounded(stub.logs(request)).await };
            match self.following.next(open).await? {
                Ok(LogsResponse { output: Some(output) }) => return Some(Ok(self.take(output))),
                Ok(LogsResponse { output: None }) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn take(&mut self, output: Output) -> LogChunk {
        match output {
            Output::Stdout(bytes) => {
                self.stdout += bytes.len() as u64;
                LogChunk::Stdout(bytes.into())
            }
            Output::Stderr(bytes) => {
                self.stderr += bytes.len() as u64;
                LogChunk::Stderr(bytes.into())
            }
        }
    }
}

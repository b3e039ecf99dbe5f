//! The object's bytes, over as many connections as it takes.

use bytes::Bytes;
use prism_core::code::Coded;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;

use super::progress::{Progress, Stage};
use crate::client::Retries;
use crate::pull::{Object, Opened, PullConfig, PullError};
use crate::server::config::Limits;
use crate::server::pace::Pace;

/// Bytes that an attempt has to bring so that it does not count as failed.
const WORTH: u64 = 64 * 1024;

/// How often an object may come in vain, in its own size, from a store that gives whole ones only.
const IN_VAIN: u64 = 8;

/// Who wants the bytes, and how patiently.
pub(super) struct Fetch<'a> {
    pub(super) object: &'a Object,
    pub(super) size: u64,
    pub(super) config: &'a PullConfig,
    pub(super) limits: &'a Limits,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a CancellationToken,
}

/// How far it is, and what is known of the object.
#[derive(Default)]
struct Position {
    at: u64,
    etag: Option<String>,
    /// The store gives whole objects only.
    whole_only: bool,
    /// Bytes that came although they were known.
    again: u64,
}

impl Fetch<'_> {
    /// Hands on the whole object, or says what stands against it. That nobody takes it is no fault here.
    pub(super) async fn run(self, pipe: mpsc::Sender<Bytes>) -> Result<(), PullError> {
        let (mut position, mut retries) = (Position::default(), Retries::new(self.config.retry));
        loop {
            self.progress.enter(Stage::Fetching);
            let before = position.at;
            let attempt = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(PullError::Cancelled),
                attempt = self.attempt(&mut position, &pipe) => attempt,
            };
            let error = match attempt {
                Ok(()) => return Ok(()),
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) => error,
            };
            tracing::warn!(%error, at = position.at, "a store failed");
            self.progress.failed(Stage::Retrying, error.code());
            position.whole_only |= matches!(error, PullError::NoRanges);
            if position.at.saturating_sub(before) >= WORTH && !matches!(error, PullError::TooSlow) {
                retries.reset();
            }
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(PullError::Cancelled),
                again = retries.pause() => if !again { return Err(error) },
            }
        }
    }

    async fn attempt(&self, position: &mut Position, pipe: &mpsc::Sender<Bytes>) -> Result<(), PullError> {
        let start = if position.whole_only { 0 } else { position.at };
        let opening = self.object.open(start, position.etag.as_deref());
        let Opened { size, etag, mut bytes } =
            timeout(self.config.answer_within.saturating_mul(2), opening).await.map_err(|_| PullError::TooSlow)??;
        if size != self.size {
            return Err(PullError::Size { expected: self.size, found: size });
        }
        match (&position.etag, etag) {
            (Some(known), Some(found)) if *known != found => return Err(PullError::Changed),
            (None, found) => position.etag = found,
            _ => {}
        }
        let mut skip = position.at.saturating_sub(start);
        let mut pace = Pace::bringing(self.limits);
        while position.at < self.size {
            let next = timeout_at(pace.due(), bytes.next()).await.map_err(|_| PullError::TooSlow)?;
            let mut next = match next {
                Some(next) => next.map_err(|error| PullError::Unreachable(error.into()))?,
                None => return Err(PullError::Unreachable("the object ended too early".into())),
            };
            pace.buy(next.len());
            let known = usize::try_from(skip).unwrap_or(usize::MAX).min(next.len());
            let _ = next.split_to(known);
            skip = skip.saturating_sub(known as u64);
            position.again = position.again.saturating_add(known as u64);
            if position.again > self.size.saturating_mul(IN_VAIN) {
                return Err(PullError::Wasteful { size: self.size, again: position.again });
            }
            if next.len() as u64 > self.size.saturating_sub(position.at) {
                return Err(PullError::Size { expected: self.size, found: size.saturating_add(1) });
            }
            position.at = position.at.saturating_add(next.len() as u64);
            self.progress.received(position.at);
            let since = Instant::now();
            if !next.is_empty() && pipe.send(next).await.is_err() {
                // Whoever opens or writes went away and knows why.
                return Ok(());
            }
            pace.excuse(since.elapsed());
        }
        Ok(())
    }
}

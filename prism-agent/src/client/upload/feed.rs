//! A source as a stream of frames: a thread reads, a bounded queue waits, HTTP/2 takes what its windows allow.

use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;

use crate::client::{LogError, SessionError};
use crate::files::{FileError, Source};
use crate::wire::{UploadRequest, upload_request};

/// Bytes of one frame, chosen by measurement (`benches/README.md`).
const FRAME: usize = 256 * 1024;
/// Frames that wait at most, so that memory is constant.
const WAITING: usize = 4;

use super::UploadError;

enum Item {
    Message(upload_request::Step),
    /// Everything was handed over. Without it the stream never ends: what was broken off must not look complete.
    End,
}

/// The reading side of an upload.
pub(super) struct Feed {
    frames: Option<mpsc::Receiver<Item>>,
    sent: watch::Receiver<u64>,
    outcome: tokio::task::JoinHandle<Result<(), Unread>>,
    finished: bool,
}

/// What has happened since the last time.
pub(super) enum Step {
    /// So many bytes were handed over, in all.
    Sent(u64),
    /// Everything was.
    Finished,
}

/// Why a source was not sent to its end.
#[derive(Debug)]
enum Unread {
    /// It could not be read.
    File(FileError),
    /// It is shorter than it was.
    Short,
}

impl From<FileError> for Unread {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl Feed {
    /// Starts to read the bytes of `span`; `begin` goes before them.
    pub(super) fn start(source: Source, span: Range<u64>, begin: upload_request::Step) -> Self {
        let (queue, frames) = mpsc::channel(WAITING);
        let (tell, sent) = watch::channel(0);
        let outcome = tokio::task::spawn_blocking(move || {
            let work = Reading { source, span, queue, tell };
            work.run(begin)
        });
        Self { frames: Some(frames), sent, outcome, finished: false }
    }

    /// The stream for the call, once.
    pub(super) fn frames(&mut self) -> Result<Frames, SessionError> {
        let taken = self.frames.take().ok_or(LogError::Interrupted)?;
        Ok(Frames(taken))
    }

    /// Waits for progress. Never returns again after [`Step::Finished`].
    pub(super) async fn step(&mut self) -> Result<Step, UploadError> {
        if self.finished {
            return std::future::pending().await;
        }
        tokio::select! {
            biased;
            Ok(()) = self.sent.changed() => Ok(Step::Sent(*self.sent.borrow_and_update())),
            outcome = &mut self.outcome => {
                self.finished = true;
                match outcome {
                    Ok(Ok(())) => Ok(Step::Finished),
                    Ok(Err(Unread::File(error))) => Err(error.into()),
                    Ok(Err(Unread::Short)) => Err(UploadError::Changed),
                    Err(_) => Err(LogError::Interrupted.into()),
                }
            }
        }
    }
}

struct Reading {
    source: Source,
    span: Range<u64>,
    queue: mpsc::Sender<Item>,
    tell: watch::Sender<u64>,
}

impl Reading {
    fn run(self, begin: upload_request::Step) -> Result<(), Unread> {
        let failed = |error| FileError::io("read", Path::new("the asset"))(error);
        // A queue without its other end means that the call is over: the reason is the call's to tell.
        let Ok(()) = self.queue.blocking_send(Item::Message(begin)) else { return Ok(()) };
        let mut pieces = self.source.pieces(self.span.clone(), FRAME)?;
        let mut sent = 0;
        while let Some(frame) = pieces.next().map_err(failed)? {
            sent += frame.len() as u64;
            let message = Item::Message(upload_request::Step::Frame(frame));
            let Ok(()) = self.queue.blocking_send(message) else { return Ok(()) };
            self.tell.send_replace(sent);
        }
        if sent < self.span.end - self.span.start {
            return Err(Unread::Short);
        }
        // As above.
        let _ = self.queue.blocking_send(Item::End);
        Ok(())
    }
}

/// The messages of one upload.
pub(super) struct Frames(mpsc::Receiver<Item>);

impl Stream for Frames {
    type Item = UploadRequest;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<UploadRequest>> {
        match self.0.poll_recv(cx) {
            Poll::Ready(Some(Item::Message(step))) => Poll::Ready(Some(UploadRequest { step: Some(step) })),
            Poll::Ready(Some(Item::End)) => Poll::Ready(None),
            // The reader is gone without an end: only a reset of the call may follow.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

//! A source as a stream of frames: a thread reads, a bounded queue waits, HTTP/2 takes what its windows allow.

use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;

use crate::client::{LogError, SessionError};
use crate::files::{FileError, Source};
use crate::wire::{UploadRequest, upload_request};

/// Bytes of one frame.
const FRAME: usize = 512 * 1024;
/// Frames that wait at most, so that memory is constant.
const WAITING: usize = 2;

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
    outcome: tokio::task::JoinHandle<Result<(), FileError>>,
    finished: bool,
}

/// What has happened since the last time.
pub(super) enum Step {
    /// So many bytes were handed over, in all.
    Sent(u64),
    /// Everything was.
    Finished,
}

impl Feed {
    /// Starts to read `length` bytes at `offset`; `begin` goes before them.
    pub(super) fn start(source: Source, offset: u64, length: u64, begin: upload_request::Step) -> Self {
        let (queue, frames) = mpsc::channel(WAITING);
        let (tell, sent) = watch::channel(0);
        let outcome = tokio::task::spawn_blocking(move || {
            let work = Reading { source, offset, length, queue, tell };
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
                    Ok(read) => read.map(|()| Step::Finished).map_err(UploadError::from),
                    Err(_) => Err(LogError::Interrupted.into()),
                }
            }
        }
    }
}

struct Reading {
    source: Source,
    offset: u64,
    length: u64,
    queue: mpsc::Sender<Item>,
    tell: watch::Sender<u64>,
}

impl Reading {
    fn run(self, begin: upload_request::Step) -> Result<(), FileError> {
        let failed = |error| FileError::io("read", Path::new("the asset"))(error);
        // A queue without its other end means that the call is over: the reason is the call's to tell.
        let Ok(()) = self.queue.blocking_send(Item::Message(begin)) else { return Ok(()) };
        let mut reader = self.source.reader(self.offset)?.take(self.length);
        let mut sent = 0;
        while let Some(frame) = next_frame(&mut reader).map_err(failed)? {
            sent += frame.len() as u64;
            let message = Item::Message(upload_request::Step::Frame(frame));
            let Ok(()) = self.queue.blocking_send(message) else { return Ok(()) };
            self.tell.send_replace(sent);
        }
        if sent < self.length {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        // As above.
        let _ = self.queue.blocking_send(Item::End);
        Ok(())
    }
}

fn next_frame(reader: &mut impl Read) -> io::Result<Option<Bytes>> {
    let mut frame = Vec::with_capacity(FRAME);
    reader.by_ref().take(FRAME as u64).read_to_end(&mut frame)?;
    Ok(Some(frame).filter(|frame| !frame.is_empty()).map(Bytes::from))
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

//! A bounded pipe between a thread that writes and a reader: constant memory, no temporary file.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::{Buf, Bytes};

/// Bytes of one hand-over.
const CHUNK: usize = 256 * 1024;
/// Hand-overs that may wait: with the chunks at both ends about 1 MiB in all.
const WAITING: usize = 2;

type Handover = Result<Bytes, io::Error>;

/// The reading end. Dropping it makes the writer's next write fail, which ends its thread.
#[derive(Debug)]
pub(super) struct PipeReader {
    receiver: Receiver<Handover>,
    current: Bytes,
    ended: bool,
}

/// The writing end. What is not finished is an error at the other end, never a short stream.
#[derive(Debug)]
pub(super) struct PipeWriter {
    sender: SyncSender<Handover>,
    buffer: Vec<u8>,
}

pub(super) fn pipe() -> (PipeWriter, PipeReader) {
    let (sender, receiver) = sync_channel(WAITING);
    (
        PipeWriter { sender, buffer: Vec::with_capacity(CHUNK) },
        PipeReader { receiver, current: Bytes::new(), ended: false },
    )
}

impl PipeWriter {
    fn hand_over(&self, what: Handover) -> io::Result<()> {
        self.sender.send(what).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    /// Sends what is buffered and the end of the stream, or the error that ended it.
    pub(super) fn close(mut self, outcome: io::Result<()>) {
        let last = outcome.and_then(|()| self.flush()).map(|()| Bytes::new());
        // The reader may have gone; then nobody is left to hear it.
        let _ = self.hand_over(last);
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK - self.buffer.len();
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let full = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.hand_over(Ok(full.into()))
    }
}

impl Read for PipeReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.current.is_empty() && !self.ended {
            // A writer that vanished without a word has panicked or was killed: its stream is not whole.
            self.current = self.receiver.recv().map_err(|_| io::Error::from(io::ErrorKind::UnexpectedEof))??;
            self.ended = self.current.is_empty();
        }
        let n = out.len().min(self.current.len());
        self.current.copy_to_slice(out.get_mut(..n).unwrap_or_default());
        Ok(n)
    }
}

use std::io::{self, IoSliceMut, Read, Write};

use prism_core::digest::Hasher;
use tokio_util::sync::CancellationToken;

use crate::files::{Measure, Measured};

/// A reader that reports how far it is and ends when nobody waits for it any more.
pub(super) struct Watched<'a, R> {
    pub(super) reader: R,
    pub(super) done: u64,
    pub(super) tell: &'a mut (dyn FnMut(u64) + Send),
    pub(super) cancel: &'a CancellationToken,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.look()?;
        let read = self.reader.read(buffer)?;
        self.report(read);
        Ok(read)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.look()?;
        let read = self.reader.read_vectored(buffers)?;
        self.report(read);
        Ok(read)
    }
}

impl<R> Watched<'_, R> {
    fn look(&self) -> io::Result<()> {
        if self.cancel.is_cancelled() { Err(io::Error::other("interrupted")) } else { Ok(()) }
    }

    fn report(&mut self, read: usize) {
        self.done += read as u64;
        (self.tell)(self.done);
    }
}

/// A writer that hashes what it passes on.
pub(super) struct Hashed<W> {
    writer: W,
    sum: Measure,
}

impl<W: Write> Hashed<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, sum: Measure::new(Hasher::sha256()) }
    }

    pub(super) fn finish(self) -> Measured {
        self.sum.finish()
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.sum.write_all(bytes.get(..written).unwrap_or(bytes))?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

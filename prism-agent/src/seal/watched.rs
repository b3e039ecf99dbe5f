use std::io::{self, IoSliceMut, Read};

use tokio_util::sync::CancellationToken;

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

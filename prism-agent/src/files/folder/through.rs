//! What an archive passes through on its way.

use std::io::{self, Read, Write};

use prism_core::digest::{Digest, Hasher};

use super::descent::Opened;
use crate::files::{Measure, Measured};

/// Hashes what is read, by itself.
pub(super) struct Hashed<'a> {
    inner: &'a mut Opened,
    hasher: Hasher,
}

impl<'a> Hashed<'a> {
    pub(super) fn new(inner: &'a mut Opened) -> Self {
        Self { inner, hasher: Hasher::sha256() }
    }

    pub(super) fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

/// A measure that reports as it goes, but not every few bytes.
pub(super) struct Reporting<'a> {
    sum: Measure,
    told: u64,
    progress: &'a mut dyn FnMut(u64),
}

impl<'a> Reporting<'a> {
    const STEP: u64 = 256 * 1024;

    pub(super) fn new(hasher: Hasher, progress: &'a mut dyn FnMut(u64)) -> Self {
        Self { sum: Measure::new(hasher), told: 0, progress }
    }

    pub(super) fn finish(self) -> Measured {
        (self.progress)(self.sum.size());
        self.sum.finish()
    }
}

impl Write for Reporting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.sum.write(bytes)?;
        if self.sum.size() - self.told >= Self::STEP {
            self.told = self.sum.size();
            (self.progress)(self.told);
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lets through only what comes after the first bytes.
pub(super) struct Rest<W> {
    inner: W,
    before: u64,
}

impl<W> Rest<W> {
    /// What comes after `before` bytes goes to `inner`.
    pub(super) const fn after(before: u64, inner: W) -> Self {
        Self { inner, before }
    }

    /// So many of the first bytes were not even written.
    pub(super) const fn passed(&mut self, bytes: u64) {
        self.before = self.before.saturating_sub(bytes);
    }

    pub(super) fn finish(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for Rest<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.before == 0 {
            return self.inner.write(bytes);
        }
        let dropped = usize::try_from(self.before).unwrap_or(usize::MAX).min(bytes.len());
        self.before -= dropped as u64;
        match bytes.get(dropped..).unwrap_or_default() {
            [] => Ok(dropped),
            rest => self.inner.write(rest).map(|written| dropped + written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

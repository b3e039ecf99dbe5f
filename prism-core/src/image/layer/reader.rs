//! Readers that a layer streams through: digests and bounds.

use std::io::{self, Read};

use crate::archive::{Bound, Limits};
use crate::digest::Hasher;
use crate::image::walk::Forward;

/// A reader that hashes what passes through it.
pub(super) struct Hashed<R> {
    pub(super) inner: R,
    pub(super) hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<R: Read> Forward for Hashed<R> {
    fn forward(&mut self, bytes: u64) -> io::Result<u64> {
        io::copy(&mut self.by_ref().take(bytes), &mut io::sink())
    }
}

/// A bound that was crossed inside of a reader.
#[derive(Debug, thiserror::Error)]
#[error("a bound was crossed")]
pub(super) struct Exceeded(pub(super) Bound, pub(super) u64);

/// A reader of uncompressed bytes that ends at the bounds.
pub(super) struct Bounded<'r> {
    pub(super) inner: Box<dyn Read + 'r>,
    /// What all layers may still have.
    pub(super) total: u64,
    /// What this layer may still have, for its compressed size.
    pub(super) layer: u64,
    pub(super) limits: Limits,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let exceeded = |bound, limit| io::Error::other(Exceeded(bound, limit));
        let total = self.total.checked_sub(read as u64);
        self.total = total.ok_or_else(|| exceeded(Bound::TotalBytes, self.limits.total_bytes))?;
        let layer = self.layer.checked_sub(read as u64);
        self.layer = layer.ok_or_else(|| exceeded(Bound::Ratio, self.limits.ratio))?;
        Ok(read)
    }
}

//! Takes stdout and stderr into files: bounded, counted, digested, never shown.

use std::path::PathBuf;

use prism_core::digest::Hasher;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;

use super::outcome::Captured;

/// Bytes that a stream may still write, and what happens when it wants more.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
    exceeded: CancellationToken,
}

impl Budget {
    pub(super) const fn new(bytes: u64, exceeded: CancellationToken) -> Self {
        Self { left: bytes, exceeded }
    }

    /// How many of `wanted` bytes may be kept.
    fn take(&mut self, wanted: usize) -> usize {
        let granted = self.left.min(wanted as u64);
        self.left -= granted;
        if granted < wanted as u64 {
            self.exceeded.cancel();
        }
        usize::try_from(granted).unwrap_or_default()
    }
}

/// Copies `stream` into a new file at `path` until it ends. What exceeds the budget is read and dropped.
pub(super) async fn capture(
    mut stream: impl AsyncRead + Unpin,
    path: PathBuf,
    mut budget: Budget,
) -> std::io::Result<Captured> {
    let mut file = tokio::fs::File::create(&path).await?;
    let mut hasher = Hasher::sha256();
    let mut bytes = 0;
    let mut chunk = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            break;
        }
        let kept = chunk.get(..budget.take(count)).unwrap_or_default();
        file.write_all(kept).await?;
        hasher.update(kept);
        bytes += kept.len() as u64;
    }
    file.flush().await?;
    Ok(Captured { bytes, digest: hasher.finish(), path })
}

#[cfg(test)]
mod tests {
    use prism_core::digest::Digest;

    use super::*;

    #[tokio::test]
    async fn output_beyond_the_budget_is_dropped_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let exceeded = CancellationToken::new();
        let budget = || Budget::new(3, exceeded.clone());
        let first = capture(&b"abc"[..], dir.path().join("a"), budget()).await.unwrap();
        assert!(!exceeded.is_cancelled());
        let second = capture(&b"defg"[..], dir.path().join("b"), budget()).await.unwrap();
        assert!(exceeded.is_cancelled());
        assert_eq!((first.bytes, second.bytes), (3, 3));
        assert_eq!(second.digest, Digest::sha256(b"def"));
        assert_eq!(std::fs::read(second.path).unwrap(), b"def");
    }
}

//! Takes stdout and stderr into files: bounded, counted, digested, never shown.

use std::io;
use std::path::{Path, PathBuf};

use prism_core::digest::Hasher;
use tokio::fs::File;
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

/// How a capture and its run tell each other that it is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    /// The stream cannot be kept any more: the run has to end.
    pub(super) lost: CancellationToken,
    /// The run is over: what is there is all.
    pub(super) enough: CancellationToken,
}

/// A file that a stream goes to.
#[derive(Debug)]
pub(super) struct Kept {
    file: File,
    path: PathBuf,
}

impl Kept {
    pub(super) async fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::create(path).await?, path: path.to_owned() })
    }
}

/// Copies `stream` into its file until it ends. What exceeds the budget is read and dropped. When the file cannot be
/// written, or `enough` comes before the end, the stream is lost, and what is said of it is what is kept of it.
pub(super) async fn capture(
    mut stream: impl AsyncRead + Unpin,
    mut kept: Kept,
    mut budget: Budget,
    signals: Signals,
) -> Captured {
    let (mut hasher, mut bytes) = (Hasher::sha256(), 0);
    let mut written = |part: &[u8]| {
        hasher.update(part);
        bytes += part.len() as u64;
    };
    let whole = tokio::select! {
        copied = copy(&mut stream, &mut kept.file, &mut budget, &mut written) => copied,
        () = signals.enough.cancelled() => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    if let Err(error) = whole {
        tracing::error!(%error, "what the program prints cannot be kept any more");
        // Nothing beyond what is counted and digested.
        let _ = kept.file.set_len(bytes).await;
        signals.lost.cancel();
    }
    Captured { bytes, digest: hasher.finish(), path: kept.path }
}

async fn copy(
    stream: &mut (impl AsyncRead + Unpin),
    file: &mut File,
    budget: &mut Budget,
    written: &mut (dyn FnMut(&[u8]) + Send),
) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(());
        }
        let part = chunk.get(..budget.take(count)).unwrap_or_default();
        file.write_all(part).await?;
        // Before it is counted: an error of the disk shows here.
        file.flush().await?;
        written(part);
    }
}

#[cfg(test)]
mod tests {
    use prism_core::digest::Digest;

    use super::*;

    async fn captured(stream: impl AsyncRead + Unpin, path: &Path, exceeded: &CancellationToken) -> (Captured, bool) {
        let (kept, signals) = (Kept::create(path).await.unwrap(), Signals::default());
        let captured = capture(stream, kept, Budget::new(3, exceeded.clone()), signals.clone()).await;
        (captured, signals.lost.is_cancelled())
    }

    #[tokio::test]
    async fn output_beyond_the_budget_is_dropped_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let exceeded = CancellationToken::new();
        let (first, _) = captured(&b"abc"[..], &dir.path().join("a"), &exceeded).await;
        assert!(!exceeded.is_cancelled());
        let (second, lost) = captured(&b"defg"[..], &dir.path().join("b"), &exceeded).await;
        assert!(exceeded.is_cancelled() && !lost);
        assert_eq!((first.bytes, second.bytes), (3, 3));
        assert_eq!(second.digest, Digest::sha256(b"def"));
        assert_eq!(std::fs::read(second.path).unwrap(), b"def");
    }

    #[tokio::test]
    async fn output_that_the_disk_does_not_take_is_lost_and_not_counted() {
        let (captured, lost) = captured(&b"abc"[..], Path::new("/dev/full"), &CancellationToken::new()).await;
        assert!(lost);
        assert_eq!((captured.bytes, captured.digest), (0, Digest::sha256(b"")));
    }

    #[tokio::test]
    async fn output_that_does_not_end_is_what_was_kept_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (mut ours, theirs) = tokio::io::duplex(16);
        let (kept, signals) = (Kept::create(&dir.path().join("a")).await.unwrap(), Signals::default());
        let budget = Budget::new(3, signals.enough.clone());
        let task = tokio::spawn(capture(theirs, kept, budget, signals.clone()));
        // One byte too many is how the test learns that the others were taken.
        ours.write_all(b"abcd").await.unwrap();
        let captured = task.await.unwrap();
        assert!(signals.lost.is_cancelled());
        assert!(matches!(captured.bytes, 0 | 3));
        assert_eq!(std::fs::read(captured.path).unwrap().len() as u64, captured.bytes);
    }
}

use std::io::Write;
use std::path::{Path, PathBuf};

use prism_core::audit::checkpoint::SignedCheckpoint;
use prism_core::audit::tree::{Tree, leaf_hash};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::manifest::{ApprovalError, SignedManifest};
use prism_core::transcript::{Transcript, TranscriptError};

use super::memory::Remembered;
use super::session::Session;
use super::witness::blocking;
use super::{CallError, LogError, SessionError, bounded};
use crate::files::{Draft, FileError};
use crate::wire::TranscriptRequest;

/// Longest transcript that is taken, in bytes.
const TRANSCRIPT_MAX: u64 = prism_core::transcript::TRANSCRIPT_MAX as u64;

/// Why there is no transcript file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TranscriptFileError {
    /// The file could not be written, or exists already.
    #[error(transparent)]
    File(#[from] FileError),
    /// The agent sends more than a transcript can be.
    #[error(
        "expected a transcript of at most {TRANSCRIPT_MAX} bytes, found more; this agent does not keep the protocol"
    )]
    TooLong,
    /// What came is no transcript.
    #[error("expected a transcript, found another file; this agent does not keep the protocol")]
    Malformed(#[source] TranscriptError),
    /// The manifest in it is not agreed.
    #[error("expected the agreed manifest in the transcript, found another; this agent does not keep the protocol")]
    Unsigned(#[source] ApprovalError),
    /// The transcript of another computation.
    #[error(
        "expected a transcript of manifest {expected}, found one of {found}; this agent does not keep the protocol"
    )]
    OtherManifest {
        /// Digest of the manifest at hand.
        expected: Digest,
        /// Digest of the one in the transcript.
        found: Digest,
    },
    /// The session failed, or the transcript contradicts what was seen of the log before.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Coded for TranscriptFileError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::TooLong | Self::Malformed(_) | Self::Unsigned(_) | Self::OtherManifest { .. } => {
                Code::AgentMisbehaved
            }
            Self::Session(error) => error.code(),
        }
    }
}

macro_rules! by_session {
    ($($error:ty),*) => {$(
        impl From<$error> for TranscriptFileError {
            fn from(error: $error) -> Self {
                SessionError::from(error).into()
            }
        }
    )*};
}

by_session!(CallError, LogError);

impl Session {
    /// Fetches the transcript of the computation into a new file and returns its size in bytes. Its log is compared with
    /// what this client has seen; an audit judges the rest.
    ///
    /// # Errors
    /// [`TranscriptFileError::File`] when `out` exists already.
    pub async fn transcript(&self, out: &Path) -> Result<u64, TranscriptFileError> {
        let mut retries = self.retries();
        let mut live = self.live();
        loop {
            match self.transcript_over(&live.stub(), out).await {
                Ok(size) => return Ok(size),
                Err(error) => live = self.recover(&live, &mut retries, error).await?,
            }
        }
    }

    /// The log may have grown between two connections: a broken transfer starts again, into a new draft.
    async fn transcript_over(&self, stub: &super::Stub, out: &Path) -> Result<u64, TranscriptFileError> {
        let target = out.to_owned();
        let mut draft = blocking(move || begin(&target)).await?;
        let known = self.0.witness.newest();
        let mut stream = bounded(stub.clone().transcript(TranscriptRequest {})).await?;
        let mut size = 0;
        loop {
            let received = stream.message().await.map_err(CallError::from)?;
            let Some(message) = received else { break };
            size += message.frame.len() as u64;
            if size > TRANSCRIPT_MAX {
                return Err(TranscriptFileError::TooLong);
            }
            let target = out.to_owned();
            draft = blocking::<_, TranscriptFileError>(move || {
                draft.write_all(&message.frame).map_err(FileError::io("write", &target))?;
                Ok(draft)
            })
            .await?;
        }
        let manifest = self.manifest().digest();
        let checked = blocking(move || check(draft, manifest)).await?;
        self.compare(&checked, known.as_ref()).await?;
        blocking::<_, TranscriptFileError>(move || Ok(checked.draft.publish()?)).await?;
        Ok(size)
    }
}

impl Session {
    /// Compares the transcript's log with what was known when it was asked for, and with what became known meanwhile.
    async fn compare(&self, checked: &Checked, known: Option<&Remembered>) -> Result<(), LogError> {
        let witness = &self.0.witness;
        let size = checked.head.verify(witness.key())?.size();
        if size != checked.tree.size() {
            return Err(LogError::Malformed { expected: "a signed head over all entries" });
        }
        witness.prove(&checked.tree, checked.head.clone(), known).await?;
        if witness.newest().is_some_and(|newest| newest.head.size() > size) {
            witness.agree(checked.head.clone(), self).await?;
        }
        Ok(())
    }
}

/// A transcript of this manifest, and the log in it.
struct Checked {
    draft: Draft,
    tree: Tree,
    head: SignedCheckpoint,
}

fn check(mut draft: Draft, manifest: Digest) -> Result<Checked, TranscriptFileError> {
    let transcript = Transcript::read(&draft.read_back()?).map_err(TranscriptFileError::Malformed)?;
    let found = SignedManifest::read(&transcript.manifest.0).map_err(TranscriptFileError::Unsigned)?.digest();
    if found != manifest {
        return Err(TranscriptFileError::OtherManifest { expected: manifest, found });
    }
    let mut tree = Tree::new();
    for entry in &transcript.entries {
        tree.append(leaf_hash(entry.as_bytes()));
    }
    let head = SignedCheckpoint::read(transcript.checkpoint.as_bytes()).map_err(LogError::from)?;
    Ok(Checked { draft, tree, head })
}

fn begin(target: &Path) -> Result<Draft, TranscriptFileError> {
    if target.symlink_metadata().is_ok() {
        return Err(FileError::Exists { path: PathBuf::from(target) }.into());
    }
    Ok(Draft::create(target)?)
}

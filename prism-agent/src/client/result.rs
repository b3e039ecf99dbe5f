//! Taking the result: exactly once, resumable at every step.
//!
//! What is on disk decides where to go on. Beside the output `results.zip` there are, while it is on its way:
//! `results.zip.identity-…`, the only key that will ever open it, written before anybody hears of it;
//! `results.zip.payload-…`, the sealed bytes; `results.zip.header-…`, their key, wrapped for that identity. They are
//! removed when the agent has logged that the result arrived, the identity last. Their names carry the digest of the
//! sealed bytes: those of two results never mix, and neither removes the other's.

mod inflow;
mod place;
mod take;

use std::fmt;
use std::path::{Path, PathBuf};

use prism_core::audit::entry::Outcome;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::name::Name;
use prism_core::seal::{OpenError, RecipientKind, SealError, SealKeyError};

use self::take::Take;
use super::session::Session;
use super::{CallError, LogError, Receipt, SessionError};
use crate::files::FileError;

/// How a result is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResultOptions {
    /// What protects the result's key on its way; hybrid post-quantum by default.
    pub kind: RecipientKind,
    /// Whether the sealed file `<output>.age` stays, with `<output>.identity`, which opens it with the `age` tool.
    pub keep_sealed: bool,
    /// Whether `<output>.receipt` is written, in place of an older one, before what resuming needs is removed: whoever is
    /// ended between the confirmation and this goes on with the same call, and nothing is lost. Its first line has the
    /// manifest's digest, the agent's boot, the consumer and the output's digest; the rest is the proof, a C2SP tlog-proof.
    pub keep_receipt: bool,
}

/// How far a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResultProgress {
    /// The step that has just been made durable.
    pub step: ResultStep,
    /// Sealed bytes received.
    pub received: u64,
    /// Sealed bytes in all.
    pub total: u64,
}

/// The steps of taking a result, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ResultStep {
    /// The identity is on disk.
    Identity,
    /// Sealed bytes are arriving.
    Receiving,
    /// All sealed bytes are on disk and have the digest that the agent states.
    Received,
    /// The agent has released the key to the identity, and it is on disk.
    Released,
    /// The output is on disk.
    Opened,
    /// The agent has logged that the result arrived, and the receipt is on disk if it was to be kept.
    Acknowledged,
}

/// A result that has arrived.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// The output: an archive of the result's files.
    pub path: PathBuf,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The sealed file, if it was to be kept.
    pub sealed: Option<PathBuf>,
    /// The agent's word that the result arrived and that nobody can have it again.
    pub receipt: Receipt,
    /// Whether the receipt's head was compared with the log's newest one; false when the agent, having confirmed, was
    /// gone before that. The receipt holds nevertheless: compare it with the other participants' heads.
    pub compared: bool,
}

/// A result that has arrived in memory.
#[derive(Clone)]
#[non_exhaustive]
pub struct Held {
    /// An archive of the result's files.
    pub bytes: Vec<u8>,
    /// Its digest.
    pub digest: Digest,
    /// The agent's word that the result arrived and that nobody can have it again.
    pub receipt: Receipt,
    /// As in [`Delivered::compared`].
    pub compared: bool,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("digest", &self.digest).field("size", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// Why a result was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultError {
    /// The caller is no consumer.
    #[error("expected a consumer of the result, found {participant}; the manifest names who may have it")]
    NotConsumer {
        /// Who asked.
        participant: Name,
    },
    /// There is no result yet.
    #[error("expected a result, found the run in state {state}; watch it and try again when it is Delivering")]
    NotReady {
        /// The run's state.
        state: String,
    },
    /// There will be none.
    #[error("expected a result, found that the computation has {}; see the log for the reason", ended(*.outcome))]
    NoResult {
        /// How it ended.
        outcome: Outcome,
    },
    /// The key went to another recipient.
    #[error(
        "expected a result that nobody has asked for, found it released to {recipient}…; if an earlier attempt of yours asked, repeat it with the same output, beside which its .identity file lies; if not, your signing key is in other hands and the log proves it"
    )]
    Released {
        /// The beginning of the one recipient.
        recipient: String,
    },
    /// The result was confirmed and destroyed.
    #[error(
        "expected an unconfirmed result, found that you confirmed it and the agent destroyed it; it is released only once"
    )]
    Gone,
    /// Another program takes the result to the same output.
    #[error("expected to take the result alone, found another program at it with the same output {}; let it finish", .out.display())]
    Busy {
        /// The output.
        out: PathBuf,
    },
    /// It does not fit into the memory that it may take.
    #[error(
        "expected a result of at most {most} bytes, found {size}; nothing is lost: permit as many, or take it into a file"
    )]
    TooLarge {
        /// What was permitted.
        most: u64,
        /// What there is.
        size: u64,
    },
    /// The sealed bytes are not those whose digest the agent states.
    #[error("expected sealed bytes with digest {expected}, found {found}; they were removed, fetch them again")]
    Altered {
        /// The digest that the agent states.
        expected: String,
        /// The digest of what came.
        found: Digest,
    },
    /// The agent states a result that breaks the manifest's terms or is no result.
    #[error("expected {expected}, found something else; this agent does not keep the protocol: report it")]
    Malformed {
        /// What should have been there.
        expected: &'static str,
    },
    /// The identity file is damaged.
    #[error("expected an identity in {}, found other content; restore it: nothing else opens the result", .path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: SealKeyError,
    },
    /// No identity could be made.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The result could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The session failed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

const fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failed => "failed",
        Outcome::Stopped => "been stopped",
        Outcome::Expired => "run out of the manifest's time, and every result was destroyed",
        _ => "ended, and every result was destroyed",
    }
}

impl Coded for ResultError {
    fn code(&self) -> Code {
        match self {
            Self::NotConsumer { .. } => Code::RoleRefused,
            Self::NotReady { .. } => Code::ResultNotReady,
            Self::NoResult { outcome: Outcome::Stopped } => Code::RunStopped,
            Self::NoResult { outcome: Outcome::Failed } => Code::RunFailed,
            Self::NoResult { .. } | Self::Gone => Code::ResultGone,
            Self::Released { .. } => Code::ResultReleased,
            Self::Busy { .. } => Code::AgentBusy,
            Self::TooLarge { .. } => Code::Usage,
            Self::Altered { .. } => Code::SealBroken,
            Self::Malformed { .. } => Code::AgentMisbehaved,
            Self::Identity { .. } => Code::KeyMalformed,
            Self::Seal(error) => error.code(),
            Self::Open(error) => error.code(),
            Self::File(error) => error.code(),
            Self::Session(error) => error.code(),
        }
    }
}

macro_rules! by_session {
    ($($error:ty),*) => {$(
        impl From<$error> for ResultError {
            fn from(error: $error) -> Self {
                SessionError::from(error).into()
            }
        }
    )*};
}

by_session!(CallError, LogError, super::SignError);

impl Session {
    /// Takes the caller's result into the new file `out`, exactly once, and confirms it.
    ///
    /// After any interruption, the same call goes on where the last one ended; what that needs lies beside `out`. The
    /// sealed bytes are fetched and checked before their key is asked for, so that a key is released only to somebody
    /// who can use it.
    ///
    /// # Errors
    /// [`ResultError`].
    pub async fn result(
        &self,
        out: &Path,
        options: ResultOptions,
        progress: impl FnMut(ResultProgress) + Send,
    ) -> Result<Delivered, ResultError> {
        self.require_consumer()?;
        Take::begin(self, out, options).await?.finish(progress).await
    }

    /// Takes the caller's result into memory, at most `most` bytes, exactly once, and confirms it.
    ///
    /// What resuming needs lies beside `place` until the result is in memory, the result itself in `place`; both are
    /// removed once the agent has logged that it arrived. A process that ends in between finds it there, and the same
    /// call goes on.
    ///
    /// # Errors
    /// [`ResultError`]; [`ResultError::TooLarge`] before anything is confirmed.
    pub async fn result_in_memory(
        &self,
        place: &Path,
        most: u64,
        options: ResultOptions,
        progress: impl FnMut(ResultProgress) + Send,
    ) -> Result<Held, ResultError> {
        self.require_consumer()?;
        Take::begin(self, place, options).await?.finish_in_memory(most, progress).await
    }

    fn require_consumer(&self) -> Result<(), ResultError> {
        if self.manifest().manifest().results.consumers.contains(self.participant()) {
            return Ok(());
        }
        Err(ResultError::NotConsumer { participant: self.participant().clone() })
    }
}

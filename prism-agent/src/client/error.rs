//! Why a call failed: one enum for every verb, each with its stable code.

use std::fmt;
use std::path::PathBuf;

use prism_attest::Refusal;
use prism_core::audit::checkpoint::CheckpointError;
use prism_core::audit::entry::EntryError;
use prism_core::audit::proof::ReceiptError;
use prism_core::audit::tree::TreeError;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::EntropyError;
use prism_core::envelope::EnvelopeError;
use prism_core::lifecycle::Illegal;
use prism_core::printable::is_printable_line;
use prism_core::statement::StatementError;

use crate::channel;
use crate::files::FileError;
use crate::wire::{CODE_METADATA, code_of};

/// Longest text of an agent that is shown.
const MESSAGE_SHOWN: usize = 400;

/// There is no connection to an agent.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ConnectError(NoConnection);

#[derive(Debug, thiserror::Error)]
enum NoConnection {
    #[error(transparent)]
    Channel(#[from] channel::ConnectError),
    #[error("expected a thread to do the work, found that the system gives none; free some resources")]
    NoRuntime(#[source] std::io::Error),
    #[error("cancelled by the caller")]
    Cancelled,
}

impl From<channel::ConnectError> for ConnectError {
    fn from(error: channel::ConnectError) -> Self {
        Self(error.into())
    }
}

impl ConnectError {
    pub(super) const fn no_runtime(error: std::io::Error) -> Self {
        Self(NoConnection::NoRuntime(error))
    }
}

impl Coded for ConnectError {
    fn code(&self) -> Code {
        match &self.0 {
            // A handshake that was cut off says nothing about who is there; another attempt may.
            NoConnection::Channel(channel::ConnectError::Handshake { source, .. })
                if source.kind() != std::io::ErrorKind::InvalidData =>
            {
                Code::AgentUnreachable
            }
            NoConnection::Channel(error) => error.code(),
            NoConnection::NoRuntime(_) => Code::Internal,
            NoConnection::Cancelled => Code::Cancelled,
        }
    }
}

/// An error that can say that the caller cancelled.
pub(super) trait Cancelled {
    /// Cancelled by the caller.
    fn cancelled() -> Self;
}

impl Cancelled for ConnectError {
    fn cancelled() -> Self {
        Self(NoConnection::Cancelled)
    }
}

impl<E: From<CallError>> Cancelled for E {
    fn cancelled() -> Self {
        let message = "cancelled by the caller; the same call goes on where this one ended".to_owned();
        CallError { code: Code::Cancelled, message }.into()
    }
}

/// The agent refused a call, or the connection broke under it.
#[derive(Debug, thiserror::Error)]
pub struct CallError {
    code: Code,
    message: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Coded for CallError {
    fn code(&self) -> Code {
        self.code
    }
}

impl CallError {
    pub(super) fn timeout(seconds: u64) -> Self {
        let message = format!("expected an answer of the agent within {seconds} s, found none; try again");
        Self { code: Code::AgentUnreachable, message }
    }

    pub(super) fn ended() -> Self {
        let message = "expected the agent's stream to go on, found its end; connect again".to_owned();
        Self { code: Code::ConnectionLost, message }
    }
}

impl From<tonic::Status> for CallError {
    fn from(status: tonic::Status) -> Self {
        let code = code_of(&status);
        let said: String = status.message().chars().take(MESSAGE_SHOWN).collect();
        // An agent is not trusted to choose what a terminal does.
        let said = if is_printable_line(&said) { said } else { said.escape_debug().to_string() };
        let message = if status.metadata().contains_key(CODE_METADATA) {
            said
        } else {
            format!("expected an answer of the agent, found {code} ({said}); try again")
        };
        Self { code, message }
    }
}

/// Whether another connection may help.
pub(super) const fn is_broken(code: Code) -> bool {
    matches!(code, Code::ConnectionLost | Code::AgentUnreachable | Code::AgentBusy)
}

/// A log, checkpoint or receipt that does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A head of the log is malformed or not signed by the log's key.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A receipt is malformed or does not prove its entry.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// An entry is malformed.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Hashes or heads are missing, of the wrong length or out of place.
    #[error("expected {expected}, found something else; this agent does not keep the protocol: report it")]
    Malformed {
        /// What should have been there.
        expected: &'static str,
    },
    /// A receipt proves another act than the one that was asked for.
    #[error("expected a receipt of {expected}, found one of {found}; this agent does not keep the protocol: report it")]
    OtherAct {
        /// The act that was asked for.
        expected: &'static str,
        /// The type of the entry that came.
        found: &'static str,
    },
    /// An entry that the rules of a run do not permit.
    #[error("expected a log in which every entry is permitted, found one at {index} that is not")]
    Illegal {
        /// The entry's index.
        index: u64,
        /// Which rule it breaks.
        #[source]
        source: Illegal,
    },
    /// Two signed heads of one log that cannot both be true.
    #[error(
        "expected a log that continues the one seen before, found one that does not; both signed heads are kept in {}: show them to the other participants",
        .kept.display()
    )]
    Forked {
        /// The folder with both heads, or the word "nowhere" when the client remembers nothing on disk.
        kept: PathBuf,
        /// What contradicts what.
        #[source]
        source: TreeError,
    },
    /// A proof that cannot be one, whatever the log says: neither for nor against a fork.
    #[error(
        "expected a proof that one head of the log continues another, found none; this agent does not keep the protocol: report it"
    )]
    Unproven {
        /// What is wrong with the path, if it consists of hashes at all.
        #[source]
        source: Option<TreeError>,
    },
    /// What was remembered cannot be read any more.
    #[error("expected a remembered checkpoint in {}, found other content; restore the folder, or remove it and lose its protection", .path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
    },
    /// The log grew faster than its heads could be compared.
    #[error("expected the log to rest for a moment, found it growing all the time; try again")]
    Restless,
    /// The runtime ended before file work did.
    #[error("expected a runtime that lasts until the call ends, found one that shuts down; keep it running")]
    Interrupted,
    /// The memory's files could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The agent refused, or the connection broke.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The agent could not be asked about its log.
    #[error(transparent)]
    Session(Box<SessionError>),
}

impl Coded for LogError {
    fn code(&self) -> Code {
        match self {
            Self::Forked { .. } => Code::LogForked,
            Self::Unproven { .. } => Code::AgentMisbehaved,
            Self::Restless => Code::AgentBusy,
            Self::Interrupted => Code::Cancelled,
            Self::Damaged { .. } => Code::FileMalformed,
            Self::File(error) => error.code(),
            Self::Call(error) => error.code(),
            Self::Session(error) => error.code(),
            _ => Code::LogInvalid,
        }
    }
}

/// The agent did not earn trust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The verdict is not good: it lists every condition.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The answer is not what the protocol asks for.
    #[error("expected {expected} in the agent's answer, found something else; is it an agent of this version?")]
    Malformed {
        /// What should have been there.
        expected: &'static str,
    },
    /// The log that the evidence vouches for does not hold.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The manifest's terms do not hold now.
    #[error(transparent)]
    Manifest(#[from] prism_core::manifest::ManifestError),
    /// The agent refused, or the connection broke.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A second connection was needed and not had.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The system gave no randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl Coded for AttestError {
    fn code(&self) -> Code {
        match self {
            Self::Refused(error) => error.code(),
            Self::Malformed { .. } => Code::AgentMisbehaved,
            Self::Log(error) => error.code(),
            Self::Manifest(error) => error.code(),
            Self::Call(error) => error.code(),
            Self::Connect(error) => error.code(),
            Self::Entropy(_) => Code::Internal,
        }
    }
}

/// Something could not be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The envelope could not be made.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The statement could not be written.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

impl Coded for SignError {
    fn code(&self) -> Code {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Statement(error) => error.code(),
        }
    }
}

/// The agent does not take the caller for a participant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// No participant of the manifest holds this key.
    #[error(
        "expected the key of a participant, found {fingerprint}, which the manifest does not name; use the key that approved it"
    )]
    NotNamed {
        /// The key's fingerprint.
        fingerprint: Digest,
    },
    /// The statement could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The agent refused, or the connection broke.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The receipt does not hold.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Coded for AuthenticateError {
    fn code(&self) -> Code {
        match self {
            Self::NotNamed { .. } => Code::KeyUnknown,
            Self::Sign(error) => error.code(),
            Self::Call(error) => error.code(),
            Self::Log(error) => error.code(),
        }
    }
}

/// A call on a session failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The agent refused, or the connection broke and could not be had again.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The agent could not be reached again.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The agent did not earn trust on a new connection.
    #[error(transparent)]
    Attest(#[from] AttestError),
    /// The agent did not take the caller for a participant on a new connection.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// A statement could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// A receipt, checkpoint or entry does not hold.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The agent was started anew in between.
    #[error(
        "expected boot {expected} of the agent, found boot {found}: it was started anew, and everything that it held is gone; connect again and give it anew"
    )]
    OtherBoot {
        /// The boot that the session began with.
        expected: String,
        /// The boot that answers now.
        found: String,
    },
    /// What the agent sent is not what the call asks for.
    #[error("expected {expected} from the agent, found something else; is it an agent of this version?")]
    Malformed {
        /// What should have come.
        expected: &'static str,
    },
}

impl Coded for SessionError {
    fn code(&self) -> Code {
        match self {
            Self::Call(error) => error.code(),
            Self::Connect(error) => error.code(),
            Self::Attest(error) => error.code(),
            Self::Authenticate(error) => error.code(),
            Self::Sign(error) => error.code(),
            Self::Log(error) => error.code(),
            // Deliberately not a code that is tried again: what the agent held is lost, and a person has to know.
            Self::OtherBoot { .. } => Code::StateRefused,
            Self::Malformed { .. } => Code::AgentMisbehaved,
        }
    }
}

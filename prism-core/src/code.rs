//! One list of stable error codes for Rust, Python, C, the command line and the wire.
//!
//! A code never changes its meaning and is never used again for another; what a person reads beside it may improve.

mod explanation;

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// Who has to act, and hence the exit code of the `prism` command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The caller's input is wrong: exit code 2.
    Usage,
    /// The other side, or the manifest's terms, say no: exit code 3.
    Refused,
    /// Evidence, a signature or a log did not hold: exit code 4.
    NotTrusted,
    /// A file, asset, name or entry does not exist: exit code 5.
    NotFound,
    /// A machine cannot be reached or is busy: trying again may help. Exit code 6.
    Unavailable,
    /// The algorithm ran and failed, or was stopped: exit code 7.
    RunFailed,
    /// A fault of Prism or of the machine it runs on: exit code 1.
    Internal,
}

impl Class {
    /// The exit code of the `prism` command for this class.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::NotTrusted => 4,
            Self::NotFound => 5,
            Self::Unavailable => 6,
            Self::RunFailed => 7,
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $class:ident;)*) => {
        /// A stable error code such as `manifest.approval-missing`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code there is, in the order of the list.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Who has to act.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => Class::$class,)* }
            }
        }
    };
}

codes! {
    /// An argument or option is wrong.
    Usage = "usage", Usage;
    /// A file is not what its place asks for.
    FileMalformed = "file.malformed", Usage;
    /// A file or directory does not exist.
    FileMissing = "file.missing", NotFound;
    /// A file exists already and is never overwritten.
    FileExists = "file.exists", Usage;
    /// A file could not be read or written.
    FileIo = "file.io", Internal;
    /// A file changed while it was read or sent.
    FileChanged = "file.changed", Unavailable;
    /// A key file or key text is malformed or of a kind that is not accepted.
    KeyMalformed = "key.malformed", Usage;
    /// A private key file can be read by others.
    KeyExposed = "key.exposed", Usage;
    /// The key is not one that the manifest names.
    KeyUnknown = "key.unknown", Refused;
    /// A signature does not hold.
    SignatureInvalid = "signature.invalid", NotTrusted;
    /// An envelope is malformed or of another type.
    EnvelopeMalformed = "envelope.malformed", Usage;
    /// A manifest is malformed or contradicts itself.
    ManifestMalformed = "manifest.malformed", Usage;
    /// A participant has not approved these bytes.
    ApprovalMissing = "manifest.approval-missing", Refused;
    /// An approval is by an unnamed key, of other bytes, or altered.
    ApprovalInvalid = "manifest.approval-invalid", NotTrusted;
    /// The manifest is not valid yet or no longer.
    ManifestNotCurrent = "manifest.not-current", Refused;
    /// The manifest has terms that this agent cannot keep.
    ManifestUnsupported = "manifest.unsupported", Refused;
    /// A policy file is malformed, or leaves something out.
    PolicyMalformed = "policy.malformed", Usage;
    /// A drafted policy that nobody has confirmed yet.
    PolicyUnconfirmed = "policy.unconfirmed", Usage;
    /// An archive is unsafe or malformed.
    ArchiveUnsafe = "archive.unsafe", Refused;
    /// An archive exceeds a bound on size, count or ratio.
    ArchiveTooLarge = "archive.too-large", Refused;
    /// Evidence does not hold: see the findings.
    EvidenceRefused = "evidence.refused", NotTrusted;
    /// The platform is unknown here, not built in, or not one that the manifest names.
    PlatformUnsupported = "platform.unsupported", NotTrusted;
    /// Endorsements are missing that this evidence needs.
    EndorsementsMissing = "endorsements.missing", NotFound;
    /// An endorsement is not valid yet or no longer.
    EndorsementsNotCurrent = "endorsements.not-current", NotTrusted;
    /// A revocation list or judgement is older than one seen before.
    EndorsementsRolledBack = "endorsements.rolled-back", NotTrusted;
    /// An endorsement that the vendor did not sign.
    EndorsementsUnsigned = "endorsements.unsigned", NotTrusted;
    /// The vendor's service cannot be reached or is busy.
    VendorUnreachable = "vendor.unreachable", Unavailable;
    /// The vendor's service says something that cannot be an endorsement.
    VendorMisbehaved = "vendor.misbehaved", NotTrusted;
    /// The agent cannot be reached.
    AgentUnreachable = "agent.unreachable", Unavailable;
    /// The agent or an asset is busy with another connection.
    AgentBusy = "agent.busy", Unavailable;
    /// The agent's disk has too little room for an asset.
    AgentFull = "agent.full", Unavailable;
    /// The agent says something that the protocol does not allow.
    AgentMisbehaved = "agent.misbehaved", NotTrusted;
    /// The connection broke.
    ConnectionLost = "connection.lost", Unavailable;
    /// The call needs an authenticated participant.
    AuthRequired = "auth.required", Refused;
    /// The authentication does not fit this connection, agent, computation or name.
    AuthRefused = "auth.refused", Refused;
    /// The participant's role does not allow the call.
    RoleRefused = "role.refused", Refused;
    /// The asset is not named by the manifest.
    AssetUnknown = "asset.unknown", NotFound;
    /// Another participant provides this asset.
    AssetWrongProvider = "asset.wrong-provider", Refused;
    /// The asset's size or digest differs from the manifest's.
    AssetMismatch = "asset.mismatch", Refused;
    /// The asset has been accepted already.
    AssetDuplicate = "asset.duplicate", Refused;
    /// The asset comes another way: it is sent by its provider, or fetched by the agent.
    AssetOtherWay = "asset.other-way", Refused;
    /// An object store cannot be reached, or breaks off again and again.
    SourceUnreachable = "source.unreachable", Unavailable;
    /// An object store does not give the object, or the agent may not ask it.
    SourceRefused = "source.refused", Refused;
    /// A key broker cannot be reached.
    BrokerUnreachable = "broker.unreachable", Unavailable;
    /// A key broker does not release the key, or the agent may not ask it.
    BrokerRefused = "broker.refused", Refused;
    /// A key broker says something that the protocol does not allow, or gives a key that is for something else.
    BrokerMisbehaved = "broker.misbehaved", NotTrusted;
    /// The call is not allowed in the run's present state.
    StateRefused = "state.refused", Refused;
    /// The run failed: exit status, limit or sandbox.
    RunFailed = "run.failed", RunFailed;
    /// The run was stopped.
    RunStopped = "run.stopped", RunFailed;
    /// A sandbox layer that the manifest demands is not available.
    SandboxUnavailable = "sandbox.unavailable", RunFailed;
    /// The requirements could not be installed.
    RequirementsFailed = "requirements.failed", RunFailed;
    /// An environment that the agent kept is not what was installed, or others may write to it.
    EnvironmentChanged = "environment.changed", RunFailed;
    /// There is no result yet.
    ResultNotReady = "result.not-ready", Unavailable;
    /// The result key went to another recipient already.
    ResultReleased = "result.released", Refused;
    /// The result was confirmed by its consumer and destroyed.
    ResultGone = "result.gone", NotFound;
    /// A sealed file is malformed, truncated or altered.
    SealBroken = "seal.broken", NotTrusted;
    /// A sealed file is of a form that Prism does not open, though `age` may.
    SealUnsupported = "seal.unsupported", Refused;
    /// A sealed file is for other recipients.
    SealNotForYou = "seal.not-for-you", Refused;
    /// A log, proof or checkpoint does not hold.
    LogInvalid = "log.invalid", NotTrusted;
    /// Two checkpoints of one log contradict each other.
    LogForked = "log.forked", NotTrusted;
    /// A transcript breaks a rule: see the findings.
    AuditFailed = "audit.failed", NotTrusted;
    /// A bound that the configuration sets was reached.
    LimitReached = "limit.reached", Unavailable;
    /// The key, or its organisation, is no member of the workspace.
    MemberUnknown = "member.unknown", Refused;
    /// The key was revoked.
    KeyRevoked = "key.revoked", Refused;
    /// The workspace is disabled or deleted.
    WorkspaceClosed = "workspace.closed", Refused;
    /// The workspace has nothing of that name.
    WorkspaceUnknown = "workspace.unknown", NotFound;
    /// The request does not fit what the workspace is now.
    WorkspaceConflict = "workspace.conflict", Refused;
    /// A request whose number was used already.
    RequestReplayed = "request.replayed", Refused;
    /// A request that was signed at another time.
    RequestStale = "request.stale", Refused;
    /// It would leave nobody who administers, or an organisation without a key.
    AdministratorLast = "administrator.last", Refused;
    /// Something is missing before the computation can run.
    RunNotReady = "run.not-ready", Refused;
    /// A bound of the plan or of the workspace was reached.
    PlanExceeded = "plan.exceeded", Refused;
    /// A workspace's history does not hold.
    HistoryInvalid = "history.invalid", NotTrusted;
    /// A workspace's history is another or shorter than one seen before.
    HistoryForked = "history.forked", NotTrusted;
    /// The caller cancelled.
    Cancelled = "cancelled", Unavailable;
    /// A fault of Prism itself.
    Internal = "internal", Internal;
}

impl Code {
    /// What happened, in a sentence for people.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        explanation::explanation(self).0
    }

    /// What to do now, for people; without a full stop.
    #[must_use]
    pub fn hint(self) -> &'static str {
        explanation::explanation(self).1
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is not one of the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a known error code, found another text; the other side may be newer")]
#[non_exhaustive]
pub struct UnknownCode;

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(UnknownCode)
    }
}

/// The message of an error and those of its causes that it does not repeat itself, on one line.
#[must_use]
pub fn message(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// An error that carries a stable code.
pub trait Coded: Error {
    /// The stable code of this error.
    fn code(&self) -> Code;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_reads_back() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
        }
        assert_eq!("nonsense".parse::<Code>(), Err(UnknownCode));
    }
}

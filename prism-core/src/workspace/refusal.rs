//! Why a request is refused. The workspace stays as it is.

use super::account::Bound;
use super::action::{Act, Need};
use super::computation::Stage;
use super::dry_run::Missing;
use super::mirror::ReportError;
use crate::UnixSeconds;
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::manifest::{ApprovalError, ManifestError};
use crate::name::Name;
use crate::strict::JsonError;

/// What was asked for does not exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Thing {
    /// A member.
    Member,
    /// A key of the signer's organisation.
    Key,
    /// An invitation.
    Invitation,
    /// A role.
    Role,
    /// An agent.
    Agent,
    /// A computation.
    Computation,
    /// An organisation.
    Organisation,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Member => "member",
            Self::Key => "key",
            Self::Invitation => "invitation",
            Self::Role => "role",
            Self::Agent => "agent",
            Self::Computation => "computation",
            Self::Organisation => "organisation",
        })
    }
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is for another workspace.
    #[error("expected a request for workspace {expected}, found one for {found}; sign one for this workspace")]
    OtherWorkspace {
        /// This workspace.
        expected: Name,
        /// The one it names.
        found: Name,
    },
    /// The workspace was deleted.
    #[error("expected a workspace that exists, found one that was deleted; begin another")]
    Deleted,
    /// The workspace is disabled.
    #[error("expected a workspace that is enabled, found a disabled one; an administrator has to enable it first")]
    Disabled,
    /// The key never was a member's.
    #[error("expected the key of a member, found {key}, which nobody here has; ask for an invitation")]
    Stranger {
        /// The key's fingerprint.
        key: Digest,
    },
    /// The key was revoked.
    #[error("expected a key that is in use, found {key}, which {organisation} has revoked; sign with another key")]
    KeyRevoked {
        /// The key's fingerprint.
        key: Digest,
        /// Whose it was.
        organisation: Name,
    },
    /// The organisation is no member any more.
    #[error("expected a member, found {organisation}, which is none any more; ask for an invitation")]
    FormerMember {
        /// The organisation.
        organisation: Name,
    },
    /// The number is not higher than the key's last one.
    #[error("expected a number above {last} from this key, found {found}; a request counts once, sign it anew")]
    Replayed {
        /// The number of the key's last request.
        last: u64,
        /// The number of this one.
        found: u64,
    },
    /// It was signed too long before or after it arrived.
    #[error(
        "expected a request signed at {now} or at most {window} seconds off, found {at}; check the clock, sign anew"
    )]
    Stale {
        /// When it arrived.
        now: UnixSeconds,
        /// When it was signed, by the signer's clock.
        at: UnixSeconds,
        /// How far the two may be apart.
        window: u64,
    },
    /// The history's time goes backwards.
    #[error("expected a time from {last} on, found {now}; the history's clock was set back")]
    Backwards {
        /// The time of the last entry.
        last: UnixSeconds,
        /// The time of this one.
        now: UnixSeconds,
    },
    /// The signer's roles do not allow it.
    #[error("expected {need} for {act}, found none of {organisation}; ask an administrator for a role")]
    NotAllowed {
        /// The action.
        act: Act,
        /// What it takes.
        need: Need,
        /// Who asked.
        organisation: Name,
    },
    /// The signer would give more than it holds.
    #[error("expected only what {organisation} holds itself, found a role with {action}; ask somebody who holds it")]
    BeyondOwn {
        /// Who asked.
        organisation: Name,
        /// The first action that it does not hold.
        action: &'static str,
    },
    /// There is no such thing here.
    #[error("expected a {thing} of this workspace, found {name}, which is none; look at the list")]
    Unknown {
        /// What was looked for.
        thing: Thing,
        /// Its name.
        name: String,
    },
    /// There is one already.
    #[error("expected a new {thing}, found {name}, which is taken; choose another")]
    Taken {
        /// What was to be made.
        thing: Thing,
        /// Its name.
        name: String,
    },
    /// The invitation is not open, or for somebody else.
    #[error("expected an invitation that is {expected}, found {found}; ask for a new one")]
    Invitation {
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// It would leave nobody who administers.
    #[error("expected somebody who keeps the role {role}, found nobody else; give it to another member first")]
    LastAdministrator {
        /// The role.
        role: &'static str,
    },
    /// The last key of an organisation.
    #[error("expected another key to remain, found none; add one first or replace this one")]
    LastKey,
    /// The role is built in.
    #[error("expected a role of this workspace's own, found {role}, which is built in; choose another name")]
    BuiltIn {
        /// The role.
        role: Name,
    },
    /// Somebody or something still uses it.
    #[error("expected a {thing} that nobody uses, found {name} in use; take it away from its users first")]
    InUse {
        /// What it is.
        thing: Thing,
        /// Its name.
        name: String,
    },
    /// Already so.
    #[error("expected a change, found that it is so already; nothing has to be done")]
    Unchanged,
    /// The computation stands elsewhere.
    #[error("expected the computation to be {expected}, found it {found}; look at its history")]
    Stage {
        /// Where it has to stand.
        expected: &'static str,
        /// Where it stands.
        found: Stage,
    },
    /// Something on the list of the dry run is missing.
    #[error("expected nothing missing, found {}: {}; the dry run lists all", .0.len(), join(.0))]
    NotReady(Vec<Missing>),
    /// The plan allows no more.
    #[error("expected to stay within the plan, found its bound of {0} reached; choose another plan")]
    Plan(Bound),
    /// A bound of the workspace itself.
    #[error("expected at most {max} of {thing}, found more; remove what is not needed")]
    Full {
        /// What there is too much of.
        thing: Thing,
        /// The bound.
        max: usize,
    },
    /// The draft is not one.
    #[error("expected a draft as JSON of at most {max} bytes, found something else: {0}", max = super::DRAFT_MAX)]
    Draft(#[source] JsonError),
    /// The proposed bytes are no manifest.
    #[error("expected the exact bytes of a manifest, found others; complete the draft again")]
    Manifest(#[from] ManifestError),
    /// The proposed bytes are too many, or name another computation.
    #[error(
        "expected a manifest of {computation} with at most {} bytes, found another; propose the right file",
        super::PROPOSAL_MAX
    )]
    OtherManifest {
        /// The computation.
        computation: Name,
    },
    /// The approval does not hold.
    #[error("expected a participant's approval of the proposed bytes, found another signature; approve these bytes")]
    Approval(#[from] ApprovalError),
    /// The report does not hold.
    #[error("expected a report that the agent signed, found another; fetch it from the agent again")]
    Report(#[from] ReportError),
}

fn join(missing: &[Missing]) -> String {
    missing.iter().map(Missing::to_string).collect::<Vec<_>>().join("; ")
}

impl Coded for Refusal {
    fn code(&self) -> Code {
        match self {
            Self::OtherWorkspace { .. } | Self::Stranger { .. } | Self::FormerMember { .. } => Code::MemberUnknown,
            Self::KeyRevoked { .. } => Code::KeyRevoked,
            Self::Deleted | Self::Disabled => Code::WorkspaceClosed,
            Self::Replayed { .. } => Code::RequestReplayed,
            Self::Stale { .. } => Code::RequestStale,
            Self::Backwards { .. } => Code::HistoryInvalid,
            Self::NotAllowed { .. } | Self::BeyondOwn { .. } => Code::RoleRefused,
            Self::Unknown { .. } => Code::WorkspaceUnknown,
            Self::LastAdministrator { .. } | Self::LastKey => Code::AdministratorLast,
            Self::NotReady(_) => Code::RunNotReady,
            Self::Plan(_) | Self::Full { .. } => Code::PlanExceeded,
            Self::Manifest(error) => error.code(),
            Self::Draft(_) | Self::OtherManifest { .. } => Code::ManifestMalformed,
            Self::Approval(error) => error.code(),
            Self::Report(error) => error.code(),
            Self::Taken { .. }
            | Self::Invitation { .. }
            | Self::BuiltIn { .. }
            | Self::InUse { .. }
            | Self::Unchanged
            | Self::Stage { .. } => Code::WorkspaceConflict,
        }
    }
}

//! The closed list of what a request can ask for, and what it takes to be allowed.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::account::Plan;
use super::role::{ComputationAction, RoleAction as _, WorkspaceAction};
use super::text::{Line, list, set};
use crate::UnixSeconds;
use crate::audit::checkpoint::VerifierKey;
use crate::digest::Digest;
use crate::key::PublicKey;
use crate::name::Name;
use crate::transcript::Base64Bytes;

/// Most roles that one invitation or member has.
pub const MEMBER_ROLES_MAX: usize = 16;
/// Most entries of an agent's log in one report; a longer log is reported in parts.
pub const REPORT_MAX: usize = 1024;

/// What it takes to be allowed an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "another kind of permission has to be decided about everywhere")]
pub enum Need {
    /// Nobody was there before: it begins the workspace.
    Founder,
    /// An open invitation to the key that signs.
    Invitee,
    /// To be a member, whatever the roles: it concerns the signer's own organisation only.
    Member,
    /// A role in the workspace that allows this.
    Workspace(WorkspaceAction),
    /// A role in the computation that allows this.
    Computation(ComputationAction),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Founder => f.write_str("to begin the workspace"),
            Self::Invitee => f.write_str("an open invitation"),
            Self::Member => f.write_str("a membership"),
            Self::Workspace(action) => write!(f, "a role with {}", action.as_str()),
            Self::Computation(action) => write!(f, "a role in the computation with {}", action.as_str()),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $kind:literal, $need:expr, {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        /// What a request asks for. In JSON: `{"type":…,"body":{…}}`.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "body", deny_unknown_fields)]
        #[expect(clippy::exhaustive_enums, reason = "an action that is added has to be decided about everywhere")]
        pub enum Action { $($(#[$doc])* #[serde(rename = $kind)] $name { $($(#[$field_doc])* $field: $type,)* },)* }

        /// An action without its details.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(clippy::exhaustive_enums, reason = "an action that is added has to be decided about everywhere")]
        pub enum Act { $($(#[$doc])* $name,)* }

        impl Action {
            /// The action without its details.
            #[must_use]
            pub const fn act(&self) -> Act {
                match self { $(Self::$name { .. } => Act::$name,)* }
            }
        }

        impl Act {
            /// Every action there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The action's word, for example `member.remove`.
            #[must_use]
            pub const fn kind(self) -> &'static str {
                match self { $(Self::$name => $kind,)* }
            }

            /// What it takes to be allowed it.
            #[must_use]
            pub const fn need(self) -> Need {
                match self { $(Self::$name => $need,)* }
            }
        }
    };
}

use ComputationAction as C;
use WorkspaceAction as W;

actions! {
    /// Begins a workspace; the signer's organisation is its first member and administrator.
    WorkspaceCreate = "workspace.create", Need::Founder, {
        /// The workspace's title.
        title: Line,
        /// The first organisation.
        organisation: Introduction,
        /// What the workspace may use.
        plan: Plan,
    }
    /// Gives the workspace another title.
    WorkspaceRename = "workspace.rename", Need::Workspace(W::Update), {
        /// The new title.
        title: Line,
    }
    /// Nothing goes on until it is enabled again; keys may still be revoked, and members may leave.
    WorkspaceDisable = "workspace.disable", Need::Workspace(W::Disable), {}
    /// Goes on.
    WorkspaceEnable = "workspace.enable", Need::Workspace(W::Enable), {}
    /// Ends the workspace for ever; no computation may be on an agent.
    WorkspaceDelete = "workspace.delete", Need::Workspace(W::Delete), {}
    /// Chooses plan and payer.
    WorkspacePlan = "workspace.plan", Need::Workspace(W::Update), {
        /// What the workspace may use.
        plan: Plan,
        /// The member who pays.
        payer: Name,
    }
    /// Gives the signer's organisation another title.
    OrganisationRename = "organisation.rename", Need::Member, {
        /// The new title.
        title: Line,
    }
    /// One more key of the signer's organisation; that key signs too.
    KeyAdd = "key.add", Need::Member, {
        /// The new key.
        key: PublicKey,
    }
    /// A key of the signer's organisation signs nothing any more; another one has to remain.
    KeyRevoke = "key.revoke", Need::Member, {
        /// The key's fingerprint.
        key: Digest,
    }
    /// A key of the signer's organisation is revoked and a new one takes its place; the new one signs too.
    KeyReplace = "key.replace", Need::Member, {
        /// The old key's fingerprint.
        old: Digest,
        /// The new key.
        new: PublicKey,
    }
    /// An organisation is no member any more.
    MemberRemove = "member.remove", Need::Workspace(W::RemoveRoleUsers), {
        /// The member.
        organisation: Name,
    }
    /// The signer's organisation is no member any more.
    MemberLeave = "member.leave", Need::Member, {}
    /// Invites somebody. Nobody gives more than they hold themselves.
    InvitationSend = "invitation.send", Need::Workspace(W::AddRoleUsers), {
        /// The invitation's name.
        invitation: Name,
        /// Whom it is for.
        to: Addressee,
        /// The roles that come with it.
        #[serde(deserialize_with = "set::<_, _, MEMBER_ROLES_MAX>")]
        roles: BTreeSet<Name>,
        /// The last second at which it may be answered.
        expires: UnixSeconds,
    }
    /// Takes an invitation back.
    InvitationWithdraw = "invitation.withdraw", Need::Workspace(W::AddRoleUsers), {
        /// The invitation.
        invitation: Name,
    }
    /// Opens an invitation again that was not accepted.
    InvitationResend = "invitation.resend", Need::Workspace(W::AddRoleUsers), {
        /// The invitation.
        invitation: Name,
        /// The last second at which it may be answered.
        expires: UnixSeconds,
    }
    /// The signer's organisation becomes a member.
    InvitationAccept = "invitation.accept", Need::Invitee, {
        /// The invitation.
        invitation: Name,
        /// Who accepts.
        organisation: Introduction,
    }
    /// The signer does not want to be a member.
    InvitationDecline = "invitation.decline", Need::Invitee, {
        /// The invitation.
        invitation: Name,
    }
    /// Defines a role, or gives it other actions. Nobody gives more than they hold themselves.
    RoleDefine = "role.define", Need::Workspace(W::ManageRole), {
        /// The role.
        role: Name,
        /// What it allows.
        allows: Allows,
    }
    /// Drops a role that nobody holds.
    RoleDrop = "role.drop", Need::Workspace(W::ManageRole), {
        /// The role.
        role: Name,
        /// Where it counts.
        scope: Scope,
    }
    /// Gives a member one more role. Nobody gives more than they hold themselves.
    RoleGive = "role.give", Need::Workspace(W::AddRoleUsers), {
        /// The member.
        organisation: Name,
        /// The role.
        role: Name,
    }
    /// Takes a role from a member.
    RoleTake = "role.take", Need::Workspace(W::RemoveRoleUsers), {
        /// The member.
        organisation: Name,
        /// The role.
        role: Name,
    }
    /// Registers an agent. One agent serves one manifest in its life.
    AgentRegister = "agent.register", Need::Workspace(W::CreateCvms), {
        /// The agent's name here.
        agent: Name,
        /// Where it is reached.
        endpoint: Line,
        /// The platform's name, as manifests write it.
        platform: Name,
        /// What runs there, as its operator says.
        software: Line,
        /// Digest of the evidence that whoever registers it has seen.
        evidence: Digest,
        /// The key of the agent's log, which its evidence names.
        log: VerifierKey,
    }
    /// Removes an agent on which nothing runs.
    AgentRemove = "agent.remove", Need::Workspace(W::RemoveCvms), {
        /// The agent.
        agent: Name,
    }
    /// Begins a computation; the signer's organisation owns it.
    ComputationCreate = "computation.create", Need::Workspace(W::CreateComputation), {
        /// The computation's name, also in its manifest.
        computation: Name,
        /// What it is for.
        title: Line,
    }
    /// Keeps a draft: the short form as JSON text, of which nobody signs anything yet.
    ComputationDraft = "computation.draft", Need::Computation(C::Edit), {
        /// The computation.
        computation: Name,
        /// The draft's JSON.
        draft: String,
    }
    /// Proposes exact bytes of a manifest.
    ComputationPropose = "computation.propose", Need::Computation(C::Edit), {
        /// The computation.
        computation: Name,
        /// The manifest's bytes.
        manifest: Base64Bytes,
    }
    /// Brings one participant's approval of the proposed bytes.
    ComputationApprove = "computation.approve", Need::Computation(C::View), {
        /// The computation.
        computation: Name,
        /// The participant's key, by its fingerprint.
        key: Digest,
        /// Its signature on the manifest (DSSE).
        signature: Base64Bytes,
    }
    /// Takes the proposal back, with its approvals.
    ComputationWithdraw = "computation.withdraw", Need::Computation(C::Edit), {
        /// The computation.
        computation: Name,
    }
    /// Gives a member one more role in the computation.
    ComputationGive = "computation.give", Need::Computation(C::Administrator), {
        /// The computation.
        computation: Name,
        /// The member.
        organisation: Name,
        /// The role.
        role: Name,
    }
    /// Takes a role in the computation from a member.
    ComputationTake = "computation.take", Need::Computation(C::Administrator), {
        /// The computation.
        computation: Name,
        /// The member.
        organisation: Name,
        /// The role.
        role: Name,
    }
    /// Puts a computation that is ready on an agent.
    ComputationSchedule = "computation.schedule", Need::Computation(C::Run), {
        /// The computation.
        computation: Name,
        /// The agent.
        agent: Name,
    }
    /// Brings what the agent logged and signed since the last report.
    ComputationReport = "computation.report", Need::Computation(C::View), {
        /// The computation.
        computation: Name,
        /// The entries that follow the last report, each as its exact text.
        #[serde(deserialize_with = "list::<_, _, REPORT_MAX>")]
        entries: Vec<String>,
        /// The agent's signed checkpoint over all entries so far.
        checkpoint: String,
    }
    /// Calls the run off, or notes that the agent is asked to stop if it has begun.
    ComputationStop = "computation.stop", Need::Computation(C::Run), {
        /// The computation.
        computation: Name,
    }
    /// Gives up a run whose agent says nothing any more.
    ComputationAbandon = "computation.abandon", Need::Computation(C::Administrator), {
        /// The computation.
        computation: Name,
    }
    /// Deletes a computation that is on no agent.
    ComputationDelete = "computation.delete", Need::Computation(C::Administrator), {
        /// The computation.
        computation: Name,
    }
}

impl Action {
    /// The key that an action brings in; it has to sign the request too, so that nobody claims another's key.
    #[must_use]
    pub const fn new_key(&self) -> Option<&PublicKey> {
        match self {
            Self::KeyAdd { key } | Self::KeyReplace { new: key, .. } => Some(key),
            _ => None,
        }
    }

    /// The computation that the action is about.
    #[must_use]
    pub const fn computation(&self) -> Option<&Name> {
        match self {
            Self::ComputationCreate { computation, .. }
            | Self::ComputationDraft { computation, .. }
            | Self::ComputationPropose { computation, .. }
            | Self::ComputationApprove { computation, .. }
            | Self::ComputationWithdraw { computation }
            | Self::ComputationGive { computation, .. }
            | Self::ComputationTake { computation, .. }
            | Self::ComputationSchedule { computation, .. }
            | Self::ComputationReport { computation, .. }
            | Self::ComputationStop { computation }
            | Self::ComputationAbandon { computation }
            | Self::ComputationDelete { computation } => Some(computation),
            _ => None,
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.kind())
    }
}

/// How an organisation presents itself; the key that signs is its first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these parts")]
pub struct Introduction {
    /// Its short name, unique in the workspace.
    pub name: Name,
    /// What people call it.
    pub title: Line,
}

/// Whom an invitation is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the format is closed: version 1 has these two")]
pub enum Addressee {
    /// Whoever holds the key with this fingerprint.
    Key(Digest),
    /// An organisation that was a member before, by any of its keys.
    Organisation(Name),
}

/// What a role allows, and thereby where it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the format is closed: version 1 has these two")]
pub enum Allows {
    /// A role in the workspace.
    Workspace(#[serde(deserialize_with = "set::<_, _, 64>")] BTreeSet<WorkspaceAction>),
    /// A role in computations.
    Computation(#[serde(deserialize_with = "set::<_, _, 64>")] BTreeSet<ComputationAction>),
}

/// Where a role counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the format is closed: version 1 has these two")]
pub enum Scope {
    /// In the workspace.
    Workspace,
    /// In computations.
    Computation,
}

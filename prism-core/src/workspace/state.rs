//! A workspace: what its accepted requests, in order, have made of it.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;

use super::account::Account;
use super::action::{Act, Need};
use super::agent::Agent;
use super::computation::{Computation, Run, Stage};
use super::member::{Invitation, KeyRecord, Organisation};
use super::refusal::Refusal;
use super::request::{Request, SignedRequest};
use super::role::{ADMINISTRATOR, ComputationAction, Roles, WorkspaceAction};
use super::rules;
use super::text::Line;
use crate::UnixSeconds;
use crate::digest::Digest;
use crate::name::Name;

/// How far the signer's clock and the history's may be apart, in seconds.
pub const WINDOW: u64 = 600;

/// Whether a workspace goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It does.
    Enabled,
    /// Not until it is enabled.
    Disabled,
    /// Never again.
    Deleted,
}

/// What a member may see; reading makes no entry in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum View<'a> {
    /// The workspace: its title, agents, account, names of computations and members.
    Workspace,
    /// Who holds which role.
    Roles,
    /// One computation.
    Computation(&'a Name),
}

/// A workspace, as whoever has its history recomputes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    pub(super) id: Name,
    pub(super) title: Line,
    pub(super) standing: Standing,
    pub(super) account: Account,
    pub(super) organisations: BTreeMap<Name, Organisation>,
    pub(super) keys: BTreeMap<Digest, KeyRecord>,
    pub(super) roles: Roles<WorkspaceAction>,
    pub(super) computation_roles: Roles<ComputationAction>,
    pub(super) invitations: BTreeMap<Name, Invitation>,
    pub(super) agents: BTreeMap<Name, Agent>,
    pub(super) computations: BTreeMap<Name, Computation>,
    /// Runs of computations that were deleted: they still count.
    pub(super) past: Vec<Run>,
    /// Names that deleted computations and removed agents had: a name means one thing for ever.
    pub(super) retired: BTreeSet<Name>,
    pub(super) last: UnixSeconds,
}

/// Who asks, and when: what the rules need beside the action.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    /// The organisation, if the workspace knows the key.
    pub(super) organisation: Option<Name>,
    /// The key's fingerprint.
    pub(super) key: Digest,
    /// The history's time.
    pub(super) now: UnixSeconds,
}

impl Workspace {
    /// Begins a workspace.
    ///
    /// # Errors
    /// [`Refusal`] when the request is no beginning, or signed at another time.
    pub fn begin(signed: &SignedRequest, now: UnixSeconds) -> Result<Self, Refusal> {
        let request = signed.request();
        require_window(request, now)?;
        rules::begin(request, now)
    }

    /// Does what a request asks for, if its key may ask for it. A refusal changes nothing.
    ///
    /// # Errors
    /// [`Refusal`] says why not.
    pub fn apply(&mut self, signed: &SignedRequest, now: UnixSeconds) -> Result<(), Refusal> {
        let mut next = self.clone();
        next.take(signed, now)?;
        *self = next;
        Ok(())
    }

    /// The same for whoever drops the workspace after a refusal.
    pub(super) fn take(&mut self, signed: &SignedRequest, now: UnixSeconds) -> Result<(), Refusal> {
        let request = signed.request();
        let who = self.authorise(request, now)?;
        rules::carry_out(self, request, &who)?;
        if let Some(record) = self.keys.get_mut(&who.key) {
            record.number = request.number;
        }
        self.last = now;
        Ok(())
    }

    /// Who signed, if that key may ask for this now.
    fn authorise(&self, request: &Request, now: UnixSeconds) -> Result<Signer, Refusal> {
        if request.workspace != self.id {
            let (expected, found) = (self.id.clone(), request.workspace.clone());
            return Err(Refusal::OtherWorkspace { expected, found });
        }
        if self.standing == Standing::Deleted {
            return Err(Refusal::Deleted);
        }
        if now < self.last {
            return Err(Refusal::Backwards { last: self.last, now });
        }
        require_window(request, now)?;
        let act = request.action.act();
        let key = request.key.fingerprint();
        let organisation = self.identify(&key, request.number, act)?;
        if self.standing == Standing::Disabled && !goes_on_while_disabled(act) {
            return Err(Refusal::Disabled);
        }
        if let Some(organisation) = &organisation {
            self.require(act, organisation, request.action.computation())?;
        }
        Ok(Signer { organisation, key, now })
    }

    /// The organisation of a key that may sign. Only an invitee may be unknown, or no member.
    fn identify(&self, key: &Digest, number: u64, act: Act) -> Result<Option<Name>, Refusal> {
        let invitee = act.need() == Need::Invitee;
        let Some(record) = self.keys.get(key) else {
            return if invitee { Ok(None) } else { Err(Refusal::Stranger { key: *key }) };
        };
        let organisation = record.organisation.clone();
        if record.revoked {
            return Err(Refusal::KeyRevoked { key: *key, organisation });
        }
        if number <= record.number {
            return Err(Refusal::Replayed { last: record.number, found: number });
        }
        if !invitee && !self.is_member(&organisation) {
            return Err(Refusal::FormerMember { organisation });
        }
        Ok(Some(organisation))
    }

    fn require(&self, act: Act, organisation: &Name, computation: Option<&Name>) -> Result<(), Refusal> {
        let allowed = match act.need() {
            Need::Invitee | Need::Member => true,
            Need::Founder => false,
            Need::Workspace(action) => self.workspace_actions(organisation).contains(&action),
            Need::Computation(action) => {
                let found = computation.and_then(|name| self.computations.get(name));
                found.is_some_and(|found| self.computation_actions(found, organisation).contains(&action))
            }
        };
        if allowed {
            return Ok(());
        }
        Err(Refusal::NotAllowed { act, need: act.need(), organisation: organisation.clone() })
    }

    /// Whether a key may see something. Strangers, former members and revoked keys see nothing.
    #[must_use]
    pub fn may_see(&self, key: &Digest, view: View<'_>) -> bool {
        let Some(organisation) = self.member_with_key(key) else { return false };
        let workspace = |action| self.workspace_actions(organisation).contains(&action);
        match view {
            _ if self.standing == Standing::Deleted => false,
            View::Workspace => workspace(WorkspaceAction::Read),
            View::Roles => workspace(WorkspaceAction::ViewRoleUsers),
            View::Computation(name) => self
                .computations
                .get(name)
                .is_some_and(|found| self.computation_actions(found, organisation).contains(&ComputationAction::View)),
        }
    }

    /// What an organisation may do in the workspace.
    #[must_use]
    pub fn workspace_actions(&self, organisation: &Name) -> BTreeSet<WorkspaceAction> {
        let roles = self.organisations.get(organisation).and_then(|found| found.roles.as_ref());
        self.roles.together(roles.into_iter().flatten())
    }

    /// What an organisation may do to a computation.
    #[must_use]
    pub fn computation_actions(&self, of: &Computation, organisation: &Name) -> BTreeSet<ComputationAction> {
        let member = self.is_member(organisation);
        self.computation_roles.together(of.roles.get(organisation).filter(|_| member).into_iter().flatten())
    }

    /// The member whose key this is, unless it was revoked.
    #[must_use]
    pub fn member_with_key(&self, key: &Digest) -> Option<&Name> {
        let record = self.keys.get(key).filter(|record| !record.revoked)?;
        Some(&record.organisation).filter(|name| self.is_member(name))
    }

    /// Whether an organisation is a member now.
    #[must_use]
    pub fn is_member(&self, organisation: &Name) -> bool {
        self.organisations.get(organisation).is_some_and(Organisation::is_member)
    }

    /// Members who hold the administrator's role.
    pub fn administrators(&self) -> impl Iterator<Item = &Name> {
        let holds = |roles: &BTreeSet<Name>| roles.iter().any(|role| role.as_str() == ADMINISTRATOR);
        let administers = move |organisation: &Organisation| organisation.roles.as_ref().is_some_and(holds);
        self.organisations.iter().filter(move |(_, found)| administers(found)).map(|(name, _)| name)
    }

    /// How many computations are on agents.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.computations.values().filter(|found| found.stage() == Stage::Scheduled).map(|_| 1).sum()
    }

    /// Every run there was, also of computations that were deleted.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.computations.values().flat_map(|found| &found.runs).chain(&self.past)
    }

    /// How many runs were begun in the calendar month of `now` (UTC).
    #[must_use]
    pub fn runs_in_month(&self, now: UnixSeconds) -> u64 {
        let month = |at: UnixSeconds| {
            let seconds = i64::try_from(at).ok()?;
            OffsetDateTime::from_unix_timestamp(seconds).ok().map(|t| (t.year(), t.month()))
        };
        self.runs().filter(|run| month(run.at) == month(now)).map(|_| 1).sum()
    }
}

/// Closing doors is possible while nothing else goes on.
const fn goes_on_while_disabled(act: Act) -> bool {
    matches!(act, Act::WorkspaceEnable | Act::WorkspaceDelete | Act::KeyRevoke | Act::KeyReplace | Act::MemberLeave)
}

fn require_window(request: &Request, now: UnixSeconds) -> Result<(), Refusal> {
    let at = request.at;
    if now.abs_diff(at) <= WINDOW { Ok(()) } else { Err(Refusal::Stale { now, at, window: WINDOW }) }
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        impl Workspace {
            $($(#[$doc])*
            #[must_use]
            pub const fn $name(&self) -> &$type {
                &self.$name
            })*
        }
    };
}

parts! {
    /// The workspace's name for ever.
    id: Name,
    /// What people call it.
    title: Line,
    /// Whether it goes on.
    standing: Standing,
    /// Plan and payer.
    account: Account,
    /// Organisations that are members, or were.
    organisations: BTreeMap<Name, Organisation>,
    /// Keys by their fingerprints, revoked ones included.
    keys: BTreeMap<Digest, KeyRecord>,
    /// Roles in the workspace.
    roles: Roles<WorkspaceAction>,
    /// Roles in computations.
    computation_roles: Roles<ComputationAction>,
    /// Invitations, answered ones included.
    invitations: BTreeMap<Name, Invitation>,
    /// Agents.
    agents: BTreeMap<Name, Agent>,
    /// Computations.
    computations: BTreeMap<Name, Computation>,
}

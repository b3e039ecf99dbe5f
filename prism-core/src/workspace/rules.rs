//! What each action does, once its signer is known to be allowed it.

mod agent;
mod computation;
mod invitation;
mod key;
mod member;
mod role;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::action::{Act, Action, Need};
use super::member::{KeyRecord, Organisation};
use super::refusal::{Refusal, Thing};
use super::request::Request;
use super::role::{ADMINISTRATOR, Roles};
use super::state::{Signer, Standing, Workspace};
use super::text::Line;
use crate::UnixSeconds;
use crate::name::Name;

type Done = Result<(), Refusal>;

/// The workspace that a request begins.
pub(super) fn begin(request: &Request, now: UnixSeconds) -> Result<Workspace, Refusal> {
    let Action::WorkspaceCreate { title, organisation, plan } = &request.action else {
        return Err(Refusal::Stranger { key: request.key.fingerprint() });
    };
    let name = organisation.name.clone();
    let roles = Some(built_in(ADMINISTRATOR).into_iter().collect());
    let record =
        KeyRecord { key: request.key.clone(), organisation: name.clone(), number: request.number, revoked: false };
    Ok(Workspace {
        id: request.workspace.clone(),
        title: title.clone(),
        standing: Standing::Enabled,
        account: Account { plan: *plan, payer: name.clone() },
        organisations: BTreeMap::from([(name, Organisation { title: organisation.title.clone(), roles })]),
        keys: BTreeMap::from([(request.key.fingerprint(), record)]),
        roles: Roles::default(),
        computation_roles: Roles::default(),
        invitations: BTreeMap::new(),
        agents: BTreeMap::new(),
        computations: BTreeMap::new(),
        past: Vec::new(),
        retired: BTreeSet::new(),
        last: now,
    })
}

/// The name of a role that is built in.
fn built_in(role: &str) -> Option<Name> {
    role.parse().ok()
}

/// Does what the action says; on a refusal the workspace is to be dropped.
pub(super) fn carry_out(workspace: &mut Workspace, request: &Request, signer: &Signer) -> Done {
    use Action as A;
    match (&request.action, &signer.organisation) {
        (A::InvitationAccept { invitation, organisation }, _) => {
            workspace.accept(request, signer, invitation, organisation)
        }
        (A::InvitationDecline { invitation }, _) => workspace.decline(signer, invitation),
        (action, Some(own)) => workspace.act(action, own, signer.now),
        (_, None) => Err(Refusal::Stranger { key: signer.key }),
    }
}

impl Workspace {
    /// What a member asks for.
    fn act(&mut self, action: &Action, own: &Name, now: UnixSeconds) -> Done {
        use Action as A;
        match action {
            A::WorkspaceRename { title } => change(&mut self.title, title),
            A::WorkspaceDisable {} => change(&mut self.standing, &Standing::Disabled),
            A::WorkspaceEnable {} => change(&mut self.standing, &Standing::Enabled),
            A::WorkspaceDelete {} => self.delete(),
            A::WorkspacePlan { plan, payer } => {
                self.require_member(payer)?;
                change(&mut self.account, &Account { plan: *plan, payer: payer.clone() })
            }
            A::OrganisationRename { title } => self.retitle(own, title),
            A::KeyAdd { key } => self.add_key(own, key),
            A::KeyRevoke { key } => self.revoke_key(own, key, true),
            A::KeyReplace { old, new } => self.replace_key(own, old, new),
            A::MemberRemove { organisation } => self.remove_member(organisation, own),
            A::MemberLeave {} => self.leave(own),
            A::InvitationSend { invitation, to, roles, expires } => {
                self.invite(own, invitation, (to, roles, *expires), now)
            }
            A::InvitationWithdraw { invitation } => self.withdraw_invitation(invitation, now),
            A::InvitationResend { invitation, expires } => self.resend(own, invitation, *expires, now),
            A::RoleDefine { role, allows } => self.define_role(own, role, allows),
            A::RoleDrop { role, scope } => self.drop_role(role, *scope),
            A::RoleGive { organisation, role } => self.give(own, organisation, role),
            A::RoleTake { organisation, role } => self.take_role(organisation, role),
            A::AgentRegister { .. } => self.register(own, action),
            A::AgentRemove { agent } => self.remove_agent(agent),
            A::WorkspaceCreate { .. } | A::InvitationAccept { .. } | A::InvitationDecline { .. } => {
                Err(Refusal::NotAllowed { act: Act::WorkspaceCreate, need: Need::Founder, organisation: own.clone() })
            }
            _ => self.act_on_computation(action, own, now),
        }
    }

    /// What a member asks for about one computation.
    fn act_on_computation(&mut self, action: &Action, own: &Name, now: UnixSeconds) -> Done {
        use Action as A;
        match action {
            A::ComputationCreate { computation, title } => self.create_computation(own, computation, title),
            A::ComputationDraft { computation, draft } => self.keep_draft(computation, draft),
            A::ComputationPropose { computation, manifest } => self.propose(computation, &manifest.0),
            A::ComputationApprove { computation, key, signature } => self.approve(computation, *key, &signature.0),
            A::ComputationWithdraw { computation } => self.withdraw(computation),
            A::ComputationGive { computation, organisation, role } => {
                self.give_in_computation(computation, organisation, role)
            }
            A::ComputationTake { computation, organisation, role } => {
                self.take_in_computation(computation, organisation, role)
            }
            A::ComputationSchedule { computation, agent } => self.schedule(own, computation, agent, now),
            A::ComputationReport { computation, entries, checkpoint } => {
                self.report(computation, entries, checkpoint, now)
            }
            A::ComputationStop { computation } => self.stop(computation, now),
            A::ComputationAbandon { computation } => self.abandon(computation, now),
            A::ComputationDelete { computation } => self.delete_computation(computation),
            _ => Err(Refusal::Unchanged),
        }
    }

    /// Ends the workspace, if no computation is on an agent.
    fn delete(&mut self) -> Done {
        let busy = self.computations.iter().find(|(_, found)| found.running().is_some());
        if let Some((name, _)) = busy {
            return Err(Refusal::InUse { thing: Thing::Computation, name: name.to_string() });
        }
        change(&mut self.standing, &Standing::Deleted)
    }

    fn retitle(&mut self, own: &Name, title: &Line) -> Done {
        let found = self.organisations.get_mut(own).ok_or_else(|| unknown(Thing::Organisation, own))?;
        change(&mut found.title, title)
    }

    fn require_member(&self, organisation: &Name) -> Done {
        if self.is_member(organisation) { Ok(()) } else { Err(unknown(Thing::Member, organisation)) }
    }
}

/// Puts a new value in the place of another.
fn change<T: PartialEq + Clone>(place: &mut T, value: &T) -> Done {
    if place == value {
        return Err(Refusal::Unchanged);
    }
    *place = value.clone();
    Ok(())
}

fn unknown(thing: Thing, name: &Name) -> Refusal {
    Refusal::Unknown { thing, name: name.to_string() }
}

fn taken(thing: Thing, name: &Name) -> Refusal {
    Refusal::Taken { thing, name: name.to_string() }
}

fn require_room(thing: Thing, found: usize, max: usize) -> Done {
    if found < max { Ok(()) } else { Err(Refusal::Full { thing, max }) }
}

//! Roles: defined, dropped, given and taken.

use std::collections::BTreeSet;

use super::{Done, require_room, taken, unknown};
use crate::name::Name;
use crate::workspace::action::{Allows, MEMBER_ROLES_MAX, Scope};
use crate::workspace::member::InvitationState;
use crate::workspace::refusal::{Refusal, Thing};
use crate::workspace::role::{ADMINISTRATOR, ROLES_MAX, RoleAction, Roles, WorkspaceAction};
use crate::workspace::state::Workspace;

impl Workspace {
    pub(super) fn define_role(&mut self, own: &Name, role: &Name, allows: &Allows) -> Done {
        match allows {
            Allows::Workspace(actions) => {
                // What the role allowed so far counts too: nobody takes from others what they do not hold themselves.
                let before = self.roles.actions(role).unwrap_or_default();
                require_within(own, &self.workspace_actions(own), &before)?;
                require_within(own, &self.workspace_actions(own), actions)?;
                define(&mut self.roles, role, actions)
            }
            Allows::Computation(actions) => {
                self.require_unused(role)?;
                define(&mut self.computation_roles, role, actions)
            }
        }
    }

    /// What a role in use allows is not changed: it would give or take what its computation's administrators gave.
    fn require_unused(&self, role: &Name) -> Done {
        let used = self.computations.values().any(|found| found.roles.values().any(|roles| roles.contains(role)));
        if used { Err(Refusal::InUse { thing: Thing::Role, name: role.to_string() }) } else { Ok(()) }
    }

    pub(super) fn drop_role(&mut self, role: &Name, scope: Scope) -> Done {
        if scope == Scope::Computation {
            self.require_unused(role)?;
        } else {
            let open = self.invitations.values().filter(|i| i.answer == InvitationState::Pending);
            let members = self.organisations.values().filter_map(|found| found.roles.as_ref());
            if members.chain(open.map(|i| &i.roles)).any(|roles| roles.contains(role)) {
                return Err(Refusal::InUse { thing: Thing::Role, name: role.to_string() });
            }
        }
        let dropped = match scope {
            Scope::Workspace => drop_own(&mut self.roles, role)?,
            Scope::Computation => drop_own(&mut self.computation_roles, role)?,
        };
        if dropped { Ok(()) } else { Err(unknown(Thing::Role, role)) }
    }

    pub(super) fn give(&mut self, own: &Name, organisation: &Name, role: &Name) -> Done {
        self.require_own(own, role)?;
        let found = self.organisations.get_mut(organisation).and_then(|found| found.roles.as_mut());
        let roles = found.ok_or_else(|| unknown(Thing::Member, organisation))?;
        require_room(Thing::Role, roles.len(), MEMBER_ROLES_MAX)?;
        if roles.insert(role.clone()) { Ok(()) } else { Err(Refusal::Unchanged) }
    }

    pub(super) fn take_role(&mut self, organisation: &Name, role: &Name) -> Done {
        if role.as_str() == ADMINISTRATOR && self.administrators().eq([organisation]) {
            return Err(Refusal::LastAdministrator { role: ADMINISTRATOR });
        }
        let found = self.organisations.get_mut(organisation).and_then(|found| found.roles.as_mut());
        let roles = found.ok_or_else(|| unknown(Thing::Member, organisation))?;
        if roles.remove(role) { Ok(()) } else { Err(Refusal::Unchanged) }
    }

    /// A role that exists and allows nothing that its giver may not do.
    pub(super) fn require_own(&self, own: &Name, role: &Name) -> Done {
        let actions: BTreeSet<WorkspaceAction> = self.roles.actions(role).ok_or_else(|| unknown(Thing::Role, role))?;
        require_within(own, &self.workspace_actions(own), &actions)
    }
}

fn require_within<A: RoleAction>(own: &Name, held: &BTreeSet<A>, given: &BTreeSet<A>) -> Done {
    match given.difference(held).next() {
        None => Ok(()),
        Some(action) => Err(Refusal::BeyondOwn { organisation: own.clone(), action: action.as_str() }),
    }
}

fn define<A: RoleAction>(roles: &mut Roles<A>, role: &Name, actions: &BTreeSet<A>) -> Done {
    if Roles::<A>::is_built_in(role) {
        return Err(Refusal::BuiltIn { role: role.clone() });
    }
    let known = roles.custom().get(role);
    if known == Some(actions) {
        return Err(taken(Thing::Role, role));
    }
    if known.is_none() {
        require_room(Thing::Role, roles.custom().len(), ROLES_MAX)?;
    }
    roles.define(role.clone(), actions.clone());
    Ok(())
}

fn drop_own<A: RoleAction>(roles: &mut Roles<A>, role: &Name) -> Result<bool, Refusal> {
    if Roles::<A>::is_built_in(role) { Err(Refusal::BuiltIn { role: role.clone() }) } else { Ok(roles.drop_role(role)) }
}

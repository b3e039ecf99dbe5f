//! Members go; somebody always administers.

use std::collections::BTreeSet;

use super::{Done, built_in, unknown};
use crate::name::Name;
use crate::workspace::refusal::{Refusal, Thing};
use crate::workspace::role::{ADMINISTRATOR, ComputationAction, OWNER};
use crate::workspace::state::Workspace;

impl Workspace {
    /// Removes a member. Computations that only it administered go to whoever removed it.
    pub(super) fn remove_member(&mut self, organisation: &Name, by: &Name) -> Done {
        self.require_member(organisation)?;
        if organisation == by {
            return self.leave(by);
        }
        let orphans = self.administered_only_by(organisation);
        self.drop_member(organisation)?;
        for computation in orphans {
            if let (Some(found), Some(owner)) = (self.computations.get_mut(&computation), built_in(OWNER)) {
                found.roles.entry(by.clone()).or_default().insert(owner);
            }
        }
        Ok(())
    }

    /// The signer goes; whoever alone administers a computation hands it over first.
    pub(super) fn leave(&mut self, own: &Name) -> Done {
        if !self.administered_only_by(own).is_empty() {
            return Err(Refusal::LastAdministrator { role: OWNER });
        }
        self.drop_member(own)
    }

    fn drop_member(&mut self, organisation: &Name) -> Done {
        if self.administrators().eq([organisation]) {
            return Err(Refusal::LastAdministrator { role: ADMINISTRATOR });
        }
        let found = self.organisations.get_mut(organisation).ok_or_else(|| unknown(Thing::Member, organisation))?;
        found.roles = None;
        for computation in self.computations.values_mut() {
            computation.roles.remove(organisation);
        }
        Ok(())
    }

    fn administered_only_by(&self, organisation: &Name) -> Vec<Name> {
        let only = |roles: BTreeSet<Name>| roles.len() == 1 && roles.contains(organisation);
        let computations = self.computations.keys().filter(|name| only(self.computation_administrators(name)));
        computations.cloned().collect()
    }

    /// Members who administer a computation.
    pub(super) fn computation_administrators(&self, computation: &Name) -> BTreeSet<Name> {
        let Some(found) = self.computations.get(computation) else { return BTreeSet::new() };
        let administers =
            |name: &&Name| self.computation_actions(found, name).contains(&ComputationAction::Administrator);
        found.roles.keys().filter(administers).cloned().collect()
    }
}

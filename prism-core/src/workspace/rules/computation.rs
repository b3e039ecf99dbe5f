//! A computation until everybody approved it, and who may do what to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Done, built_in, require_room, taken, unknown};
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::manifest::draft::Draft;
use crate::name::Name;
use crate::strict;
use crate::workspace::action::MEMBER_ROLES_MAX;
use crate::workspace::computation::{COMPUTATIONS_MAX, Computation, DRAFT_MAX, PROPOSAL_MAX, Proposal, Stage};
use crate::workspace::refusal::{Refusal, Thing};
use crate::workspace::role::OWNER;
use crate::workspace::state::Workspace;
use crate::workspace::text::Line;

impl Workspace {
    pub(super) fn create_computation(&mut self, own: &Name, name: &Name, title: &Line) -> Done {
        if self.computations.contains_key(name) || self.retired.contains(name) {
            return Err(taken(Thing::Computation, name));
        }
        require_room(Thing::Computation, self.computations.len(), COMPUTATIONS_MAX)?;
        let owner: BTreeSet<Name> = built_in(OWNER).into_iter().collect();
        let computation = Computation {
            title: title.clone(),
            by: own.clone(),
            roles: BTreeMap::from([(own.clone(), owner)]),
            draft: None,
            proposal: None,
            runs: Vec::new(),
        };
        self.computations.insert(name.clone(), computation);
        Ok(())
    }

    pub(super) fn keep_draft(&mut self, name: &Name, draft: &str) -> Done {
        let found = self.computation_mut(name)?;
        require_stage(found, &[Stage::Draft], "a draft")?;
        strict::read::<Draft>(draft.as_bytes(), DRAFT_MAX).map_err(Refusal::Draft)?;
        found.draft = Some(Arc::new(draft.to_owned()));
        Ok(())
    }

    pub(super) fn propose(&mut self, name: &Name, bytes: &[u8]) -> Done {
        let found = self.computation_mut(name)?;
        require_stage(found, &[Stage::Draft], "a draft; withdraw the present proposal first")?;
        let other = || Refusal::OtherManifest { computation: name.clone() };
        if bytes.len() > PROPOSAL_MAX {
            return Err(other());
        }
        let manifest = Manifest::read(bytes)?;
        if &manifest.id != name {
            return Err(other());
        }
        found.proposal = Some(Proposal::new(bytes.to_vec(), manifest));
        Ok(())
    }

    pub(super) fn approve(&mut self, name: &Name, key: Digest, signature: &[u8]) -> Done {
        let found = self.computation_mut(name)?;
        require_stage(found, &[Stage::Proposed], "proposed")?;
        let Some(proposal) = &mut found.proposal else { return Err(Refusal::Unchanged) };
        if proposal.has_approved(&key) {
            return Err(Refusal::Unchanged);
        }
        Ok(proposal.approve(key, signature)?)
    }

    pub(super) fn withdraw(&mut self, name: &Name) -> Done {
        let found = self.computation_mut(name)?;
        require_stage(found, &[Stage::Proposed, Stage::Ready, Stage::Closed], "proposed, ready or closed")?;
        found.proposal = None;
        Ok(())
    }

    pub(super) fn delete_computation(&mut self, name: &Name) -> Done {
        let found = self.computation_mut(name)?;
        let off = [Stage::Draft, Stage::Proposed, Stage::Ready, Stage::Closed];
        require_stage(found, &off, "on no agent; stop it or give it up first")?;
        let runs = std::mem::take(&mut found.runs);
        self.past.extend(runs);
        self.computations.remove(name);
        self.retired.insert(name.clone());
        Ok(())
    }

    /// Whoever administers a computation gives any of its roles.
    pub(super) fn give_in_computation(&mut self, name: &Name, to: &Name, role: &Name) -> Done {
        self.require_member(to)?;
        self.computation_roles.actions(role).ok_or_else(|| unknown(Thing::Role, role))?;
        let found = self.computation_mut(name)?;
        let roles = found.roles.entry(to.clone()).or_default();
        require_room(Thing::Role, roles.len(), MEMBER_ROLES_MAX)?;
        if roles.insert(role.clone()) { Ok(()) } else { Err(Refusal::Unchanged) }
    }

    pub(super) fn take_in_computation(&mut self, name: &Name, from: &Name, role: &Name) -> Done {
        let found = self.computation_mut(name)?;
        let roles = found.roles.get_mut(from).ok_or_else(|| unknown(Thing::Member, from))?;
        if !roles.remove(role) {
            return Err(Refusal::Unchanged);
        }
        if roles.is_empty() {
            found.roles.remove(from);
        }
        if self.computation_administrators(name).is_empty() {
            return Err(Refusal::LastAdministrator { role: OWNER });
        }
        Ok(())
    }

    pub(super) fn computation_mut(&mut self, name: &Name) -> Result<&mut Computation, Refusal> {
        self.computations.get_mut(name).ok_or_else(|| unknown(Thing::Computation, name))
    }
}

fn require_stage(found: &Computation, expected: &[Stage], words: &'static str) -> Done {
    let stage = found.stage();
    if expected.contains(&stage) { Ok(()) } else { Err(Refusal::Stage { expected: words, found: stage }) }
}

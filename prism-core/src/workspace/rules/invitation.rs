//! Invitations: sent, taken back, answered.

use std::collections::BTreeSet;

use super::{Done, require_room, taken, unknown};
use crate::UnixSeconds;
use crate::name::Name;
use crate::workspace::account::Bound;
use crate::workspace::action::{Addressee, Introduction};
use crate::workspace::member::{Invitation, InvitationState, ORGANISATIONS_MAX, Organisation};
use crate::workspace::refusal::{Refusal, Thing};
use crate::workspace::request::Request;
use crate::workspace::state::{Signer, Workspace};

/// Most invitations of a workspace, answered ones included.
pub(super) const INVITATIONS_MAX: usize = 8192;

/// Whom an invitation is for, with which roles, until when.
type Terms<'a> = (&'a Addressee, &'a BTreeSet<Name>, UnixSeconds);

impl Workspace {
    pub(super) fn invite(&mut self, own: &Name, name: &Name, terms: Terms<'_>, now: UnixSeconds) -> Done {
        let (to, roles, expires) = terms;
        if self.invitations.contains_key(name) {
            return Err(taken(Thing::Invitation, name));
        }
        require_room(Thing::Invitation, self.invitations.len(), INVITATIONS_MAX)?;
        roles.iter().try_for_each(|role| self.require_own(own, role))?;
        require_future(expires, now)?;
        self.require_invitable(to)?;
        let (to, roles, by) = (to.clone(), roles.clone(), own.clone());
        self.invitations.insert(name.clone(), Invitation { to, roles, by, expires, answer: InvitationState::Pending });
        Ok(())
    }

    /// Nobody is invited who is a member, or by a key that is revoked.
    fn require_invitable(&self, to: &Addressee) -> Done {
        let organisation = match to {
            Addressee::Key(key) => match self.keys.get(key) {
                Some(record) if record.revoked => {
                    return Err(Refusal::KeyRevoked { key: *key, organisation: record.organisation.clone() });
                }
                Some(record) => &record.organisation,
                None => return Ok(()),
            },
            Addressee::Organisation(name) if self.organisations.contains_key(name) => name,
            Addressee::Organisation(name) => return Err(unknown(Thing::Organisation, name)),
        };
        if self.is_member(organisation) { Err(taken(Thing::Member, organisation)) } else { Ok(()) }
    }

    pub(super) fn withdraw_invitation(&mut self, name: &Name, now: UnixSeconds) -> Done {
        let found = self.invitations.get_mut(name).ok_or_else(|| unknown(Thing::Invitation, name))?;
        match found.state_at(now) {
            InvitationState::Pending | InvitationState::Expired => found.answer = InvitationState::Withdrawn,
            state => return Err(Refusal::Invitation { expected: "pending", found: state.name() }),
        }
        Ok(())
    }

    /// Whoever sends it again answers for its roles as if it were new.
    pub(super) fn resend(&mut self, own: &Name, name: &Name, expires: UnixSeconds, now: UnixSeconds) -> Done {
        let found = self.invitations.get(name).ok_or_else(|| unknown(Thing::Invitation, name))?;
        if found.state_at(now) == InvitationState::Accepted {
            return Err(Refusal::Invitation { expected: "not accepted yet", found: "accepted" });
        }
        let (to, roles) = (found.to.clone(), found.roles.clone());
        roles.iter().try_for_each(|role| self.require_own(own, role))?;
        require_future(expires, now)?;
        self.require_invitable(&to)?;
        let invitation = Invitation { to, roles, by: own.clone(), expires, answer: InvitationState::Pending };
        self.invitations.insert(name.clone(), invitation);
        Ok(())
    }

    pub(super) fn accept(&mut self, request: &Request, signer: &Signer, name: &Name, who: &Introduction) -> Done {
        let invitation = self.open_invitation(signer, name)?;
        let members = self.organisations.values().filter(|found| found.is_member()).map(|_| 1_u64).sum::<u64>();
        if self.account.plan.limits().members.is_some_and(|max| members >= u64::from(max)) {
            return Err(Refusal::Plan(Bound::Members));
        }
        match &signer.organisation {
            Some(known) if self.is_member(known) => return Err(taken(Thing::Member, known)),
            Some(known) if known != &who.name => return Err(unknown(Thing::Organisation, &who.name)),
            Some(_) => {}
            None if self.organisations.contains_key(&who.name) => return Err(taken(Thing::Organisation, &who.name)),
            None => {
                require_room(Thing::Organisation, self.organisations.len(), ORGANISATIONS_MAX)?;
                self.know_key(&who.name, &request.key, request.number)?;
            }
        }
        // Roles that were dropped meanwhile give nothing; none is dropped while an open invitation names it.
        let organisation = Organisation { title: who.title.clone(), roles: Some(invitation.roles) };
        self.organisations.insert(who.name.clone(), organisation);
        self.answer(name, InvitationState::Accepted);
        Ok(())
    }

    pub(super) fn decline(&mut self, signer: &Signer, name: &Name) -> Done {
        self.open_invitation(signer, name)?;
        self.answer(name, InvitationState::Declined);
        Ok(())
    }

    fn answer(&mut self, name: &Name, answer: InvitationState) {
        if let Some(found) = self.invitations.get_mut(name) {
            found.answer = answer;
        }
    }

    /// An invitation that is open and for whoever signs. Others do not learn whether it exists.
    fn open_invitation(&self, signer: &Signer, name: &Name) -> Result<Invitation, Refusal> {
        let found = self.invitations.get(name).filter(|i| i.is_for(&signer.key, signer.organisation.as_ref()));
        let found = found.ok_or_else(|| unknown(Thing::Invitation, name))?;
        match found.state_at(signer.now) {
            InvitationState::Pending => Ok(found.clone()),
            state => Err(Refusal::Invitation { expected: "pending", found: state.name() }),
        }
    }
}

fn require_future(expires: UnixSeconds, now: UnixSeconds) -> Done {
    let open = expires > now;
    if open { Ok(()) } else { Err(Refusal::Invitation { expected: "open for some time", found: "expired" }) }
}

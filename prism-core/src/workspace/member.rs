//! Organisations, their keys, and what makes them members.

use std::collections::BTreeSet;

use super::text::Line;
use crate::digest::Digest;
use crate::key::PublicKey;
use crate::name::Name;

/// Most keys of one organisation at a time.
pub const KEYS_MAX: usize = 16;
/// Most keys that a workspace ever knew, revoked ones included.
pub const WORKSPACE_KEYS_MAX: usize = 4096;
/// Most organisations that a workspace ever knew.
pub const ORGANISATIONS_MAX: usize = 1024;

/// An organisation that is a member of the workspace, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Organisation {
    /// What people call it.
    pub title: Line,
    /// Its roles in the workspace; `None` after it left or was removed.
    pub roles: Option<BTreeSet<Name>>,
}

impl Organisation {
    /// Whether it is a member now.
    #[must_use]
    pub const fn is_member(&self) -> bool {
        self.roles.is_some()
    }
}

/// A key that signed in this workspace, or may.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyRecord {
    /// The key.
    pub key: PublicKey,
    /// Whose it is; for ever.
    pub organisation: Name,
    /// The number of its last request.
    pub number: u64,
    /// Whether it signs nothing any more. It never comes back.
    pub revoked: bool,
}

/// What becomes of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvitationState {
    /// It waits for an answer, until it expires.
    Pending,
    /// Its addressee is a member through it.
    Accepted,
    /// Its addressee does not want to.
    Declined,
    /// It was taken back.
    Withdrawn,
    /// Nobody answered in time.
    Expired,
}

impl InvitationState {
    /// The state as people and programs read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// An invitation to become a member.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invitation {
    /// Whom it is for.
    pub to: super::Addressee,
    /// The roles that come with it.
    pub roles: BTreeSet<Name>,
    /// Who sent it.
    pub by: Name,
    /// The last second at which it may be answered.
    pub expires: crate::UnixSeconds,
    /// What was decided; whether it expired depends on the time, see [`state_at`](Self::state_at).
    pub(super) answer: InvitationState,
}

impl Invitation {
    /// Where the invitation stands at a time.
    #[must_use]
    pub fn state_at(&self, now: crate::UnixSeconds) -> InvitationState {
        match self.answer {
            InvitationState::Pending if now > self.expires => InvitationState::Expired,
            answer => answer,
        }
    }

    /// Whether it is for this key, which belongs to `organisation` if the workspace knows it.
    #[must_use]
    pub fn is_for(&self, key: &Digest, organisation: Option<&Name>) -> bool {
        match &self.to {
            super::Addressee::Key(fingerprint) => fingerprint == key,
            super::Addressee::Organisation(name) => organisation == Some(name),
        }
    }
}

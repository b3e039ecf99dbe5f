//! A computation from its first draft to the end of its runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::mirror::Mirror;
use super::text::Line;
use crate::UnixSeconds;
use crate::audit::entry::Outcome;
use crate::digest::Digest;
use crate::envelope::{Envelope, PayloadType};
use crate::lifecycle::Phase;
use crate::manifest::{ApprovalError, Manifest, SignedManifest};
use crate::name::Name;

/// Most computations of a workspace.
pub const COMPUTATIONS_MAX: usize = 4096;
/// Most runs of one computation.
pub const RUNS_MAX: usize = 4096;
/// Longest draft in bytes.
pub const DRAFT_MAX: usize = 64 * 1024;
/// Longest manifest that a request can propose, in bytes; as base64 it has to fit into a request.
pub const PROPOSAL_MAX: usize = 512 * 1024;

/// Where a computation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Nothing is proposed.
    Draft,
    /// A manifest is proposed, and some approvals are missing.
    Proposed,
    /// Everybody approved.
    Ready,
    /// It is on an agent; [`Run::phase`] says what the agent signed.
    Scheduled,
    /// Its last run has ended.
    Closed,
}

impl Stage {
    /// The stage as people and programs read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Proposed => "proposed",
            Self::Ready => "ready",
            Self::Scheduled => "scheduled",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// The agent signed that every consumer confirmed.
    Completed,
    /// The agent signed that the manifest's time was up.
    Expired,
    /// The agent signed that it failed.
    Failed,
    /// The agent signed that it was stopped.
    Stopped,
    /// A member called it off before the agent had signed anything.
    Cancelled,
    /// A member gave it up; the agent did not say how it ended.
    Abandoned,
}

impl Ending {
    /// Every ending there is.
    pub const ALL: &[Self] =
        &[Self::Completed, Self::Expired, Self::Failed, Self::Stopped, Self::Cancelled, Self::Abandoned];

    /// The ending as people and programs read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether the agent signed it, not only a member.
    #[must_use]
    pub const fn is_signed_by_the_agent(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Abandoned)
    }
}

impl From<Outcome> for Ending {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Completed,
            Outcome::Expired => Self::Expired,
            Outcome::Failed => Self::Failed,
            Outcome::Stopped => Self::Stopped,
        }
    }
}

/// One run on one agent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// The agent.
    pub agent: Name,
    /// Who scheduled it.
    pub by: Name,
    /// When, by the history's time.
    pub at: UnixSeconds,
    /// Whether a member asked for it to be stopped.
    pub stop_asked: bool,
    /// How it ended, and when the history heard of it.
    pub ended: Option<(Ending, UnixSeconds)>,
    pub(super) mirror: Mirror,
}

impl Run {
    /// Where the run stands, by what the agent signed.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.mirror.phase()
    }

    /// How many entries of the agent's log the history holds.
    #[must_use]
    pub fn reported(&self) -> u64 {
        self.mirror.size()
    }
}

/// Exact bytes of a manifest and the approvals of them so far.
#[derive(Clone, Debug)]
pub struct Proposal {
    bytes: Arc<Vec<u8>>,
    manifest: Arc<Manifest>,
    digest: Digest,
    approvals: BTreeMap<Digest, Vec<u8>>,
    signed: Option<Arc<SignedManifest>>,
}

impl Proposal {
    pub(super) fn new(bytes: Vec<u8>, manifest: Manifest) -> Self {
        let digest = Digest::sha256(&bytes);
        let (bytes, manifest) = (Arc::new(bytes), Arc::new(manifest));
        Self { bytes, manifest, digest, approvals: BTreeMap::new(), signed: None }
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What they say.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Their digest, the computation's name everywhere.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The manifest with everybody's approval, once everybody gave it.
    #[must_use]
    pub fn signed(&self) -> Option<&SignedManifest> {
        self.signed.as_deref()
    }

    /// Participants whose approval is missing, in the manifest's order.
    pub fn missing(&self) -> impl Iterator<Item = &Name> {
        let approved = |key: &crate::key::PublicKey| self.approvals.contains_key(&key.fingerprint());
        self.manifest.participants.iter().filter(move |p| !approved(&p.key)).map(|p| &p.name)
    }

    /// Takes one approval, verified as the agent verifies it; with the last one, everybody's are put together.
    pub(super) fn approve(&mut self, key: Digest, signature: &[u8]) -> Result<(), ApprovalError> {
        let envelope = self.envelope(key, signature);
        SignedManifest::approvers(&self.bytes, &envelope)?;
        self.approvals.insert(key, signature.to_vec());
        if self.missing().next().is_none() {
            let envelopes: Vec<Envelope> = self.approvals.iter().map(|(key, sig)| self.envelope(*key, sig)).collect();
            self.signed = Some(Arc::new(SignedManifest::assemble(&self.bytes, &envelopes)?));
        }
        Ok(())
    }

    fn envelope(&self, key: Digest, signature: &[u8]) -> Envelope {
        Envelope::from_parts(PayloadType::Manifest, self.bytes.to_vec(), key, signature.to_vec())
    }

    /// Whether this key's approval is there.
    #[must_use]
    pub fn has_approved(&self, key: &Digest) -> bool {
        self.approvals.contains_key(key)
    }
}

impl PartialEq for Proposal {
    fn eq(&self, other: &Self) -> bool {
        (self.digest, &self.approvals) == (other.digest, &other.approvals)
    }
}

impl Eq for Proposal {}

/// A computation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Computation {
    /// What it is for.
    pub title: Line,
    /// Who created it.
    pub by: Name,
    /// Who holds which roles in it.
    pub roles: BTreeMap<Name, BTreeSet<Name>>,
    /// The draft's JSON, of which nobody has signed anything.
    pub draft: Option<Arc<String>>,
    /// What is proposed.
    pub proposal: Option<Proposal>,
    /// Its runs, the oldest first; of earlier proposals too.
    pub runs: Vec<Run>,
}

impl Computation {
    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match (&self.proposal, self.runs.last()) {
            (_, Some(run)) if run.ended.is_none() => Stage::Scheduled,
            (None, _) => Stage::Draft,
            (Some(proposal), _) if proposal.signed().is_none() => Stage::Proposed,
            (Some(proposal), _) if self.runs_of(proposal) > 0 => Stage::Closed,
            _ => Stage::Ready,
        }
    }

    /// How many runs these very bytes had; a run that was called off before it began does not count.
    #[must_use]
    pub fn runs_of(&self, proposal: &Proposal) -> usize {
        let of = |run: &&Run| run.mirror.is_of(&proposal.digest);
        let counts = |run: &&Run| !matches!(run.ended, Some((Ending::Cancelled, _)));
        self.runs.iter().filter(of).filter(counts).count()
    }

    /// The run that has not ended.
    #[must_use]
    pub fn running(&self) -> Option<&Run> {
        self.runs.last().filter(|run| run.ended.is_none())
    }

    pub(super) fn running_mut(&mut self) -> Option<&mut Run> {
        self.runs.last_mut().filter(|run| run.ended.is_none())
    }
}

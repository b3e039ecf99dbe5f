//! Agents as a workspace knows them, and what its courier alone observes of them.

use super::text::Line;
use crate::UnixSeconds;
use crate::audit::checkpoint::VerifierKey;
use crate::digest::Digest;
use crate::name::Name;

/// Most agents that a workspace has at a time.
pub const AGENTS_MAX: usize = 1024;

/// A registered agent: somebody's signed word, not a verdict. Whoever connects attests it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agent {
    /// Where it is reached.
    pub endpoint: Line,
    /// The platform's name, as manifests write it.
    pub platform: Name,
    /// What runs there, as its operator says.
    pub software: Line,
    /// Digest of the evidence that whoever registered it has seen.
    pub evidence: Digest,
    /// The key of its log.
    pub log: VerifierKey,
    /// Who registered it.
    pub by: Name,
    /// The computation that it was given; it takes no other ever.
    pub computation: Option<Name>,
}

/// What the courier saw by itself: **nobody signed this**, it is in no history, and nothing may be decided by it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the courier")]
pub struct Observation {
    /// The agent.
    pub agent: Name,
    /// Whether it answered.
    pub online: bool,
    /// When the courier looked, by its own clock.
    pub at: UnixSeconds,
    /// Until when the courier keeps the agent for somebody.
    pub lease: Option<Lease>,
}

/// An agent that the courier keeps for somebody: a courtesy among those who share a courier, unsigned as well.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the courier")]
pub struct Lease {
    /// For whom.
    pub organisation: Name,
    /// The last second of it.
    pub until: UnixSeconds,
}

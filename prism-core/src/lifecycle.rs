//! The run's state machine: one total, pure function.
//!
//! ```text
//! Empty → Manifested → WaitingForAlgorithm / WaitingForDatasets → Running → Delivering → Closed
//! any → Failed → Closed        any → Stopped → Closed
//! ```
//!
//! [`step`] says what an event does to a state and which effects follow. The agent logs an event only after `step`
//! permitted it, then takes the new state, then carries out the effects; the auditor runs the same function over the
//! log's entries. An event that is not permitted changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::UnixSeconds;
use crate::asset::AssetTerms;
use crate::audit::entry::{Actor, Event, Outcome};
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::manifest::{Role, SignedManifest};
use crate::name::Name;
use crate::release::{Release, ReleaseError};

mod rules;

/// The terms that the state machine needs, taken from a signed manifest.
#[derive(Clone, Debug)]
pub struct Terms {
    manifest: Digest,
    id: Name,
    participants: Vec<Name>,
    assets: BTreeMap<Name, AssetTerms>,
    consumers: BTreeSet<Name>,
    stoppers: BTreeSet<Name>,
    simulated: bool,
    max_result: u64,
    not_after: UnixSeconds,
}

impl Terms {
    /// The terms of `signed`.
    #[must_use]
    pub fn of(signed: &SignedManifest) -> Self {
        let manifest = signed.manifest();
        let may_stop = |name: &Name| {
            let roles = manifest.roles(name.as_str());
            roles.iter().any(|r| matches!(r, Role::Owner | Role::AlgorithmProvider | Role::DatasetProvider))
        };
        let participants: Vec<Name> = manifest.participants.iter().map(|p| p.name.clone()).collect();
        Self {
            manifest: signed.digest(),
            id: manifest.id.clone(),
            stoppers: participants.iter().filter(|name| may_stop(name)).cloned().collect(),
            participants,
            assets: manifest.assets().into_iter().map(|asset| (asset.name.clone(), asset)).collect(),
            consumers: manifest.results.consumers.iter().cloned().collect(),
            simulated: manifest.accepts_simulation(),
            max_result: manifest.results.max_bytes,
            not_after: manifest.not_after,
        }
    }

    /// The manifest's digest.
    #[must_use]
    pub fn manifest(&self) -> Digest {
        self.manifest
    }

    /// The last second at which the terms hold.
    #[must_use]
    pub fn not_after(&self) -> UnixSeconds {
        self.not_after
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The agent is awake and has no manifest yet.
    Empty,
    /// It holds a manifest; nobody has authenticated yet.
    Manifested,
    /// The algorithm or its requirements are missing.
    WaitingForAlgorithm,
    /// Only datasets are missing.
    WaitingForDatasets,
    /// Everything is there: the algorithm runs, or its result is being checked and sealed.
    Running,
    /// Consumers may fetch the result.
    Delivering,
    /// The algorithm or the agent failed.
    Failed,
    /// The run was stopped.
    Stopped,
    /// Nothing happens any more.
    Closed,
}

impl Phase {
    /// Every phase, in the order of a run.
    pub const ALL: [Self; 9] = [
        Self::Empty,
        Self::Manifested,
        Self::WaitingForAlgorithm,
        Self::WaitingForDatasets,
        Self::Running,
        Self::Delivering,
        Self::Failed,
        Self::Stopped,
        Self::Closed,
    ];

    /// The phase as people and programs read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Manifested => "Manifested",
            Self::WaitingForAlgorithm => "WaitingForAlgorithm",
            Self::WaitingForDatasets => "WaitingForDatasets",
            Self::Running => "Running",
            Self::Delivering => "Delivering",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
            Self::Closed => "Closed",
        }
    }
}

/// A text names no phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected one of Empty, Manifested, WaitingForAlgorithm, WaitingForDatasets, Running, Delivering, Failed, Stopped, Closed, found another word; use one of these"
)]
#[non_exhaustive]
pub struct PhaseError;

impl std::str::FromStr for Phase {
    type Err = PhaseError;

    fn from_str(text: &str) -> Result<Self, PhaseError> {
        Self::ALL.into_iter().find(|phase| phase.name().eq_ignore_ascii_case(text)).ok_or(PhaseError)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Everything that the log's events have brought about.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct State {
    prelude: Prelude,
    /// Assets whose key was released to the agent.
    released: BTreeSet<Name>,
    /// The agent's own key to which providers release theirs, once one did.
    release_key: Option<String>,
    begun: BTreeSet<Name>,
    accepted: BTreeSet<Name>,
    run: Run,
    results: BTreeMap<Name, Release>,
    ending: Option<Outcome>,
    closed: Option<Outcome>,
    algorithm_complete: bool,
    datasets_complete: bool,
}

/// What comes before any asset; each step follows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Prelude {
    #[default]
    Unopened,
    Opened,
    Manifested,
    Authenticated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Run {
    #[default]
    Awaited,
    Started,
    Succeeded,
    Checked,
    Sealed,
}

impl State {
    /// Where the run stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match (self.closed, self.ending) {
            (Some(_), _) => return Phase::Closed,
            (None, Some(Outcome::Failed)) => return Phase::Failed,
            (None, Some(Outcome::Stopped)) => return Phase::Stopped,
            _ => {}
        }
        match self.run {
            _ if self.prelude < Prelude::Manifested => Phase::Empty,
            Run::Awaited if self.prelude < Prelude::Authenticated => Phase::Manifested,
            Run::Awaited if !self.algorithm_complete => Phase::WaitingForAlgorithm,
            Run::Awaited if !self.datasets_complete => Phase::WaitingForDatasets,
            Run::Sealed => Phase::Delivering,
            _ => Phase::Running,
        }
    }

    /// Names of the assets that were accepted.
    pub fn accepted(&self) -> impl Iterator<Item = &Name> {
        self.accepted.iter()
    }

    /// Whether an asset's key was released to the agent; not any more after the asset was refused.
    #[must_use]
    pub fn key_released(&self, asset: &Name) -> bool {
        self.released.contains(asset)
    }

    /// Names of the assets that are still missing, with who brings them.
    #[must_use]
    pub fn missing<'a>(&self, terms: &'a Terms) -> Vec<&'a AssetTerms> {
        terms.assets.values().filter(|asset| !self.accepted.contains(&asset.name)).collect()
    }

    /// What has become of a consumer's result; `None` before it was sealed or when `consumer` is none.
    #[must_use]
    pub fn release(&self, consumer: &str) -> Option<&Release> {
        self.results.get(consumer)
    }

    /// How the computation ended, once the log is closed.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.closed
    }
}

/// What the agent has to do after an event was logged and the state taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Log [`Event::RunStart`] and start the algorithm.
    StartRun,
    /// Check what the algorithm wrote and log [`Event::OutputChecked`].
    CheckOutput,
    /// Encrypt the result for this consumer and log [`Event::ResultSealed`].
    Seal(Name),
    /// Destroy this consumer's key and ciphertext.
    DestroyResult(Name),
    /// Kill the run if there is one and destroy every asset, key and result.
    DestroyAll,
    /// Log [`Event::LogClose`] with this outcome.
    Close(Outcome),
}

/// A permitted event: the new state and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// The state after the event.
    pub state: State,
    /// What the agent has to do next, in this order.
    pub effects: Vec<Effect>,
}

/// Why an event is not permitted. The state stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Illegal {
    /// The event does not belong into this phase.
    #[error("expected no {event} while the run is {phase}, found one; {hint}", hint = hint(*.phase))]
    Phase {
        /// The event's type.
        event: &'static str,
        /// Where the run stands.
        phase: Phase,
    },
    /// The event is not this actor's to cause.
    #[error("expected {event} by {expected}, found one by {found}; only the former may do this")]
    Actor {
        /// The event's type.
        event: &'static str,
        /// Who may cause it.
        expected: String,
        /// Who did.
        found: Actor,
    },
    /// The manifest names no such asset.
    #[error("expected an asset that the manifest names, found {0}; look at the manifest's assets")]
    UnknownAsset(Name),
    /// The asset was accepted before.
    #[error("expected an asset that is still missing, found {0}, which was accepted already; nothing has to be sent")]
    DuplicateAsset(Name),
    /// The asset comes another way: it is sent by its provider, or fetched by the agent.
    #[error("expected {asset} to be {expected}, found an attempt at the other; the manifest says how it comes")]
    OtherWay {
        /// The asset.
        asset: Name,
        /// How the manifest says that it comes.
        expected: &'static str,
    },
    /// The asset is not the one that the manifest names.
    #[error("expected {asset} with {size} bytes and digest {digest}, found other bytes; send the file that was agreed")]
    OtherAsset {
        /// The asset.
        asset: Name,
        /// Its digest in the manifest.
        digest: Digest,
        /// Its size in the manifest.
        size: u64,
    },
    /// A field of the event contradicts the manifest or what happened before.
    #[error("expected {event} to agree with the manifest and the log before it, found another {field}")]
    Contradiction {
        /// The event's type.
        event: &'static str,
        /// The field that differs.
        field: &'static str,
    },
    /// The result's release does not permit it.
    #[error(transparent)]
    Release(#[from] ReleaseError),
}

const fn hint(phase: Phase) -> &'static str {
    match phase {
        Phase::Empty => "the agent has no manifest yet",
        Phase::Manifested => "authenticate first",
        Phase::WaitingForAlgorithm => "the algorithm has to be sent first",
        Phase::WaitingForDatasets => "some datasets are still missing",
        Phase::Running => "wait until it has ended",
        Phase::Delivering => "the consumers fetch their results now",
        Phase::Failed | Phase::Stopped | Phase::Closed => "a new agent has to be started for another run",
    }
}

impl Coded for Illegal {
    fn code(&self) -> Code {
        match self {
            Self::Phase { .. } => Code::StateRefused,
            Self::Actor { event: "asset.begin" | "asset.accepted" | "key.released", .. } => Code::AssetWrongProvider,
            Self::Actor { .. } => Code::RoleRefused,
            Self::UnknownAsset(_) => Code::AssetUnknown,
            Self::DuplicateAsset(_) => Code::AssetDuplicate,
            Self::OtherWay { .. } => Code::AssetOtherWay,
            Self::OtherAsset { .. } => Code::AssetMismatch,
            Self::Contradiction { .. } => Code::LogInvalid,
            Self::Release(error) => error.code(),
        }
    }
}

/// What `event`, caused by `actor`, does to `state` under `terms`.
///
/// # Errors
/// [`Illegal`] when the event is not permitted; the state stays as it is.
pub fn step(terms: &Terms, state: &State, actor: &Actor, event: &Event) -> Result<Step, Illegal> {
    rules::step(terms, state, actor, event)
}

#[cfg(test)]
mod tests;

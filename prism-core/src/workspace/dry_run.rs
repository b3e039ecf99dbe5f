//! What is still missing before a computation can run, and who owes it.

use std::collections::BTreeSet;
use std::fmt;

use super::account::Bound;
use super::computation::{Computation, Proposal, Stage};
use super::role::{ComputationAction, RoleAction as _};
use super::state::Workspace;
use crate::UnixSeconds;
use crate::manifest::draft::{Draft, DraftDataset};
use crate::manifest::{Manifest, Participant, Role};
use crate::name::Name;
use crate::strict;

/// One thing that is missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Missing {
    /// Nothing is proposed.
    Manifest,
    /// The draft names no digest for an asset.
    Digest {
        /// The participant who brings it.
        provider: Name,
        /// The asset, by its name or its field.
        asset: String,
    },
    /// The draft holds no key of a participant, but the name of a file.
    DraftKey {
        /// The participant.
        participant: Name,
    },
    /// A participant's key is no member's.
    Key {
        /// The participant.
        participant: Name,
    },
    /// A participant's organisation lacks a role in the computation.
    Role {
        /// The participant.
        participant: Name,
        /// Its organisation here.
        organisation: Name,
        /// What a role of it has to allow.
        action: ComputationAction,
    },
    /// A participant has not approved.
    Approval {
        /// The participant.
        participant: Name,
    },
    /// The manifest does not hold at this time.
    Current,
    /// The manifest permits no more runs.
    Runs,
    /// No registered agent is of an accepted platform and free; or the one that was asked for is not.
    Agent,
    /// The plan allows no more.
    Plan(Bound),
    /// A run of it has not ended.
    Ended,
}

impl Missing {
    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Manifest => "manifest.missing",
            Self::Digest { .. } => "digest.missing",
            Self::DraftKey { .. } => "key.missing",
            Self::Key { .. } => "key.unknown",
            Self::Role { .. } => "role.missing",
            Self::Approval { .. } => "approval.missing",
            Self::Current => "manifest.not-current",
            Self::Runs => "runs.used-up",
            Self::Agent => "agent.missing",
            Self::Plan(_) => "plan.exceeded",
            Self::Ended => "run.not-ended",
        }
    }

    /// Who owes it, in words: a participant of the manifest, or those who hold a role.
    #[must_use]
    pub fn owed_by(&self) -> String {
        match self {
            Self::Digest { provider, .. } => provider.to_string(),
            Self::DraftKey { participant } | Self::Key { participant } | Self::Approval { participant } => {
                participant.to_string()
            }
            Self::Manifest | Self::Current | Self::Runs => "whoever may edit the computation".to_owned(),
            Self::Role { .. } => "whoever administers the computation".to_owned(),
            Self::Agent => "whoever may register agents".to_owned(),
            Self::Plan(_) => "whoever may update the workspace".to_owned(),
            Self::Ended => "whoever runs the computation".to_owned(),
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("no manifest is proposed; complete the draft and propose its bytes"),
            Self::Digest { provider, asset } => write!(f, "{provider} has to give digest and size of {asset}"),
            Self::DraftKey { participant } => write!(f, "{participant} has to give its public key"),
            Self::Key { participant } => write!(f, "{participant}'s key is no member's; invite it or add the key"),
            Self::Role { participant, organisation, action } => {
                write!(f, "{organisation}, in the manifest {participant}, needs a role with {}", action.as_str())
            }
            Self::Approval { participant } => write!(f, "{participant} has to approve the manifest"),
            Self::Current => f.write_str("the manifest does not hold at this time; propose one that does"),
            Self::Runs => f.write_str("the manifest permits no more runs; propose a new one"),
            Self::Agent => f.write_str("no free agent of an accepted platform; register one"),
            Self::Plan(bound) => write!(f, "the plan bounds {bound}; choose another plan or wait"),
            Self::Ended => f.write_str("a run has not ended; report what the agent logged, stop it or give it up"),
        }
    }
}

impl Workspace {
    /// Everything that is missing before `computation` can run at `now`, on `agent` or on any; `None` if there is no
    /// such computation. A computation is only scheduled when this is empty.
    #[must_use]
    pub fn dry_run(&self, computation: &Name, agent: Option<&Name>, now: UnixSeconds) -> Option<Vec<Missing>> {
        let found = self.computations.get(computation)?;
        let mut missing = BTreeSet::new();
        match &found.proposal {
            Some(proposal) => self.missing_of(found, proposal, now, &mut missing),
            None => missing_of_draft(found, &mut missing),
        }
        if found.stage() == Stage::Scheduled {
            missing.insert(Missing::Ended);
        }
        let manifest = found.proposal.as_ref().map(Proposal::manifest);
        if !self.agents.keys().filter(|name| agent.is_none_or(|a| a == *name)).any(|name| self.agrees(name, manifest)) {
            missing.insert(Missing::Agent);
        }
        let limits = self.account.plan.limits();
        let exceeded = [
            (Bound::Computations, limits.computations.is_some_and(|max| self.running() >= u64::from(max))),
            (Bound::RunsAMonth, limits.runs_a_month.is_some_and(|max| self.runs_in_month(now) >= u64::from(max))),
            (Bound::RunSeconds, manifest.is_some_and(|m| runs_too_long(m, limits.run_seconds))),
        ];
        missing.extend(exceeded.into_iter().filter(|(_, yes)| *yes).map(|(bound, _)| Missing::Plan(bound)));
        Some(missing.into_iter().collect())
    }

    /// Whether an agent is free and of a platform that the manifest accepts.
    fn agrees(&self, agent: &Name, manifest: Option<&Manifest>) -> bool {
        let Some(agent) = self.agents.get(agent) else { return false };
        let accepted = |m: &Manifest| m.platform.accept.iter().any(|p| p.platform() == agent.platform.as_str());
        agent.computation.is_none() && manifest.is_none_or(accepted)
    }

    fn missing_of(&self, found: &Computation, proposal: &Proposal, now: UnixSeconds, missing: &mut BTreeSet<Missing>) {
        let manifest = proposal.manifest();
        missing.extend(proposal.missing().map(|name| Missing::Approval { participant: name.clone() }));
        if manifest.require_current(now).is_err() {
            missing.insert(Missing::Current);
        }
        if u32::try_from(found.runs_of(proposal)).is_ok_and(|runs| runs >= manifest.max_runs) {
            missing.insert(Missing::Runs);
        }
        for participant in &manifest.participants {
            self.missing_roles(found, manifest, participant, missing);
        }
    }

    fn missing_roles(&self, of: &Computation, terms: &Manifest, who: &Participant, missing: &mut BTreeSet<Missing>) {
        let Some(organisation) = self.member_with_key(&who.key.fingerprint()) else {
            missing.insert(Missing::Key { participant: who.name.clone() });
            return;
        };
        let allowed = self.computation_actions(of, organisation);
        let needed = terms.roles(who.name.as_str()).into_iter().map(|role| match role {
            Role::Owner => ComputationAction::Edit,
            Role::AlgorithmProvider => ComputationAction::AlgoProvider,
            Role::DatasetProvider => ComputationAction::DatasetProvider,
            Role::Consumer => ComputationAction::ResultConsumer,
            Role::Reviewer | Role::Auditor => ComputationAction::View,
        });
        missing.extend(needed.filter(|action| !allowed.contains(action)).map(|action| Missing::Role {
            participant: who.name.clone(),
            organisation: organisation.clone(),
            action,
        }));
    }
}

fn runs_too_long(manifest: &Manifest, most: Option<u64>) -> bool {
    most.is_some_and(|most| manifest.algorithm.limits.wall_seconds > most)
}

/// What a draft still needs before it can become a manifest without anybody's files.
fn missing_of_draft(computation: &Computation, missing: &mut BTreeSet<Missing>) {
    missing.insert(Missing::Manifest);
    let Some(text) = &computation.draft else { return };
    let Ok(draft) = strict::read::<Draft>(text.as_bytes(), super::DRAFT_MAX) else { return };
    for (name, participant) in &draft.participants {
        if participant.key.parse::<crate::key::PublicKey>().is_err() {
            missing.insert(Missing::DraftKey { participant: name.clone() });
        }
    }
    let algorithm = &draft.algorithm;
    let asset = |name: &Option<Name>, file: &Option<String>, what: &str| {
        name.as_ref().map(Name::to_string).or_else(|| file.clone()).unwrap_or_else(|| what.to_owned())
    };
    if algorithm.digest.is_none() || algorithm.size.is_none() {
        let asset = asset(&algorithm.name, &algorithm.file, "the algorithm");
        missing.insert(Missing::Digest { provider: algorithm.provider.clone(), asset });
    }
    for (place, DraftDataset { provider, name, file, digest, size, .. }) in draft.datasets.iter().enumerate() {
        if digest.is_none() || size.is_none() {
            let asset = asset(name, file, &format!("dataset[{place}]"));
            missing.insert(Missing::Digest { provider: provider.clone(), asset });
        }
    }
}

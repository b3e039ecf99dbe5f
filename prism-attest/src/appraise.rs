//! Is the machine wanted? Any one profile of the policy has to hold whole.

use std::fmt::{self, Display};

use prism_core::manifest::platform::{PlatformPolicy, Profile};

use crate::evidence::Platform;
use crate::facts::Facts;
use crate::finding::{Check, Findings, Notes, Stop};
use crate::platform::{azure, snp, tdx};
use crate::roots::Assurance;
use crate::verify::Claims;
use crate::window::Window;

/// What the policy says about a genuine machine.
#[derive(Clone, Debug)]
pub struct Appraisal {
    findings: Findings,
    window: Option<Window>,
}

impl Appraisal {
    /// If a profile holds, its findings; else those of every profile for this kind of machine.
    #[must_use]
    pub const fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Whether some profile holds whole.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.window.is_some()
    }

    /// When the profile that holds does so: the dates that the machine stands on, and before a period of grace ends.
    #[must_use]
    pub const fn window(&self) -> Option<Window> {
        self.window
    }
}

/// Compares a genuine machine with the policy.
#[must_use]
pub fn appraise(claims: &Claims, policy: &PlatformPolicy) -> Appraisal {
    let mut notes = Notes::default();
    let window = note(claims, policy, &mut notes);
    Appraisal { findings: notes.into_findings(), window }
}

/// Notes the conditions of the profile that holds, or of all that do not, and returns when one holds, if one does now.
pub(crate) fn note(claims: &Claims, policy: &PlatformPolicy, notes: &mut Notes) -> Option<Window> {
    let before = notes.len();
    for (at, profile) in policy.accept.iter().enumerate() {
        let unmet = notes.len();
        if notes.of_profile(at, |notes| compare(claims, profile, notes)) && notes.len() > unmet {
            notes.forget(before, unmet);
            return Some(claims.window.intersect(grace(claims, profile)));
        }
    }
    if notes.len() == before {
        notes.check(Check::PlatformAccepted, false, names(policy), claims.platform);
    }
    None
}

/// Until when the profile bears with a machine that is out of date.
fn grace(claims: &Claims, profile: &Profile) -> Window {
    let policy = match profile {
        Profile::Tdx(policy) => policy,
        Profile::SimulatedTdx(simulated) => &simulated.tdx,
        Profile::AzureTdx(azure) => &azure.tdx,
        _ => return Window::ALWAYS,
    };
    claims.facts.tdx().map_or(Window::ALWAYS, |found| tdx::grace(found, policy))
}

/// Notes every condition of a profile for this kind of machine; nothing for a profile of another kind.
fn compare(claims: &Claims, profile: &Profile, notes: &mut Notes) {
    let event_log = claims.event_log.as_deref();
    match (profile, claims.assurance, &claims.facts) {
        (Profile::Snp(snp), Assurance::Hardware | Assurance::Custom(_), Facts::Snp(found)) => {
            snp::appraise(found, snp, notes);
        }
        (Profile::Simulated(simulated), Assurance::Simulated(root), Facts::Snp(found)) => {
            notes.check(Check::SimulatedRoot, simulated.root == root, simulated.root, root);
            snp::appraise(found, &simulated.snp, notes);
        }
        (Profile::Tdx(tdx), Assurance::Hardware | Assurance::Custom(_), Facts::Tdx(found)) => {
            tdx::appraise(found, event_log, tdx, claims.now, notes);
        }
        (Profile::SimulatedTdx(simulated), Assurance::Simulated(root), Facts::Tdx(found)) => {
            notes.check(Check::SimulatedRoot, simulated.root == root, simulated.root, root);
            tdx::appraise(found, event_log, &simulated.tdx, claims.now, notes);
        }
        (Profile::AzureSnp(policy), Assurance::Hardware | Assurance::Custom(_), Facts::AzureSnp(found)) => {
            snp::appraise(found.snp(), &policy.snp, notes);
            azure::appraise(found.vtpm(), event_log, &policy.vtpm, notes);
        }
        (Profile::AzureTdx(policy), Assurance::Hardware | Assurance::Custom(_), Facts::AzureTdx(found)) => {
            tdx::appraise(found.tdx(), None, &policy.tdx, claims.now, notes);
            azure::appraise(found.vtpm(), event_log, &policy.vtpm, notes);
        }
        _ => {}
    }
}

/// Notes whether the policy names the platform at all.
pub(crate) fn check_accepted(platform: Platform, policy: &PlatformPolicy, notes: &mut Notes) -> Result<(), Stop> {
    let accepted = policy.accept.iter().any(|profile| profile.platform() == platform.name());
    notes.need(Check::PlatformAccepted, accepted, names(policy), platform)
}

/// The kinds of machine that the policy names, each once.
fn names(policy: &PlatformPolicy) -> impl Display {
    fmt::from_fn(move |f| {
        let platforms = policy.accept.iter().map(Profile::platform).enumerate();
        for (at, platform) in platforms {
            let named = policy.accept.iter().take(at).any(|earlier| earlier.platform() == platform);
            if !named {
                write!(f, "{}{platform}", if at == 0 { "" } else { " or " })?;
            }
        }
        Ok(())
    })
}

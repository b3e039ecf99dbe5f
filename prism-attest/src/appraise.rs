//! Is the machine wanted? Any one profile of the policy has to hold whole.

use prism_core::manifest::platform::{PlatformPolicy, Profile};

use crate::evidence::Platform;
use crate::finding::{Check, Finding, Notes, Stop};
use crate::platform::snp;
use crate::roots::Assurance;
use crate::verify::{Claims, Facts};

/// What the policy says about a genuine machine.
#[derive(Clone, Debug)]
pub struct Appraisal {
    findings: Vec<Finding>,
    wanted: bool,
}

impl Appraisal {
    /// If a profile holds, its findings; else those of every profile for this kind of machine.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether some profile holds whole.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.wanted
    }

    pub(crate) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// Compares a genuine machine with the policy.
#[must_use]
pub fn appraise(claims: &Claims, policy: &PlatformPolicy) -> Appraisal {
    let mut unmet = Vec::new();
    for (at, profile) in policy.accept.iter().enumerate() {
        let mut notes = Notes::of_profile(at);
        match (profile, claims.assurance, &claims.facts) {
            (Profile::Snp(snp), Assurance::Hardware | Assurance::Custom(_), Facts::Snp(found)) => {
                snp::appraise(found, snp, &mut notes);
            }
            (Profile::Simulated(simulated), Assurance::Simulated(root), Facts::Snp(found)) => {
                notes.check(Check::SimulatedRoot, simulated.root == root, simulated.root, root);
                snp::appraise(found, &simulated.snp, &mut notes);
            }
            _ => continue,
        }
        if notes.all_hold() {
            return Appraisal { findings: notes.into_findings(), wanted: true };
        }
        unmet.extend(notes.into_findings());
    }
    if unmet.is_empty() {
        let mut notes = Notes::default();
        if check_accepted(claims.platform, policy, &mut notes).is_err() {
            unmet = notes.into_findings();
        }
    }
    Appraisal { findings: unmet, wanted: false }
}

/// Notes whether the policy names the platform at all.
pub(crate) fn check_accepted(platform: Platform, policy: &PlatformPolicy, notes: &mut Notes) -> Result<(), Stop> {
    let accepted = policy.accept.iter().any(|profile| profile.platform() == platform.name());
    let mut names: Vec<_> = policy.accept.iter().map(Profile::platform).collect();
    names.dedup();
    notes.need(Check::PlatformAccepted, accepted, names.join(" or "), platform)
}

//! Is this machine real, and is it the one we agreed on?
//!
//! Two questions and the one type they earn: [`verify()`] asks whether evidence is genuine (certificates, dates,
//! revocation, signature over the bytes as received), [`appraise()`] whether the machine is wanted (the participants'
//! policy), and [`judge`] both, and whether it is *ours*: bound to this agent, this channel and this moment. Its
//! [`Verdict`] lists every condition; only a good one becomes [`Trust`].
//!
//! No socket, file, clock or environment is used: the same inputs and the same `now` give the same verdict, on a laptop
//! and in court five years on.
//!
//! This crate does not fetch certificates, does not ask a machine for evidence, and does not
//! open channels; `prism-agent` does.
//!
//! ---
#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod appraise;
pub mod audit;
pub mod binding;
mod cbor;
pub mod cmw;
mod crypto;
pub mod dice;
pub mod draft;
pub mod ear;
pub mod endorsements;
pub mod evidence;
mod facts;
pub mod finding;
pub mod measure;
pub mod platform;
mod prepared;
pub mod replay;
pub mod roots;
mod tpm;
pub mod verdict;
pub mod verify;
pub mod window;
mod x509;

use prism_core::manifest::platform::PlatformPolicy;

pub use self::appraise::{Appraisal, appraise};
pub use self::binding::{AgentBinding, ExpectedBinding, ReportData, SessionBinding};
pub use self::draft::{PolicyDraft, policy_from};
pub use self::endorsements::{Endorsements, SignedJson, SnpEndorsements, TdxEndorsements};
pub use self::evidence::{Evidence, Platform};
pub use self::facts::Facts;
pub use self::finding::{Check, Finding, Findings, Stage};
pub use self::platform::azure::{
    AzureEvidence, AzureEvidenceError, AzureQuote, AzureSnpClaims, AzureTdxClaims, AzureVm, VtpmClaims,
};
pub use self::platform::snp::{ChipId, SnpClaims};
pub use self::platform::tdx::{TdxClaims, TdxLevel, TdxTcb};
pub use self::prepared::Prepared;
pub use self::roots::{Assurance, Roots, Vendor};
pub use self::tpm::ClockInfo;
pub use self::verdict::{Refusal, Summary, Trust, Verdict};
pub use self::verify::{Claims, VerifyError, verify};
pub use self::window::Window;

use self::finding::Notes;

/// Judges evidence under the built-in roots and the simulators that the policy names, at `now` (Unix seconds).
#[must_use]
pub fn judge(
    evidence: &Evidence,
    endorsements: &Endorsements,
    policy: &PlatformPolicy,
    expected: &ExpectedBinding,
    now: u64,
) -> Verdict {
    Case { evidence, endorsements, policy, expected, now }.judge_under(&Roots::built_in())
}

/// Everything that a verdict depends on, but the roots.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What the machine signed.
    pub evidence: &'a Evidence,
    /// What the vendor vouches for.
    pub endorsements: &'a Endorsements,
    /// What the participants accept.
    pub policy: &'a PlatformPolicy,
    /// What the signed bytes have to stand for.
    pub expected: &'a ExpectedBinding,
    /// The time in Unix seconds.
    pub now: u64,
}

impl Case<'_> {
    /// Judges under these roots and the simulators that the policy names: for private laboratories and tests. Verdicts
    /// under a root that is not built in say so.
    #[must_use]
    pub fn judge_under(&self, roots: &Roots) -> Verdict {
        let mut notes = Notes::after(&Findings::default());
        let roots = roots.clone().with_simulators_of(self.policy);
        let (evidence, now) = (self.evidence, self.now);
        let question = verify::Question { evidence, endorsements: self.endorsements, roots: &roots, now };
        let claims = verify::check_supported(evidence.platform(), &mut notes)
            .and_then(|()| appraise::check_accepted(evidence.platform(), self.policy, &mut notes))
            .and_then(|()| question.answer(&mut notes));
        Verdict::conclude((evidence, now), claims.ok(), notes, self.policy, self.expected)
    }

    /// Verifies the endorsements under the roots that [`judge_under`](Self::judge_under) would take, for this evidence and
    /// whatever else comes from the same machine under the same policy.
    ///
    /// # Errors
    /// [`VerifyError`] with the first condition that fails; a verdict has the others as well.
    pub fn prepare_under(&self, roots: &Roots) -> Result<Prepared, VerifyError> {
        let roots = roots.clone().with_simulators_of(self.policy);
        let prepared = Prepared::new(self.evidence.platform(), self.endorsements, &roots, self.now)?;
        // Evidence that does not hold is said so by its verdict.
        Ok(prepared.admit(self.evidence, self.now).unwrap_or(prepared))
    }
}

//! Is the machine genuine? Certificates, signature, revocation; the first failure ends it.

use std::sync::Arc;

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use serde::Serialize;

use crate::endorsements::Endorsements;
use crate::evidence::{Evidence, Platform};
use crate::facts::Facts;
use crate::finding::{Check, Findings, Notes, Stop};
use crate::platform::azure::VtpmClaims;
use crate::platform::snp::{self, SnpClaims};
use crate::platform::tdx::{self, TdxClaims};
use crate::roots::{Assurance, Roots};
use crate::window::Window;

/// Verified facts about a machine: genuine, not yet appraised. Only [`verify()`] makes them.
///
/// ```compile_fail
/// let claims: prism_attest::Claims = Default::default();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    pub(crate) platform: Platform,
    pub(crate) assurance: Assurance,
    pub(crate) evidence: Digest,
    pub(crate) now: u64,
    pub(crate) window: Window,
    pub(crate) facts: Facts,
    /// As it came: nothing in it is believed before an appraisal has compared it with the registers.
    #[serde(skip)]
    pub(crate) event_log: Option<Arc<[u8]>>,
}

impl Claims {
    /// The kind of machine.
    #[must_use]
    pub const fn platform(&self) -> Platform {
        self.platform
    }

    /// Whose word stands behind the machine.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        self.assurance
    }

    /// SHA-256 of the evidence.
    #[must_use]
    pub const fn evidence(&self) -> Digest {
        self.evidence
    }

    /// The time of verification in Unix seconds.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// When everything that vouches for the machine is within its dates.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }

    /// What the machine said.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What an SEV-SNP machine said; a simulated machine says the same, and one on Azure says it of its paravisor.
    #[must_use]
    pub fn as_snp(&self) -> Option<&SnpClaims> {
        self.facts.snp()
    }

    /// What a TDX machine said; a simulated machine says the same, and one on Azure says it of its paravisor.
    #[must_use]
    pub fn as_tdx(&self) -> Option<&TdxClaims> {
        self.facts.tdx()
    }

    /// What the virtual TPM of a machine on Azure said.
    #[must_use]
    pub fn as_vtpm(&self) -> Option<&VtpmClaims> {
        self.facts.vtpm()
    }
}

/// The evidence is not genuine. The findings end with the reason.
#[derive(Clone, Debug, thiserror::Error)]
#[error("expected genuine evidence, found a fault: {}", self.reason())]
pub struct VerifyError {
    findings: Findings,
}

impl VerifyError {
    pub(crate) fn new(notes: Notes) -> Self {
        Self { findings: notes.into_findings() }
    }

    /// Every condition that was looked at; the last one failed.
    #[must_use]
    pub const fn findings(&self) -> &Findings {
        &self.findings
    }

    fn reason(&self) -> String {
        self.findings.last().map_or_else(String::new, |finding| finding.to_string())
    }
}

impl Coded for VerifyError {
    fn code(&self) -> Code {
        match self.findings.last().map(|finding| finding.check) {
            Some(Check::PlatformSupported) => Code::PlatformUnsupported,
            _ => Code::EvidenceRefused,
        }
    }
}

/// Verifies that the evidence is genuine at `now` (Unix seconds), under one of these roots.
///
/// # Errors
/// [`VerifyError`] with the first condition that fails.
pub fn verify(
    evidence: &Evidence,
    endorsements: &Endorsements,
    roots: &Roots,
    now: u64,
) -> Result<Claims, VerifyError> {
    let mut notes = Notes::default();
    let question = Question { evidence, endorsements, roots, now };
    let claims = check_supported(evidence.platform(), &mut notes).and_then(|()| question.answer(&mut notes));
    claims.map_err(|Stop| VerifyError::new(notes))
}

/// Notes whether this version verifies such evidence at all.
pub(crate) fn check_supported(platform: Platform, notes: &mut Notes) -> Result<(), Stop> {
    // A name whose evidence nothing here verifies yet is refused until it stands in this list.
    let supported = matches!(
        platform,
        Platform::Snp
            | Platform::Tdx
            | Platform::AzureSnp
            | Platform::AzureTdx
            | Platform::Simulated
            | Platform::SimulatedTdx
    );
    let found = if supported { "" } else { ": not supported in this version of Prism" };
    let expected = "a platform that this version verifies";
    notes.need(Check::PlatformSupported, supported, expected, format_args!("{platform}{found}"))
}

/// The four things that verification looks at.
pub(crate) struct Question<'a> {
    pub(crate) evidence: &'a Evidence,
    pub(crate) endorsements: &'a Endorsements,
    pub(crate) roots: &'a Roots,
    pub(crate) now: u64,
}

impl Question<'_> {
    pub(crate) fn answer(&self, notes: &mut Notes) -> Result<Claims, Stop> {
        let platform = self.evidence.platform();
        let (facts, assurance, window) = match platform {
            Platform::Tdx | Platform::AzureTdx | Platform::SimulatedTdx => self.answer_tdx(notes)?,
            _ => self.answer_snp(notes)?,
        };
        let (evidence, event_log) = (self.evidence.digest(), self.evidence.shared_event_log());
        Ok(Claims { platform, assurance, evidence, now: self.now, window, facts, event_log })
    }

    fn answer_snp(&self, notes: &mut Notes) -> Result<(Facts, Assurance, Window), Stop> {
        let platform = self.evidence.platform();
        let endorsements = snp::endorsements(self.endorsements, notes)?;
        let verify = |report: &[u8], notes: &mut Notes| {
            let question = snp::Question { platform, report, endorsements, roots: self.roots, now: self.now };
            snp::verify(&question, notes).map(|(claims, assurance, window)| (claims, (assurance, window)))
        };
        let (facts, (assurance, window)) = Facts::of_snp(self.evidence, verify, notes)?;
        Ok((facts, assurance, window))
    }

    fn answer_tdx(&self, notes: &mut Notes) -> Result<(Facts, Assurance, Window), Stop> {
        let platform = self.evidence.platform();
        let endorsements = tdx::endorsements(self.endorsements, notes)?;
        let verify = |quote: &[u8], notes: &mut Notes| {
            let question = tdx::Question { platform, quote, endorsements, roots: self.roots, now: self.now };
            tdx::verify(&question, notes).map(|(claims, assurance, window)| (claims, (assurance, window)))
        };
        let (facts, (assurance, window)) = Facts::of_tdx(self.evidence, verify, notes)?;
        Ok((facts, assurance, window))
    }
}

//! Is the machine genuine? Certificates, signature, revocation; the first failure ends it.

use std::fmt;

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use serde::Serialize;

use crate::endorsements::Endorsements;
use crate::evidence::{Evidence, Platform};
use crate::finding::{Check, Findings, Notes, Stop};
use crate::platform::azure::{self, AzureSnpClaims, VtpmClaims};
use crate::platform::snp::{self, SnpClaims};
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
}

/// What the machine itself said, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Facts {
    /// An SEV-SNP machine's; a simulated one says the same.
    Snp(Box<SnpClaims>),
    /// An SEV-SNP machine's on Azure, and its virtual TPM's.
    AzureSnp(Box<AzureSnpClaims>),
}

impl Facts {
    /// The bytes that the machine signed for the program inside: 64, or whatever a TPM was given.
    pub(crate) fn report_data(&self) -> &[u8] {
        match self {
            Self::Snp(claims) => claims.report_data(),
            Self::AzureSnp(claims) => claims.vtpm().nonce(),
        }
    }
}

impl Facts {
    /// What people look at first, a line each.
    pub(crate) fn write_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snp(claims) => {
                writeln!(f, "  product   {}", claims.product())?;
                writeln!(f, "  measured  {}", claims.measurement())
            }
            Self::AzureSnp(claims) => {
                writeln!(f, "  product   {}", claims.snp().product())?;
                writeln!(f, "  paravisor {}", claims.snp().measurement())?;
                writeln!(f, "  machine   {}", claims.vtpm().vm().id)
            }
        }
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snp(claims) => {
                let (product, chip) = (claims.product(), claims.chip_id());
                write!(f, "SEV-SNP {product}, chip {chip}, measurement {}", claims.measurement())
            }
            Self::AzureSnp(claims) => {
                let (product, vm) = (claims.snp().product(), claims.vtpm().vm());
                write!(f, "SEV-SNP {product} on Azure, machine {}, paravisor {}", vm.id, claims.snp().measurement())
            }
        }
    }
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
        match &self.facts {
            Facts::Snp(claims) => Some(claims),
            Facts::AzureSnp(claims) => Some(claims.snp()),
        }
    }

    /// What the virtual TPM of a machine on Azure said.
    #[must_use]
    pub fn as_vtpm(&self) -> Option<&VtpmClaims> {
        match &self.facts {
            Facts::Snp(_) => None,
            Facts::AzureSnp(claims) => Some(claims.vtpm()),
        }
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
    let supported = matches!(platform, Platform::Snp | Platform::AzureSnp | Platform::Simulated);
    let found = if supported { "" } else { ": not supported in this version of Prism" };
    notes.need(Check::PlatformSupported, supported, "snp, azure-snp or simulated", format_args!("{platform}{found}"))
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
        let endorsements = snp::endorsements(self.endorsements, notes)?;
        let verify = |report: &[u8], notes: &mut Notes| {
            let question = snp::Question { platform, report, endorsements, roots: self.roots, now: self.now };
            snp::verify(&question, notes).map(|(snp, assurance, window)| (snp, (assurance, window)))
        };
        let (facts, (assurance, window)) = snp_facts(self.evidence, verify, notes)?;
        Ok(Claims { platform, assurance, evidence: self.evidence.digest(), now: self.now, window, facts })
    }
}

/// What an SEV-SNP machine said, on Azure or not. `verify` verifies the processor's report, and may say more than it.
pub(crate) fn snp_facts<T>(
    evidence: &Evidence,
    verify: impl FnOnce(&[u8], &mut Notes) -> Result<(SnpClaims, T), Stop>,
    notes: &mut Notes,
) -> Result<(Facts, T), Stop> {
    if evidence.platform() == Platform::AzureSnp {
        let (claims, more) = azure::verify_snp(evidence.bytes(), verify, notes)?;
        return Ok((Facts::AzureSnp(Box::new(claims)), more));
    }
    let (claims, more) = verify(evidence.bytes(), notes)?;
    Ok((Facts::Snp(Box::new(claims)), more))
}

//! Is the machine genuine? Certificates, signature, revocation; the first failure ends it.

use std::fmt;

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use serde::Serialize;

use crate::endorsements::Endorsements;
use crate::evidence::{Evidence, Platform};
use crate::finding::{Check, Findings, Notes, Stop};
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
}

/// What the machine itself said, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Facts {
    /// An SEV-SNP machine's; a simulated one says the same.
    Snp(Box<SnpClaims>),
    /// A TDX machine's; a simulated one says the same.
    Tdx(Box<TdxClaims>),
}

impl Facts {
    /// The 64 bytes that the machine signed for the program inside.
    pub(crate) fn report_data(&self) -> &[u8; 64] {
        match self {
            Self::Snp(claims) => claims.report_data(),
            Self::Tdx(claims) => claims.report_data(),
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
            Self::Tdx(claims) => {
                writeln!(f, "  status    {}", claims.tcb().status)?;
                writeln!(f, "  measured  {}", claims.mrtd())
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
            Self::Tdx(claims) => {
                let (kind, status) = (claims.fmspc(), claims.tcb().status);
                write!(f, "TDX {kind}, {status}, processor {}, MRTD {}", claims.ppid(), claims.mrtd())
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

    /// What an SEV-SNP machine said; a simulated machine says the same.
    #[must_use]
    pub fn as_snp(&self) -> Option<&SnpClaims> {
        match &self.facts {
            Facts::Snp(claims) => Some(claims),
            Facts::Tdx(_) => None,
        }
    }

    /// What a TDX machine said; a simulated machine says the same.
    #[must_use]
    pub fn as_tdx(&self) -> Option<&TdxClaims> {
        match &self.facts {
            Facts::Tdx(claims) => Some(claims),
            Facts::Snp(_) => None,
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
    let supported = matches!(platform, Platform::Snp | Platform::Tdx | Platform::Simulated | Platform::SimulatedTdx);
    let found = if supported { "" } else { ": not supported in this version of Prism" };
    let expected = "snp, tdx, simulated or simulated-tdx";
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
            Platform::Tdx | Platform::SimulatedTdx => self.answer_tdx(notes)?,
            _ => self.answer_snp(notes)?,
        };
        Ok(Claims { platform, assurance, evidence: self.evidence.digest(), now: self.now, window, facts })
    }

    fn answer_snp(&self, notes: &mut Notes) -> Result<(Facts, Assurance, Window), Stop> {
        let (platform, report) = (self.evidence.platform(), self.evidence.bytes());
        let endorsements = snp::endorsements(self.endorsements, notes)?;
        let question = snp::Question { platform, report, endorsements, roots: self.roots, now: self.now };
        let (claims, assurance, window) = snp::verify(&question, notes)?;
        Ok((Facts::Snp(Box::new(claims)), assurance, window))
    }

    fn answer_tdx(&self, notes: &mut Notes) -> Result<(Facts, Assurance, Window), Stop> {
        let (platform, quote) = (self.evidence.platform(), self.evidence.bytes());
        let endorsements = tdx::endorsements(self.endorsements, notes)?;
        let question = tdx::Question { platform, quote, endorsements, roots: self.roots, now: self.now };
        let (claims, assurance, window) = tdx::verify(&question, notes)?;
        Ok((Facts::Tdx(Box::new(claims)), assurance, window))
    }
}

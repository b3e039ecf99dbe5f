//! Endorsements verified once, for as many evidences of the same machine as come.
//!
//! ```
//! use prism_attest::{Claims, Endorsements, Evidence, Platform, Prepared, Roots};
//!
//! fn watch(vouching: &Endorsements, reports: Vec<Vec<u8>>, now: u64) -> Result<Vec<Claims>, Box<dyn std::error::Error>> {
//!     let prepared = Prepared::new(Platform::Snp, vouching, &Roots::built_in(), now)?;
//!     let look = |report| Ok(prepared.verify(&Evidence::new(Platform::Snp, report)?, now)?);
//!     reports.into_iter().map(look).collect()
//! }
//! ```

use std::sync::Arc;

use prism_core::UnixSeconds;
use prism_core::manifest::platform::PlatformPolicy;

use crate::appraise;
use crate::binding::ExpectedBinding;
use crate::endorsements::Endorsements;
use crate::evidence::{Evidence, Platform};
use crate::facts::Facts;
use crate::finding::{Check, Findings, Notes, Stop};
use crate::platform::{azure, snp, tdx};
use crate::roots::{Assurance, Roots};
use crate::verdict::Verdict;
use crate::verify::{Claims, VerifyError, check_supported};
use crate::window::Window;

/// Endorsements whose certificates, lists and dates were verified. Each later verification costs the evidence's own
/// signatures and compares the dates again. Cheap to clone, and shared between threads without a lock.
#[derive(Clone, Debug)]
pub struct Prepared {
    platform: Platform,
    parts: Arc<Parts>,
    findings: Arc<Findings>,
}

#[derive(Debug)]
enum Parts {
    Snp(Box<snp::Prepared>),
    Tdx(Box<tdx::Prepared>),
}

impl Prepared {
    /// Verifies the endorsements of one machine at `now` (Unix seconds) under one of these roots.
    ///
    /// # Errors
    /// [`VerifyError`] with the first condition that fails.
    pub fn new(
        platform: Platform,
        endorsements: &Endorsements,
        roots: &Roots,
        now: UnixSeconds,
    ) -> Result<Self, VerifyError> {
        let mut notes = Notes::default();
        let parts = prepare(platform, endorsements, roots, now, &mut notes);
        match parts {
            Ok(parts) => Ok(Self { platform, parts: Arc::new(parts), findings: notes.into_findings().into() }),
            Err(Stop) => Err(VerifyError::new(notes)),
        }
    }

    /// Also verifies, at `now`, the certificate of the TDX machine that made this evidence, so that its later evidence
    /// costs its own two signatures; that of other machines goes on to cost one more. Of other kinds of machine, the
    /// certificate is among the endorsements already.
    ///
    /// # Errors
    /// [`VerifyError`] with the first condition that fails. The signatures of this evidence are not looked at.
    pub fn admit(&self, evidence: &Evidence, now: UnixSeconds) -> Result<Self, VerifyError> {
        let mut notes = Notes::after(&self.findings);
        let Parts::Tdx(prepared) = &*self.parts else { return Ok(self.clone()) };
        match admit(prepared, evidence, now, &mut notes) {
            Ok(prepared) => {
                let parts = Arc::new(Parts::Tdx(Box::new(prepared)));
                Ok(Self { platform: self.platform, parts, findings: Arc::new(notes.into_findings()) })
            }
            Err(Stop) => Err(VerifyError::new(notes)),
        }
    }

    /// Verifies that the evidence is genuine at `now`: as [`verify`](crate::verify()) does under the same endorsements.
    ///
    /// # Errors
    /// [`VerifyError`] with the first condition that fails.
    pub fn verify(&self, evidence: &Evidence, now: UnixSeconds) -> Result<Claims, VerifyError> {
        let mut notes = Notes::default();
        self.answer(evidence, now, &mut notes).map_err(|Stop| VerifyError::new(notes))
    }

    /// Judges evidence as [`judge`](crate::judge) does. A simulator's root has to be among the roots that the
    /// endorsements were prepared under.
    #[must_use]
    pub fn judge(
        &self,
        evidence: &Evidence,
        policy: &PlatformPolicy,
        expected: &ExpectedBinding,
        now: UnixSeconds,
    ) -> Verdict {
        let mut notes = Notes::after(&self.findings);
        let claims = appraise::check_accepted(self.platform, policy, &mut notes)
            .and_then(|()| self.answer(evidence, now, &mut notes));
        Verdict::conclude((evidence, now), claims.ok(), notes, policy, expected)
    }

    /// When all that was verified is within its dates.
    #[must_use]
    pub fn window(&self) -> Window {
        match &*self.parts {
            Parts::Snp(prepared) => prepared.window(),
            Parts::Tdx(prepared) => prepared.window(),
        }
    }

    /// Whose word stands behind the machine.
    #[must_use]
    pub fn assurance(&self) -> Assurance {
        match &*self.parts {
            Parts::Snp(prepared) => prepared.assurance(),
            Parts::Tdx(prepared) => prepared.assurance(),
        }
    }

    fn answer(&self, evidence: &Evidence, now: UnixSeconds, notes: &mut Notes) -> Result<Claims, Stop> {
        let same = evidence.platform() == self.platform;
        notes.need(Check::EndorsementsKind, same, self.platform, evidence.platform())?;
        let (facts, window) = match &*self.parts {
            Parts::Snp(prepared) => {
                let verify = |report: &[u8], notes: &mut Notes| {
                    let report = snp::Report::read(report, notes)?;
                    Ok((prepared.verify(&report, now, notes)?, prepared.window()))
                };
                Facts::of_snp(evidence, verify, notes)?
            }
            Parts::Tdx(prepared) => {
                let verify = |quote: &[u8], notes: &mut Notes| {
                    let quote = tdx::Quote::read(quote, prepared.has_machine(), notes)?;
                    prepared.verify(&quote, now, notes)
                };
                Facts::of_tdx(evidence, verify, notes)?
            }
        };
        let (platform, assurance, event_log) = (self.platform, self.assurance(), evidence.shared_event_log());
        Ok(Claims { platform, assurance, evidence: evidence.digest(), now, window, facts, event_log })
    }
}

fn prepare(
    platform: Platform,
    endorsements: &Endorsements,
    roots: &Roots,
    now: UnixSeconds,
    notes: &mut Notes,
) -> Result<Parts, Stop> {
    check_supported(platform, notes)?;
    if matches!(platform, Platform::Tdx | Platform::AzureTdx | Platform::SimulatedTdx) {
        let endorsements = tdx::endorsements(endorsements, notes)?;
        let prepared = tdx::Prepared::new(tdx::Source { platform, endorsements, roots, now }, notes)?;
        return Ok(Parts::Tdx(Box::new(prepared)));
    }
    let parts = snp::endorsements(endorsements, notes)?;
    let source = snp::Source { platform, endorsements: parts, roots, now };
    Ok(Parts::Snp(Box::new(snp::Prepared::new(source, notes)?)))
}

fn admit(
    prepared: &tdx::Prepared,
    evidence: &Evidence,
    now: UnixSeconds,
    notes: &mut Notes,
) -> Result<tdx::Prepared, Stop> {
    let quote = azure::processor_quote(evidence, notes)?;
    let quote = tdx::Quote::read(&quote, prepared.has_machine(), notes)?;
    prepared.admit(&quote, now, notes)
}

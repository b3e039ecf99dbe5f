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
use crate::finding::{Check, Findings, Notes, Stop};
use crate::platform::snp;
use crate::roots::{Assurance, Roots};
use crate::verdict::Verdict;
use crate::verify::{Claims, VerifyError, check_supported, snp_facts};
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
    Snp(snp::Prepared),
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
        }
    }

    /// Whose word stands behind the machine.
    #[must_use]
    pub fn assurance(&self) -> Assurance {
        match &*self.parts {
            Parts::Snp(prepared) => prepared.assurance(),
        }
    }

    fn answer(&self, evidence: &Evidence, now: UnixSeconds, notes: &mut Notes) -> Result<Claims, Stop> {
        let same = evidence.platform() == self.platform;
        notes.need(Check::EndorsementsKind, same, self.platform, evidence.platform())?;
        let facts = match &*self.parts {
            Parts::Snp(prepared) => {
                let verify = |report: &[u8], notes: &mut Notes| {
                    let report = snp::Report::read(report, notes)?;
                    prepared.verify(&report, now, notes).map(|claims| (claims, ()))
                };
                snp_facts(evidence, verify, notes)?.0
            }
        };
        let (platform, assurance, window) = (self.platform, self.assurance(), self.window());
        Ok(Claims { platform, assurance, evidence: evidence.digest(), now, window, facts })
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
    let parts = snp::endorsements(endorsements, notes)?;
    let source = snp::Source { platform, endorsements: parts, roots, now };
    snp::Prepared::new(source, notes).map(Parts::Snp)
}

//! The trustworthiness vector (draft-ietf-rats-ar4si, section 2.3): what a verdict's findings say about each aspect.

use prism_core::manifest::platform::TdxStatus;

use crate::finding::{Check, Finding, Stage};
use crate::platform::snp::SnpClaims;
use crate::platform::tdx::TdxClaims;
use crate::roots::Assurance;
use crate::verdict::Verdict;
use crate::verify::Claims;

const AFFIRMING: i8 = 2;
const APPROVED_BOOT: i8 = 3;
const VULNERABLE: i8 = 32;
/// The first value of the tier's non-standard reasons: under a root that is not the vendor's.
const CALLERS_ROOT: i8 = -33;
const CONTRAINDICATED: i8 = 96;
const UNRECOGNIZED: i8 = 97;
const NOT_GENUINE: i8 = 99;

/// The checks of what was launched.
const LAUNCHED: [Check; 7] =
    [Check::Measurement, Check::MrTd, Check::Rtmr0, Check::Rtmr1, Check::Rtmr2, Check::Rtmr3, Check::Pcr];
/// Those without which something of the boot was not looked at: the rest are firmware's settings and what came later.
const BOOTED: [Check; 4] = [Check::Measurement, Check::MrTd, Check::Rtmr1, Check::Rtmr2];
/// The checks of which machine it is.
const MACHINE: [Check; 2] = [Check::ChipId, Check::Ppid];

/// How far something may be trusted (section 2.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tier {
    /// Nothing is said.
    None,
    /// It is affirmed.
    Affirming,
    /// There is a warning.
    Warning,
    /// It is not to be trusted.
    Contraindicated,
}

impl Tier {
    /// The word for it in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Affirming => "affirming",
            Self::Warning => "warning",
            Self::Contraindicated => "contraindicated",
        }
    }

    /// The number for it in CBOR.
    pub(super) const fn value(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Affirming => 2,
            Self::Warning => 32,
            Self::Contraindicated => 96,
        }
    }

    const fn of(value: i8) -> Self {
        match value {
            -1..=1 => Self::None,
            -32..=31 => Self::Affirming,
            -96..=95 => Self::Warning,
            _ => Self::Contraindicated,
        }
    }
}

/// What is said about each aspect; `None` is no word about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustVector {
    /// Which machine it is.
    pub instance_identity: Option<i8>,
    /// How it is set up.
    pub configuration: Option<i8>,
    /// What was launched.
    pub executables: Option<i8>,
    /// Hardware and firmware.
    pub hardware: Option<i8>,
    /// Whether memory is hidden from outside.
    pub runtime_opaque: Option<i8>,
}

impl TrustVector {
    pub(super) fn of(verdict: &Verdict) -> Self {
        let Some(claims) = verdict.claims() else {
            return Self { hardware: Some(not_genuine(verdict)), ..Self::default() };
        };
        let unmet = |checks: &[Check]| verdict.findings().unmet().any(|finding| checks.contains(&finding.check));
        let others = |finding: &Finding| {
            let elsewhere = LAUNCHED.contains(&finding.check) || MACHINE.contains(&finding.check);
            finding.check.stage() == Stage::Policy && !elsewhere
        };
        let configured = !verdict.findings().unmet().any(|finding| others(&finding));
        // Under a TPM the processor measures the paravisor only, and which registers are the boot is for the policy's author.
        let measured = claims.facts().vtpm().is_none();
        let hardware = hardware(claims);
        // Whoever accepts debugging does not hide the memory by that.
        let opaque = match hardware {
            _ if is_debuggable(claims) => CONTRAINDICATED,
            VULNERABLE => AFFIRMING,
            other => other,
        };
        Self {
            instance_identity: named(verdict, &MACHINE, AFFIRMING, UNRECOGNIZED),
            configuration: Some(if configured { AFFIRMING } else { CONTRAINDICATED }),
            executables: if unmet(&LAUNCHED) {
                Some(CONTRAINDICATED)
            } else {
                named(verdict, &BOOTED, APPROVED_BOOT, CONTRAINDICATED).filter(|_| measured)
            },
            hardware: Some(hardware),
            runtime_opaque: Some(opaque),
        }
    }

    /// The tier of the worst value.
    #[must_use]
    pub fn worst(&self) -> Tier {
        self.entries().map(|(.., value)| Tier::of(value)).max().unwrap_or(Tier::None)
    }

    /// What is said: the name in JSON, the key in CBOR, the value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'static str, i64, i8)> {
        let all = [
            ("instance-identity", 0, self.instance_identity),
            ("configuration", 1, self.configuration),
            ("executables", 2, self.executables),
            ("hardware", 4, self.hardware),
            ("runtime-opaque", 5, self.runtime_opaque),
        ];
        all.into_iter().filter_map(|(name, key, value)| value.map(|value| (name, key, value)))
    }
}

fn not_genuine(verdict: &Verdict) -> i8 {
    match verdict.refusal().map(|finding| finding.check) {
        Some(Check::NotRevoked) => CONTRAINDICATED,
        Some(check) if check.stage() == Stage::Platform => UNRECOGNIZED,
        _ => NOT_GENUINE,
    }
}

fn is_debuggable(claims: &Claims) -> bool {
    claims.as_snp().is_some_and(SnpClaims::is_debuggable) || claims.as_tdx().is_some_and(TdxClaims::is_debuggable)
}

fn hardware(claims: &Claims) -> i8 {
    // Without AMD's list nobody knows whether the issuer was revoked; Intel's lists are always there.
    let current = claims.as_tdx().is_none_or(|tdx| tdx.tcb().status == TdxStatus::UpToDate)
        && claims.as_snp().is_none_or(SnpClaims::has_revocation_list);
    match claims.assurance() {
        Assurance::Hardware if current => AFFIRMING,
        Assurance::Hardware => VULNERABLE,
        Assurance::Custom(_) => CALLERS_ROOT,
        Assurance::Simulated(_) => CONTRAINDICATED,
    }
}

/// A word about these checks, if the policy names what it accepts for all of them that were looked at.
fn named(verdict: &Verdict, checks: &[Check], good: i8, bad: i8) -> Option<i8> {
    let found = || verdict.findings().iter().filter(|finding| checks.contains(&finding.check));
    if found().any(|finding| !finding.ok) {
        return Some(bad);
    }
    let any = found().any(|finding| finding.expected.starts_with("any"));
    (found().next().is_some() && !any).then_some(good)
}

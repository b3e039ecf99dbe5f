//! Verdicts: whether a machine is genuine and wanted, condition by condition.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use prism_attest::{Finding, Verdict};
use prism_core::code::Code;

use crate::error::{Fault, PrismError};
use crate::guard::{Lazy, borrowed, c_text, call, fact, free, given};

/// Every condition that was looked at, and what follows from them.
pub struct PrismVerdict {
    verdict: Verdict,
    text: Lazy,
    json: Lazy,
    card: Lazy,
    findings: OnceLock<Vec<Condition>>,
}

/// A finding's texts for C.
struct Condition {
    met: bool,
    code: CString,
    stage: CString,
    expected: CString,
    found: CString,
}

impl Condition {
    fn of(finding: Finding<'_>) -> Self {
        Self {
            met: finding.ok,
            code: c_text(finding.check.as_str()),
            stage: c_text(finding.check.stage().as_str()),
            expected: c_text(finding.expected),
            found: c_text(finding.found),
        }
    }
}

impl std::fmt::Debug for PrismVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PrismVerdict").field(&self.verdict).finish()
    }
}

impl PrismVerdict {
    pub(crate) fn of(verdict: Verdict) -> Self {
        let (text, json, card) = (Lazy::default(), Lazy::default(), Lazy::default());
        Self { verdict, text, json, card, findings: OnceLock::new() }
    }

    fn condition(&self, index: usize) -> Option<&Condition> {
        self.findings.get_or_init(|| self.verdict.findings().iter().map(Condition::of).collect()).get(index)
    }

    fn require_good(&self) -> Result<(), Fault> {
        if self.verdict.is_good() {
            return Ok(());
        }
        let unmet = self.verdict.findings().unmet().count();
        let first = self.verdict.refusal().map_or_else(String::new, |Finding { check, expected, found, .. }| {
            format!("; first {check}: expected {expected}, found {found}")
        });
        let message = format!("expected every condition to hold, found {unmet} unmet{first}");
        Err(Fault::new(Code::EvidenceRefused, message))
    }
}

/// Whether every condition holds: the machine is genuine, wanted, and signed for what was expected.
///
/// Ownership: nothing. Threads: any. Errors: false for NULL.
/// Example: `if (!prism_verdict_good(verdict)) puts(prism_verdict_text(verdict));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_good(verdict: Option<&PrismVerdict>) -> bool {
    fact(verdict, false, |verdict| verdict.verdict.is_good())
}

/// Succeeds only for a good verdict: one line between a verdict and whatever is built on it.
///
/// Ownership: nothing changes. Threads: any. Errors: `evidence.refused` names the first
/// condition that is not met.
/// Example: `if (prism_verdict_require_good(verdict, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_require_good(
    verdict: Option<&PrismVerdict>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || given(verdict, "a verdict")?.require_good())
}

/// Whether the machine is simulated and protects nothing.
///
/// Ownership: nothing. Threads: any. Errors: true for NULL.
/// Example: `if (prism_verdict_simulated(verdict)) puts("SIMULATED, NOT A TEE");`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_simulated(verdict: Option<&PrismVerdict>) -> bool {
    fact(verdict, true, |verdict| verdict.verdict.is_simulated())
}

/// The verdict for people, one line for each condition.
///
/// Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_verdict_text(verdict));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_text(verdict: Option<&PrismVerdict>) -> *const c_char {
    borrowed(verdict, |verdict| Some(verdict.text.get(|| verdict.verdict.to_string())))
}

/// The verdict as one JSON object with stable names.
///
/// Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fputs(prism_verdict_json(verdict), journal);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_json(verdict: Option<&PrismVerdict>) -> *const c_char {
    borrowed(verdict, |verdict| Some(verdict.json.get(|| verdict.verdict.to_json())))
}

/// The verdict as a card in HTML, without scripts and without references to anything elsewhere.
///
/// Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fputs(prism_verdict_card(verdict), page);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_card(verdict: Option<&PrismVerdict>) -> *const c_char {
    borrowed(verdict, |verdict| Some(verdict.card.get(|| verdict.verdict.card().to_html())))
}

/// The number of conditions that were looked at.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `for (i = 0; i < prism_verdict_findings(verdict); i++) puts(prism_verdict_finding_code(verdict, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_findings(verdict: Option<&PrismVerdict>) -> usize {
    fact(verdict, 0, |verdict| verdict.verdict.findings().len())
}

/// Whether condition `index`, counted from 0, is met.
///
/// Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
/// Example: `if (!prism_verdict_finding_met(verdict, i)) puts(prism_verdict_finding_found(verdict, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_finding_met(verdict: Option<&PrismVerdict>, index: usize) -> bool {
    fact(verdict, false, |verdict| verdict.condition(index).is_some_and(|condition| condition.met))
}

/// The stable code of condition `index`.
///
/// Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL and
/// beyond the last.
/// Example: `puts(prism_verdict_finding_code(verdict, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_finding_code(verdict: Option<&PrismVerdict>, index: usize) -> *const c_char {
    borrowed(verdict, |verdict| verdict.condition(index).map(|condition| condition.code.as_c_str()))
}

/// The stage of the judgement that condition `index` belongs to.
///
/// Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL and
/// beyond the last.
/// Example: `puts(prism_verdict_finding_stage(verdict, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_finding_stage(verdict: Option<&PrismVerdict>, index: usize) -> *const c_char {
    borrowed(verdict, |verdict| verdict.condition(index).map(|condition| condition.stage.as_c_str()))
}

/// What condition `index` expected.
///
/// Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL and
/// beyond the last.
/// Example: `puts(prism_verdict_finding_expected(verdict, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_finding_expected(verdict: Option<&PrismVerdict>, index: usize) -> *const c_char {
    borrowed(verdict, |verdict| verdict.condition(index).map(|condition| condition.expected.as_c_str()))
}

/// What was found for condition `index`.
///
/// Ownership: borrowed until `prism_verdict_free`. Threads: any. Errors: NULL for NULL and
/// beyond the last.
/// Example: `puts(prism_verdict_finding_found(verdict, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_finding_found(verdict: Option<&PrismVerdict>, index: usize) -> *const c_char {
    borrowed(verdict, |verdict| verdict.condition(index).map(|condition| condition.found.as_c_str()))
}

/// Ends a verdict; NULL is taken.
///
/// Ownership: the verdict is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_verdict_free(verdict);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_verdict_free(verdict: Option<Box<PrismVerdict>>) {
    free(verdict);
}

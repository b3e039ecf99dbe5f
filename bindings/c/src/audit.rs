//! Audits of transcripts, offline.
#![expect(unsafe_code, reason = "the header's functions have names that a linker knows")]

use std::ffi::{CString, c_char, c_int};
use std::fmt::Write as _;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

use prism_agent::files::read_limited;
use prism_attest::audit::{AuditFinding, AuditReport, ExpectedComputation, audit};
use prism_core::code::Code;
use prism_core::printable::SIMULATED;
use prism_core::transcript::TRANSCRIPT_MAX;

use crate::error::{Fault, PrismError};
use crate::guard::{Lazy, borrowed, bytes, c_text, call, fact, free, given, make, path};
use crate::manifest::PrismManifest;

/// What a replay of a transcript found, rule by rule.
pub struct PrismAudit {
    report: AuditReport,
    text: Lazy,
    json: Lazy,
    card: Lazy,
    findings: OnceLock<Vec<Line>>,
}

/// A finding's texts for C.
struct Line {
    kept: bool,
    rule: CString,
    place: CString,
    found: CString,
}

impl Line {
    fn of(finding: &AuditFinding) -> Self {
        let AuditFinding { rule, ok, place, found, .. } = finding;
        Self { kept: *ok, rule: c_text(rule.name()), place: c_text(place.as_str()), found: c_text(found.as_str()) }
    }
}

impl PrismAudit {
    fn of(transcript: &[u8], manifest: Option<&PrismManifest>, at: u64) -> Self {
        let expected = manifest
            .map_or(ExpectedComputation::AsRecorded, |manifest| ExpectedComputation::Manifest(manifest.terms.digest()));
        let report = audit(transcript, expected, at);
        let (text, json, card) = (Lazy::default(), Lazy::default(), Lazy::default());
        Self { report, text, json, card, findings: OnceLock::new() }
    }

    fn line(&self, index: usize) -> Option<&Line> {
        self.findings.get_or_init(|| self.report.findings().iter().map(Line::of).collect()).get(index)
    }

    /// What happened and every rule, for people.
    fn words(&self) -> String {
        let mut text = String::new();
        if let Some(summary) = self.report.summary() {
            let aloud = if summary.simulated { format!("{SIMULATED}\n") } else { String::new() };
            let _ = writeln!(text, "{aloud}{}\n  manifest {}", summary.title, summary.manifest);
            for (name, fingerprint) in &summary.participants {
                let _ = writeln!(text, "  {name} has key {fingerprint}");
            }
        }
        for finding in self.report.findings() {
            let _ = writeln!(text, "{finding}");
        }
        let (all, broken) = (self.report.findings().len(), self.report.broken().count());
        // Writing into a String cannot fail.
        let _ = if self.report.holds() {
            write!(text, "audit ok: {all} checks, every rule holds")
        } else {
            write!(text, "audit failed: {} of {all} checks hold", all - broken)
        };
        text
    }

    fn require_holds(&self) -> Result<(), Fault> {
        if self.report.holds() {
            return Ok(());
        }
        let broken = self.report.broken().count();
        let first =
            self.report.broken().next().map_or_else(String::new, |first| {
                format!("; first {} at {}: {}", first.rule, first.place, first.found)
            });
        Err(Fault::new(Code::AuditFailed, format!("expected every rule to hold, found {broken} broken{first}")))
    }
}

/// Replays a transcript from a file, as of the time `at` in seconds since 1970 UTC. `manifest` is the one that it has to be
/// about; with NULL, compare digest and keys with what you know from elsewhere. It succeeds also when rules are broken: ask
/// `prism_audit_holds`, or let `prism_audit_require_holds` fail.
///
/// Ownership: `*out` is yours, until `prism_audit_free`; the manifest stays yours. Threads: any. Errors: `file.missing`, `file.malformed` for a file that is too long, `file.io`.
/// Example: `if (prism_audit_file("run.transcript", terms, (uint64_t)time(NULL), &report, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_file(
    transcript: *const c_char,
    manifest: Option<&PrismManifest>,
    at: u64,
    out: Option<&mut MaybeUninit<*mut PrismAudit>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || {
        let transcript = read_limited(&path(transcript)?, TRANSCRIPT_MAX as u64)?;
        Ok(PrismAudit::of(&transcript, manifest, at))
    })
}

/// As `prism_audit_file`, from memory.
///
/// Ownership: `*out` is yours, until `prism_audit_free`; buffer and manifest stay yours. Threads: any. Errors: `usage` for NULL.
/// Example: `if (prism_audit_buffer(data, size, NULL, (uint64_t)time(NULL), &report, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_buffer(
    data: *const u8,
    size: usize,
    manifest: Option<&PrismManifest>,
    at: u64,
    out: Option<&mut MaybeUninit<*mut PrismAudit>>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    make(out, err, || bytes((data, size), "a transcript", |bytes| Ok(PrismAudit::of(bytes, manifest, at))))
}

/// Whether every rule is kept.
///
/// Ownership: nothing. Threads: any. Errors: false for NULL.
/// Example: `if (!prism_audit_holds(report)) puts(prism_audit_text(report));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_holds(report: Option<&PrismAudit>) -> bool {
    fact(report, false, |report| report.report.holds())
}

/// Succeeds only if every rule is kept.
///
/// Ownership: nothing changes. Threads: any. Errors: `audit.failed` names the first broken
/// rule.
/// Example: `if (prism_audit_require_holds(report, &err)) goto fail;`
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_require_holds(
    report: Option<&PrismAudit>,
    err: Option<&mut MaybeUninit<*mut PrismError>>,
) -> c_int {
    call(err, || given(report, "a report")?.require_holds())
}

/// The report for people: what the transcript is about, and one line for each rule.
///
/// Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL.
/// Example: `puts(prism_audit_text(report));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_text(report: Option<&PrismAudit>) -> *const c_char {
    borrowed(report, |report| Some(report.text.get(|| report.words())))
}

/// The report as one JSON object with stable names.
///
/// Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fputs(prism_audit_json(report), journal);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_json(report: Option<&PrismAudit>) -> *const c_char {
    borrowed(report, |report| Some(report.json.get(|| serde_json::to_string(&report.report).unwrap_or_default())))
}

/// The report as a card in HTML, without scripts and without references to anything elsewhere.
///
/// Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL.
/// Example: `fputs(prism_audit_card(report), page);`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_card(report: Option<&PrismAudit>) -> *const c_char {
    borrowed(report, |report| Some(report.card.get(|| report.report.card().to_html())))
}

/// The number of findings, kept and broken.
///
/// Ownership: nothing. Threads: any. Errors: 0 for NULL.
/// Example: `for (i = 0; i < prism_audit_findings(report); i++) puts(prism_audit_finding_rule(report, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_findings(report: Option<&PrismAudit>) -> usize {
    fact(report, 0, |report| report.report.findings().len())
}

/// Whether the rule of finding `index`, counted from 0, is kept.
///
/// Ownership: nothing. Threads: any. Errors: false for NULL and beyond the last.
/// Example: `if (!prism_audit_finding_kept(report, i)) puts(prism_audit_finding_found(report, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_finding_kept(report: Option<&PrismAudit>, index: usize) -> bool {
    fact(report, false, |report| report.line(index).is_some_and(|line| line.kept))
}

/// The stable name of the rule of finding `index`.
///
/// Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL and
/// beyond the last.
/// Example: `puts(prism_audit_finding_rule(report, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_finding_rule(report: Option<&PrismAudit>, index: usize) -> *const c_char {
    borrowed(report, |report| report.line(index).map(|line| line.rule.as_c_str()))
}

/// Where in the transcript finding `index` is, such as "entry 17".
///
/// Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL and
/// beyond the last.
/// Example: `puts(prism_audit_finding_place(report, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_finding_place(report: Option<&PrismAudit>, index: usize) -> *const c_char {
    borrowed(report, |report| report.line(index).map(|line| line.place.as_c_str()))
}

/// What was found there.
///
/// Ownership: borrowed until `prism_audit_free`. Threads: any. Errors: NULL for NULL and
/// beyond the last.
/// Example: `puts(prism_audit_finding_found(report, i));`
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_finding_found(report: Option<&PrismAudit>, index: usize) -> *const c_char {
    borrowed(report, |report| report.line(index).map(|line| line.found.as_c_str()))
}

/// Ends a report; NULL is taken.
///
/// Ownership: the report is gone, and with it the texts that were borrowed from it. Threads: any. Errors: none.
/// Example: `prism_audit_free(report);`
#[unsafe(no_mangle)]
pub extern "C" fn prism_audit_free(report: Option<Box<PrismAudit>>) {
    free(report);
}

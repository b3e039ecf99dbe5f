//! Replays a whole transcript offline, as a stranger would.
//!
//! [`audit`] believes nothing in the file: it checks approvals, evidence, binding, log and states, in this order, and
//! reports every rule with what it found. Same transcript and same `now`, same report: in a notebook, in court five
//! years on. No key is needed.

mod card;
mod log;
mod report;
mod run;

use std::sync::Arc;

use prism_core::UnixSeconds;
use prism_core::audit::checkpoint::VerifierKey;
use prism_core::audit::log_origin;
use prism_core::digest::Digest;
use prism_core::manifest::SignedManifest;
use prism_core::transcript::{EvidenceRecord, Transcript};

use crate::binding::{AgentBinding, ExpectedBinding};
use crate::endorsements::Endorsements;
use crate::evidence::Evidence;
use crate::judge;

use report::Notes;
pub use report::{AuditFinding, AuditReport, KeyReleased, Rule, Summary};

/// Which computation the transcript has to be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExpectedComputation {
    /// Exactly the manifest of this digest, which the auditor knows from elsewhere.
    Manifest(Digest),
    /// Whatever manifest the transcript holds: the report says which, and the auditor compares keys and digest by hand.
    AsRecorded,
}

/// Replays the transcript in `bytes` at the time `now` and reports every rule.
#[must_use]
pub fn audit(bytes: &[u8], expected: ExpectedComputation, now: UnixSeconds) -> AuditReport {
    let mut notes = Notes::default();
    let summary = replay(bytes, expected, now, &mut notes);
    AuditReport::new(notes, summary)
}

/// What the later rules stand on; a part that does not hold is missing.
struct Ground<'a> {
    transcript: &'a Transcript,
    signed: &'a SignedManifest,
    binding: AgentBinding,
    log_key: VerifierKey,
    /// One for all evidence: an agent lives in one boot.
    event_log: Option<Arc<[u8]>>,
}

fn replay(bytes: &[u8], expected: ExpectedComputation, now: UnixSeconds, notes: &mut Notes) -> Option<Summary> {
    let transcript = notes.hold(Rule::TranscriptForm, "the file", Transcript::read(bytes))?;
    let signed = notes.hold(Rule::Approvals, "the manifest", SignedManifest::read(&transcript.manifest.0))?;
    check_canonical("the manifest", &signed.to_bytes(), &transcript.manifest.0, notes);
    check_computation(&signed, expected, notes);
    let ground = lay_ground(&transcript, &signed, notes)?;
    for (i, record) in transcript.evidence.iter().enumerate() {
        check_evidence(record, &format!("evidence {i}"), &ground, now, notes);
    }
    let replayed = log::check(&ground, notes);
    Some(Summary {
        title: signed.manifest().title.clone(),
        manifest: signed.digest(),
        boot: hex::encode(ground.binding.boot_id()),
        participants: signed.manifest().participants.iter().map(|p| (p.name.clone(), p.key.fingerprint())).collect(),
        simulated: replayed.simulated,
        entries: replayed.entries,
        releases: replayed.releases,
        layers: replayed.layers,
        conditions: replayed.conditions,
        outcome: replayed.outcome,
    })
}

/// The files inside the transcript have one form each too: no byte can be added that means nothing.
fn check_canonical(place: &str, canonical: &[u8], found: &[u8], notes: &mut Notes) {
    let same = canonical == found;
    notes.check(Rule::TranscriptForm, same, place, if same { "its one form" } else { "another text of the same" });
}

fn check_computation(signed: &SignedManifest, expected: ExpectedComputation, notes: &mut Notes) {
    if let ExpectedComputation::Manifest(digest) = expected {
        let ok = digest == signed.digest();
        notes.check(Rule::Computation, ok, "the manifest", format!("expected {digest}, found {}", signed.digest()));
    }
}

fn lay_ground<'a>(transcript: &'a Transcript, signed: &'a SignedManifest, notes: &mut Notes) -> Option<Ground<'a>> {
    let binding = notes.hold(Rule::BindingForm, "the binding", AgentBinding::decode(&transcript.binding.0))?;
    let serves = binding.manifest() == Some(signed.digest());
    notes.check(Rule::BindingManifest, serves, "the binding", "the manifest that the machine's report names");
    let log_key = notes.hold(Rule::LogKey, "the binding", binding.log_vkey().parse::<VerifierKey>())?;
    let origin = log_origin(&signed.manifest().id, binding.boot_id());
    notes.check(Rule::LogKey, log_key.name() == origin, "the binding", format!("a log named {}", log_key.name()));
    let event_log = transcript.event_log.as_ref().map(|log| log.0.as_slice().into());
    Some(Ground { transcript, signed, binding, log_key, event_log })
}

/// One verdict for each report: genuine, wanted, and of this agent.
fn check_evidence(record: &EvidenceRecord, place: &str, ground: &Ground<'_>, now: UnixSeconds, notes: &mut Notes) {
    let Some(platform) = notes.hold(Rule::Evidence, place, record.platform.parse()) else { return };
    let evidence = Evidence::new(platform, record.evidence.0.clone()).and_then(|evidence| match &ground.event_log {
        Some(log) => evidence.with_shared_event_log(Arc::clone(log)),
        None => Ok(evidence),
    });
    let Some(evidence) = notes.hold(Rule::Evidence, place, evidence) else { return };
    let read = Endorsements::read(&record.endorsements.0);
    let Some(endorsements) = notes.hold(Rule::Evidence, place, read) else { return };
    check_canonical(place, &endorsements.to_json(), &record.endorsements.0, notes);
    let expected = ExpectedBinding::recorded(ground.transcript.binding.0.clone());
    let policy = &ground.signed.manifest().platform;
    let verdict = judge(&evidence, &endorsements, policy, &expected, now);
    for finding in verdict.findings().iter().filter(|finding| !finding.ok) {
        notes.check(Rule::Evidence, false, place, finding.to_string());
    }
    notes.check(Rule::Evidence, verdict.is_good(), place, format!("{platform} evidence {}", evidence.digest()));
}

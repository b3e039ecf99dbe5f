//! Approvals, binding and evidence: the machine is the one that everybody agreed on, and the log is its own.

use prism_attest::audit::{ExpectedComputation, Rule, audit};
use prism_attest::platform::simulated::{Mutation, SimulatedMachine};
use prism_core::audit::entry::Event;
use prism_core::audit::log_origin;
use prism_core::digest::Digest;
use prism_core::manifest::platform::{PlatformPolicy, Profile, SimulatedPolicy};

use crate::terms;
use crate::world::{BOOT, NOW, Story, agent, assert_broken, attest, head, honest, log_key, report, story, told, world};

/// The true story as an agent with another binding would tell it, everything else in order.
fn told_by(agent: &prism_attest::AgentBinding) -> Story {
    told(&world().signed, agent, &[])
}

#[test]
fn bytes_that_are_no_transcript_are_refused() {
    for bytes in [&b""[..], b"{}", b"\xff"] {
        let report = audit(bytes, ExpectedComputation::AsRecorded, NOW);
        assert_broken(&report, &[Rule::TranscriptForm], "the file");
        assert_eq!(report.summary(), None);
    }
}

#[test]
fn another_text_of_the_same_manifest_or_endorsements_is_refused() {
    let mut spaced = story();
    spaced.signed.push(b' ');
    assert_broken(&spaced.report(), &[Rule::TranscriptForm], "the manifest");
    let mut spaced = story();
    spaced.evidence[0].endorsements.0.push(b'\n');
    assert_broken(&spaced.report(), &[Rule::TranscriptForm], "evidence 0");
}

#[test]
fn a_manifest_without_everybodys_approval_is_refused() {
    for who in 0..world().keys.len() {
        let mut story = story();
        let mut envelope: serde_json::Value = serde_json::from_slice(&story.signed).unwrap();
        envelope["signatures"].as_array_mut().unwrap().remove(who);
        story.signed = serde_json::to_vec(&envelope).unwrap();
        assert_broken(&story.report(), &[Rule::Approvals], "the manifest");
    }
}

#[test]
fn a_manifest_approved_by_others_is_refused() {
    let mut story = story();
    let others = terms::signed(&terms::keys(), world().signed.manifest().platform.clone());
    story.signed = others.to_bytes();
    let rules = [Rule::BindingManifest, Rule::Lifecycle, Rule::LogOpen, Rule::LogComplete];
    assert_broken(&story.report(), &rules, "the binding");
}

#[test]
fn a_binding_that_cannot_be_read_is_refused() {
    let mut story = story();
    story.binding.pop();
    assert_broken(&story.report(), &[Rule::BindingForm], "the binding");
}

#[test]
fn a_machine_that_serves_another_manifest_is_refused() {
    let other = agent(BOOT, &world().log, Digest::sha256(b"another"));
    assert_broken(&told_by(&other).report(), &[Rule::BindingManifest], "the binding");
}

#[test]
fn a_log_that_bears_another_boots_name_is_refused() {
    let other = agent([0xb1; 16], &world().log, world().signed.digest());
    assert_broken(&told_by(&other).report(), &[Rule::LogKey], "the binding");
}

#[test]
fn a_log_by_a_key_that_the_machine_did_not_report_is_refused() {
    let key = log_key(&log_origin(&world().signed.manifest().id, &BOOT));
    let mut transcript = story().transcript();
    transcript.receipts.clear();
    transcript.checkpoint = head(&story().entries, &key);
    assert_broken(&report(&transcript), &[Rule::Checkpoint], "the checkpoint");

    let other = agent(BOOT, &key, world().signed.digest());
    transcript.binding.0 = other.encode();
    assert_broken(&report(&transcript), &[Rule::Evidence, Rule::LogOpen], "evidence 0");
}

#[test]
fn evidence_of_another_binding_is_refused() {
    for other in [
        agent([0xb1; 16], &world().log, world().signed.digest()),
        agent(BOOT, &world().log, Digest::sha256(b"another")),
        agent(BOOT, &log_key("prism.log/another"), world().signed.digest()),
    ] {
        let mut story = told_by(&other);
        story.binding = honest().encode();
        let Event::LogOpen(open) = story.event("log.open") else { unreachable!("log.open opens") };
        (open.boot, open.binding) = (hex::encode(BOOT), Digest::sha256(&honest().encode()));
        let story = story.rewritten();
        assert_broken(&story.report(), &[Rule::Evidence], "evidence 0");
    }
}

#[test]
fn evidence_of_a_machine_that_nobody_agreed_on_is_refused() {
    for mutation in [Mutation::OtherRoot, Mutation::OtherSigner, Mutation::OtherMeasurement, Mutation::Debug] {
        let story = told(&world().signed, &honest(), &[mutation]);
        assert_broken(&story.report(), &[Rule::Evidence], "evidence 0");
    }
}

#[test]
fn evidence_of_a_simulator_that_the_manifest_does_not_name_is_refused() {
    let snp = SimulatedMachine::default().policy();
    let policy = SimulatedPolicy::new(Digest::sha256(b"another root"), snp);
    let signed = terms::signed(&world().keys, PlatformPolicy::only(Profile::Simulated(policy)));
    let story = told(&signed, &agent(BOOT, &world().log, signed.digest()), &[]);
    assert_broken(&story.report(), &[Rule::Evidence], "evidence 0");
}

#[test]
fn evidence_that_cannot_be_read_is_refused() {
    let mut story = story();
    story.evidence[0].endorsements.0.clear();
    assert_broken(&story.report(), &[Rule::Evidence], "evidence 0");
}

#[test]
fn evidence_that_was_not_logged_is_refused() {
    let mut story = story();
    story.evidence.push(attest(&honest(), &[Mutation::V2]).1);
    assert_broken(&story.report(), &[Rule::EvidenceLogged], "the evidence");
    story.evidence[1] = story.evidence[0].clone();
    assert_broken(&story.report(), &[Rule::EvidenceLogged], "the evidence");
}

#[test]
fn logged_evidence_that_is_missing_is_refused() {
    let mut story = story();
    story.evidence.clear();
    assert_broken(&story.report(), &[Rule::EvidenceLogged], "the evidence");
    let at = story.position("evidence");
    story.entries.remove(at);
    assert_broken(&story.rewritten().report(), &[Rule::EvidenceLogged], "the evidence");
}

#[test]
fn evidence_is_refused_when_its_certificates_do_not_hold_at_that_time() {
    let text = story().transcript().to_bytes().unwrap();
    for now in [0, NOW * 3] {
        let report = audit(&text, ExpectedComputation::AsRecorded, now);
        assert_broken(&report, &[Rule::Evidence], "evidence 0");
    }
}

#[test]
fn a_first_entry_of_another_boot_binding_or_platform_is_refused() {
    let change = |change: fn(&mut prism_core::audit::entry::LogOpenBody)| {
        let mut story = story();
        let Event::LogOpen(open) = story.event("log.open") else { unreachable!("log.open opens") };
        change(open);
        assert_broken(&story.rewritten().report(), &[Rule::LogOpen], "entry 0");
    };
    change(|open| open.boot = "00".repeat(16));
    change(|open| open.binding = Digest::sha256(b"another"));
    change(|open| open.simulated = false);
}

#[test]
fn a_log_that_calls_a_pretended_machine_real_does_not_make_it_so() {
    let mut story = story();
    let Event::LogOpen(open) = story.event("log.open") else { unreachable!("log.open opens") };
    open.simulated = false;
    assert!(story.rewritten().report().summary().unwrap().simulated);
}

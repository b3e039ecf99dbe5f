//! The same story on a pretend machine of Intel.

use prism_attest::audit::Rule;
use prism_attest::platform::simulated::{SimulatedTd, SimulatedTdxVendor, TdxMutation, TdxMutations};
use prism_attest::replay::EventLog;
use prism_core::audit::entry::Event;
use prism_core::manifest::platform::{EventLogRule, PlatformPolicy, Profile, SimulatedTdxPolicy};
use prism_core::transcript::Base64Bytes;

use crate::terms;
use crate::world::{BOOT, NOW, Story, agent, assert_broken, broken, report_data, told_of, world};
use crate::written::{boot, log};

/// The story on a machine that booted as its log tells, under terms that demand the log.
fn logged() -> Story {
    let log = log(&boot());
    let mut td = SimulatedTd::default();
    td.rtmrs = EventLog::read(&log).unwrap().replay_rtmrs().unwrap();
    let mut tdx = td.policy();
    tdx.event_log = EventLogRule::Require;
    let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
    let profile = Profile::SimulatedTdx(SimulatedTdxPolicy::new(vendor.root_digest(), tdx));
    let signed = terms::signed(&world().keys, PlatformPolicy::only(profile));
    let agent = agent(BOOT, &world().log, signed.digest());
    let (evidence, endorsements) = vendor.attest_as(&td, &report_data(&agent), &TdxMutations::none()).unwrap();
    told_of(&signed, &agent, &(evidence.with_event_log(&log).unwrap(), endorsements))
}

#[test]
fn an_event_log_that_the_terms_demand_is_in_the_transcript_and_true() {
    let honest = logged();
    assert_eq!(broken(&honest.report()), []);
    let mut without = logged();
    without.event_log = None;
    assert_broken(&without.report(), &[Rule::Evidence], "evidence 0");
    let mut other = logged();
    other.event_log = Some(Base64Bytes(log(&boot()[..3])));
    assert_broken(&other.report(), &[Rule::Evidence], "evidence 0");
    let mut useless = crate::world::story();
    useless.event_log = Some(Base64Bytes(log(&boot())));
    assert_broken(&useless.report(), &[Rule::Evidence], "evidence 0");
}

/// The story on a machine with these mutations, under terms that accept the machine without them.
fn told(mutations: Vec<TdxMutation>) -> Story {
    let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
    let signed = terms::signed(&world().keys, vendor.policy_for(&SimulatedTd::default()));
    let agent = agent(BOOT, &world().log, signed.digest());
    let made = vendor.attest(&report_data(&agent), &TdxMutations::new(mutations)).unwrap();
    told_of(&signed, &agent, &made)
}

#[test]
fn the_true_transcript_of_a_pretended_tdx_machine_holds_and_says_that_it_is_pretended() {
    let report = told(vec![]).report();
    assert_eq!(broken(&report), [], "{:?}", report.broken().collect::<Vec<_>>());
    assert!(report.summary().unwrap().simulated);
}

#[test]
fn a_log_that_calls_a_pretended_tdx_machine_real_is_refused_and_does_not_make_it_so() {
    let mut story = told(vec![]);
    let Event::LogOpen(open) = story.event("log.open") else { unreachable!("log.open opens") };
    open.simulated = false;
    let report = story.rewritten().report();
    assert_broken(&report, &[Rule::LogOpen], "entry 0");
    assert!(report.summary().unwrap().simulated);
}

#[test]
fn whether_a_log_is_of_a_pretended_machine_goes_by_its_evidence() {
    let mut story = told(vec![]);
    story.evidence[0].platform = "tdx".to_owned();
    let Event::LogOpen(open) = story.event("log.open") else { unreachable!("log.open opens") };
    open.simulated = false;
    // Nobody vouches for such a quote, but the log is right about what it calls itself.
    let broken = broken(&story.rewritten().report());
    assert!(broken.contains(&Rule::Evidence) && !broken.contains(&Rule::LogOpen), "{broken:?}");
}

#[test]
fn evidence_of_a_tdx_machine_that_nobody_agreed_on_is_refused() {
    for mutation in [TdxMutation::Debug, TdxMutation::OutOfDate] {
        assert_broken(&told(vec![mutation]).report(), &[Rule::Evidence], "evidence 0");
    }
}

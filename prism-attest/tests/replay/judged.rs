//! Logs beside evidence, under policies: one that is demanded has to be there, one that is there has to be true.

use std::sync::OnceLock;

use prism_attest::platform::simulated::{SimulatedTd, SimulatedTdxVendor, TdxMutations};
use prism_attest::replay::{EventLog, Proof};
use prism_attest::{
    AgentBinding, Case, Check, ExpectedBinding, Prepared, ReportData, Roots, SessionBinding, Verdict, judge,
};
use prism_core::manifest::platform::{Accept, EventLogRule, PlatformPolicy, Profile, SimulatedTdxPolicy};

use crate::written::{Line, boot, log};

const NOW: u64 = 1_800_000_000;

fn vendor() -> &'static SimulatedTdxVendor {
    static VENDOR: OnceLock<SimulatedTdxVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedTdxVendor::generate(NOW).unwrap())
}

/// A guest that booted as these lines tell.
fn guest(lines: &[Line]) -> SimulatedTd {
    let mut guest = SimulatedTd::default();
    guest.rtmrs = EventLog::read(&log(lines)).unwrap().replay_rtmrs().unwrap();
    guest
}

/// The policy made for that guest, but of these registers it accepts anything.
fn unpinned(rule: EventLogRule, registers: &[u8]) -> PlatformPolicy {
    let guest = guest(&boot());
    let mut tdx = guest.policy();
    tdx.event_log = rule;
    for register in registers {
        *[&mut tdx.rtmrs.rtmr0, &mut tdx.rtmrs.rtmr1, &mut tdx.rtmrs.rtmr2, &mut tdx.rtmrs.rtmr3]
            [usize::from(*register)] = Accept::Any;
    }
    PlatformPolicy::only(Profile::SimulatedTdx(SimulatedTdxPolicy::new(vendor().root_digest(), tdx)))
}

/// The verdict on a guest that booted as told, with this log beside its evidence; the same from prepared endorsements.
fn judged(rule: EventLogRule, beside: Option<&[u8]>) -> Verdict {
    judged_by(&unpinned(rule, &[]), beside)
}

fn judged_by(policy: &PlatformPolicy, beside: Option<&[u8]>) -> Verdict {
    let guest = guest(&boot());
    let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/test+0badcafe+key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    let data = ReportData::compose(&session.leaf(), &agent);
    let (evidence, endorsements) = vendor().attest_as(&guest, &data, &TdxMutations::none()).unwrap();
    let evidence = beside.map_or(Ok(evidence.clone()), |log| evidence.with_event_log(log)).unwrap();
    let expected = ExpectedBinding::foreign(*data.as_bytes());
    let roots = Roots::built_in().with_simulated(vendor().root_digest());
    let prepared = Prepared::new(evidence.platform(), &endorsements, &roots, NOW).unwrap();
    let again = prepared.judge(&evidence, policy, &expected, NOW);
    let verdict = judge(&evidence, &endorsements, policy, &expected, NOW);
    assert_eq!(unmet(&verdict), unmet(&again));
    let case = Case { evidence: &evidence, endorsements: &endorsements, policy, expected: &expected, now: NOW };
    assert_eq!(unmet(&verdict), unmet(&case.judge_under(&roots)));
    verdict
}

fn unmet(verdict: &Verdict) -> Vec<Check> {
    verdict.findings().unmet().map(|finding| finding.check).collect()
}

#[test]
fn a_demanded_log_that_tells_the_truth_is_accepted_and_shown() {
    let verdict = judged(EventLogRule::Require, Some(&log(&boot())));
    assert!(verdict.is_good(), "{verdict}");
    assert_eq!(verdict.findings().iter().filter(|finding| finding.check == Check::EventLogRegisters).count(), 4);
    let (proven, claims) = proofs(&log(&boot()));
    let digests = verdict.findings().iter().find(|finding| finding.check == Check::EventLogDigests).unwrap();
    assert!(proven > 1 && claims > 1);
    let words = format!("{proven} events with digests of their data, and {claims} whose data are claims");
    assert_eq!(digests.found, words);
}

/// How many events carry the digest of their data, and how many something else's.
fn proofs(log: &[u8]) -> (usize, usize) {
    let log = EventLog::read(log).unwrap();
    let with = |proof| log.events().filter(|event| event.proof() == proof).count();
    (with(Proof::Holds), with(Proof::Claim))
}

#[test]
fn a_demanded_log_that_is_not_there_is_refused() {
    assert_eq!(unmet(&judged(EventLogRule::Require, None)), [Check::EventLogPresent]);
    assert_eq!(unmet(&judged(EventLogRule::IfPresent, None)), []);
}

#[test]
fn a_log_that_is_there_has_to_be_true_even_if_nobody_demands_it() {
    for rule in [EventLogRule::Require, EventLogRule::IfPresent] {
        let mut changed = boot();
        changed[1].digests[1].1[0] ^= 1;
        let found = unmet(&judged(rule, Some(&log(&changed))));
        assert_eq!(found, [Check::EventLogRegisters, Check::EventLogDigests]);
        let mut retold = boot();
        retold[9].data[0] ^= 1;
        assert_eq!(unmet(&judged(rule, Some(&log(&retold)))), [Check::EventLogDigests]);
        assert_eq!(unmet(&judged(rule, Some(b"no event log"))), [Check::EventLogForm]);
    }
}

#[test]
fn a_log_need_not_explain_a_register_that_may_be_anything_unless_all_may() {
    // The guest was booted as `boot` says; this log knows nothing of what went into register 2.
    let mut shorter = boot();
    shorter.retain(|line| line.register != 3);
    let shorter = log(&shorter);
    assert_eq!(unmet(&judged(EventLogRule::Require, Some(&shorter))), [Check::EventLogRegisters]);
    assert_eq!(unmet(&judged_by(&unpinned(EventLogRule::Require, &[2]), Some(&shorter))), []);
    let none = unpinned(EventLogRule::Require, &[0, 1, 2, 3]);
    assert_eq!(unmet(&judged_by(&none, Some(&shorter))), [Check::EventLogRegisters]);
}

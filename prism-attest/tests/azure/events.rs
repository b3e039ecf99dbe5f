//! The log behind a virtual TPM's registers: those that the policy names have to follow from it.

use prism_attest::replay::{Bank, EventLog, EventType};
use prism_attest::{Check, ExpectedBinding};
use prism_core::manifest::platform::{Accept, AzureSnpPolicy, EventLogRule, HexBytes};

use crate::machine::{Draft, NONCE, digest, judge, policy};
use crate::written::{Line, log};

/// Firmware measures into registers 4 and 11, and later the guest itself into 11.
fn lines() -> Vec<Line> {
    [4, 11].map(|register| Line::of(register, EventType::EFI_ACTION, b"boot", b"boot")).to_vec()
}

/// A machine that booted so, and a policy that demands the log for it.
fn booted() -> (Draft, AzureSnpPolicy) {
    let bytes = log(&lines());
    let replayed = EventLog::read(&bytes).unwrap().replay_pcrs(Bank::Sha256).unwrap();
    let (mut draft, mut policy) = (Draft::default(), policy());
    for number in [4, 11] {
        let value: HexBytes<32> = replayed[&number].to_string().parse().unwrap();
        draft.registers.insert(number, value);
        policy.vtpm.pcrs.insert(number.try_into().unwrap(), Accept::only(value));
    }
    draft.digest = digest(draft.registers.values());
    policy.vtpm.event_log = EventLogRule::Require;
    (draft, policy)
}

fn unmet(draft: &Draft, policy: AzureSnpPolicy, beside: &[u8]) -> Vec<Check> {
    let evidence = draft.evidence().with_event_log(beside).unwrap();
    let verdict = judge(&evidence, policy, &ExpectedBinding::foreign(NONCE));
    assert!(verdict.claims().is_some(), "{verdict}");
    verdict.findings().unmet().map(|finding| finding.check).collect()
}

#[test]
fn a_log_that_leads_to_the_named_registers_is_accepted() {
    let (draft, policy) = booted();
    assert_eq!(unmet(&draft, policy, &log(&lines())), []);
}

#[test]
fn a_log_that_leads_to_another_value_of_a_named_register_is_refused() {
    let (draft, mut policy) = booted();
    let mut other = lines();
    other.pop();
    assert_eq!(unmet(&draft, policy.clone(), &log(&other)), [Check::EventLogRegisters]);
    policy.vtpm.event_log = EventLogRule::IfPresent;
    assert_eq!(unmet(&draft, policy.clone(), &log(&other)), [Check::EventLogRegisters]);
    // A register that may be anything, or that nobody named, is not appraised, by its log neither.
    policy.vtpm.pcrs.insert(11.try_into().unwrap(), Accept::Any);
    assert_eq!(unmet(&draft, policy.clone(), &log(&other)), []);
    policy.vtpm.pcrs.remove(&11.try_into().unwrap());
    assert_eq!(unmet(&draft, policy, &log(&other)), []);
}

#[test]
fn a_log_whose_data_do_not_follow_from_its_digests_is_refused() {
    let (draft, policy) = booted();
    let mut retold = lines();
    retold[0].data = b"other".to_vec();
    assert_eq!(unmet(&draft, policy, &log(&retold)), [Check::EventLogDigests]);
}

#[test]
fn a_policy_that_pins_no_register_has_all_that_it_names_explained() {
    let (draft, mut policy) = booted();
    policy.vtpm.pcrs.values_mut().for_each(|accepted| *accepted = Accept::Any);
    assert_eq!(unmet(&draft, policy.clone(), &log(&lines())), []);
    let mut other = lines();
    other.pop();
    assert_eq!(unmet(&draft, policy, &log(&other)), [Check::EventLogRegisters]);
}

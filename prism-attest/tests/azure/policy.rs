//! Each condition on the virtual TPM can refuse a machine by itself.

use std::collections::BTreeMap;

use prism_attest::{Check, ExpectedBinding};
use prism_core::manifest::platform::{Accept, AzureSnpPolicy, EventLogRule, HexBytes, List, PcrIndex};

use crate::machine::{Draft, NONCE, judge, policy, register};

fn unmet(draft: &Draft, policy: AzureSnpPolicy) -> Vec<Check> {
    let verdict = judge(&draft.evidence(), policy, &ExpectedBinding::foreign(NONCE));
    assert!(verdict.claims().is_some(), "{verdict}");
    verdict.findings().unmet().map(|finding| finding.check).collect()
}

fn index(number: u8) -> PcrIndex {
    PcrIndex::try_from(number).unwrap()
}

#[test]
fn a_register_with_another_value_is_refused_and_every_one_is_told() {
    let mut other = policy();
    other.vtpm.pcrs = BTreeMap::from([4, 5].map(|number| (index(number), Accept::only(HexBytes::new([0; 32])))));
    assert_eq!(unmet(&Draft::default(), other), [Check::Pcr, Check::Pcr]);
    let mut either = policy();
    let values = List::new(vec![HexBytes::new([0; 32]), register(4)]).unwrap();
    either.vtpm.pcrs = BTreeMap::from([(index(4), Accept::OneOf(values))]);
    assert_eq!(unmet(&Draft::default(), either), []);
}

#[test]
fn a_register_that_is_not_quoted_satisfies_nothing() {
    let mut draft = Draft::default();
    draft.registers.retain(|number, _| *number != 4);
    draft.banks = vec![(0x000b, vec![0xef, 0xff, 0xff])];
    draft.digest = crate::machine::digest(draft.registers.values());
    assert_eq!(unmet(&draft, policy()), [Check::Pcr]);
    let mut any = policy();
    any.vtpm.pcrs = BTreeMap::from([(index(4), Accept::Any)]);
    assert_eq!(unmet(&draft, any), [Check::Pcr]);
}

#[test]
fn a_register_that_the_guest_can_reset_satisfies_nothing() {
    for number in [16, 23] {
        for accepted in [Accept::only(register(number)), Accept::Any] {
            let mut policy = policy();
            policy.vtpm.pcrs.insert(index(number), accepted);
            assert_eq!(unmet(&Draft::default(), policy), [Check::Pcr], "{number}");
        }
    }
}

/// A condition that the machine does not meet, and its check.
type Tightening = (fn(&mut AzureSnpPolicy), Check);

pub(crate) const TIGHTENINGS: &[Tightening] = &[
    (|p| p.vtpm.vm_ids = Accept::only("6332533D-5649-4D02-8AA7-8F64B7C3EE21".to_owned()), Check::VmId),
    (|p| p.vtpm.reset_counts = Accept::only(3), Check::ResetCount),
    (|p| p.vtpm.restart_counts = Accept::only(1), Check::RestartCount),
    (|p| p.vtpm.event_log = EventLogRule::Require, Check::EventLogPresent),
    (|p| p.snp.measurements = Accept::only(HexBytes::new([0; 48])), Check::Measurement),
];

#[test]
fn each_other_condition_on_the_virtual_tpm_refuses_by_itself() {
    for (tighten, check) in TIGHTENINGS {
        let mut policy = policy();
        tighten(&mut policy);
        assert_eq!(unmet(&Draft::default(), policy), [*check]);
    }
    let mut pinned = policy();
    pinned.vtpm.vm_ids = Accept::only(crate::machine::VM.to_owned());
    pinned.vtpm.reset_counts = Accept::only(2);
    pinned.vtpm.restart_counts = Accept::only(0);
    assert_eq!(unmet(&Draft::default(), pinned), []);
}

#[test]
fn each_weakness_refuses_until_the_policy_accepts_it() {
    let unsafe_clock = Draft { safe: 0, ..Draft::default() };
    assert_eq!(unmet(&unsafe_clock, policy()), [Check::SafeClock]);
    let mut lax = policy();
    lax.vtpm.require.safe_clock = false;
    assert_eq!(unmet(&unsafe_clock, lax), []);

    let mut insecure = Draft::default();
    insecure.claims = insecure.claims.replacen("\"secure-boot\":true", "\"secure-boot\":false", 1);
    assert_eq!(unmet(&insecure, policy()), [Check::SecureBoot]);
    let mut lax = policy();
    lax.vtpm.require.secure_boot = false;
    assert_eq!(unmet(&insecure, lax), []);
}

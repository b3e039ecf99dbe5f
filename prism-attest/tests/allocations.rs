//! What a warm verification allocates: its verdict, and nothing that it drops again.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use allocation_counter::measure;
use prism_attest::platform::simulated::{
    Mutations, SimulatedMachine, SimulatedTd, SimulatedTdxVendor, SimulatedVendor, TdxMutations,
};
use prism_attest::{AgentBinding, ExpectedBinding, Platform, Prepared, ReportData, Roots, SessionBinding};
use prism_core::entropy::SystemEntropy;

const NOW: u64 = 1_800_000_000;

fn report_data() -> ReportData {
    let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/test+0badcafe+key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    ReportData::compose(&session.leaf(), &agent)
}

#[test]
fn a_warm_verification_of_snp_allocates_nothing_but_the_verdict() {
    let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
    let (evidence, endorsements) = vendor.attest(&report_data(), &Mutations::none()).unwrap();
    let roots = Roots::built_in().with_simulated(vendor.root_digest());
    let policy = vendor.policy_for(&SimulatedMachine::default());
    let prepared = Prepared::new(Platform::Simulated, &endorsements, &roots, NOW).unwrap();
    let look = || prepared.judge(&evidence, &policy, &ExpectedBinding::unbound(), NOW);
    assert!(look().is_good());
    let mut verdict = None;
    let counted = measure(|| verdict = Some(look()));
    assert_eq!(i64::try_from(counted.count_total).unwrap(), counted.count_current, "{counted:?}");
    // The findings' text, their lines, and the claims.
    assert_eq!(counted.count_total, 3, "{counted:?}");
    assert!(verdict.is_some_and(|verdict| verdict.is_good()));
}

#[test]
fn a_warm_verification_of_tdx_allocates_nothing_but_the_verdict() {
    let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
    let (evidence, endorsements) = vendor.attest(&report_data(), &TdxMutations::none()).unwrap();
    let policy = vendor.policy_for(&SimulatedTd::default());
    let roots = Roots::built_in().with_simulators_of(&policy);
    let prepared = Prepared::new(Platform::SimulatedTdx, &endorsements, &roots, NOW).unwrap();
    let admitted = prepared.admit(&evidence, NOW).unwrap();
    let look = || admitted.judge(&evidence, &policy, &ExpectedBinding::unbound(), NOW);
    assert!(look().is_good());
    let mut verdict = None;
    let counted = measure(|| verdict = Some(look()));
    assert_eq!(i64::try_from(counted.count_total).unwrap(), counted.count_current, "{counted:?}");
    // The findings' text, their lines, and the claims.
    assert_eq!(counted.count_total, 3, "{counted:?}");
    assert!(verdict.is_some_and(|verdict| verdict.is_good()));
}

//! The pretend Intel: made at first use, kept, and never another's.

use std::os::unix::fs::PermissionsExt;

use prism_attest::platform::simulated::SimulatedTd;
use prism_attest::{ExpectedBinding, judge};

use super::*;

const NOW: u64 = 1_800_000_000;

#[test]
fn a_pretend_tdx_machine_keeps_its_vendor_and_signs_as_itself() {
    let folder = tempfile::tempdir().unwrap();
    let vendor = folder.path().join("state/simulator-tdx.json");
    let choice = PlatformChoice::SimulatedTdx { vendor: vendor.clone() };
    let root = simulated_tdx_vendor(&vendor, NOW).unwrap().root_digest();
    assert_eq!(fs::metadata(&vendor).unwrap().permissions().mode() & 0o777, 0o600);

    let mut attester = Attester::open(&choice, NOW).unwrap();
    assert_eq!(attester.platform(), Platform::SimulatedTdx);
    let (evidence, endorsements) = attester.attest(&data()).unwrap();
    let kept = simulated_tdx_vendor(&vendor, NOW).unwrap();
    assert_eq!(kept.root_digest(), root);
    let expected = ExpectedBinding::foreign(*data().as_bytes());
    let verdict = judge(&evidence, &endorsements, &kept.policy_for(&SimulatedTd::default()), &expected, NOW);
    assert!(verdict.is_good() && verdict.is_simulated(), "{verdict}");

    assert!(simulated_root(&vendor, NOW).is_err(), "the keys of one vendor are not another's");
    fs::set_permissions(&vendor, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Attester::open(&choice, NOW).is_err());
}

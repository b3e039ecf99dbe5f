//! Drafts from simulated SEV-SNP machines.

use std::sync::OnceLock;

use prism_attest::platform::simulated::{
    Mutation, Mutations, ReportVersion, SimulatedKey, SimulatedMachine, SimulatedVendor,
};
use prism_attest::{Check, policy_from};
use prism_core::entropy::SystemEntropy;
use prism_core::manifest::platform::{HexBytes, Product, Vmpl};

use super::{Machine, NOW, allow, check_remarks, confirm, genuine, judged, report_data};

const PROFILE: [&str; 2] = ["simulated", "snp"];

fn vendor() -> &'static SimulatedVendor {
    static VENDOR: OnceLock<SimulatedVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap())
}

fn machine(change: impl FnOnce(&mut SimulatedMachine)) -> Machine {
    let mut machine = SimulatedMachine::default();
    change(&mut machine);
    vendor().attest_as(&machine, &report_data(), &Mutations::none()).unwrap()
}

fn every_kind() -> Vec<Machine> {
    vec![
        machine(|_| {}),
        machine(|machine| machine.product = Product::Milan),
        machine(|machine| machine.key = SimulatedKey::Vlek),
        machine(|machine| machine.version = ReportVersion::V5),
        machine(|machine| machine.host_data = HexBytes::new([3; 32])),
        machine(|machine| (machine.product, machine.version) = (Product::Turin, ReportVersion::V5)),
    ]
}

#[test]
fn a_confirmed_draft_accepts_the_machine_that_it_was_made_from() {
    for machine in every_kind() {
        let claims = genuine(&machine, vendor().root_digest());
        check_remarks(&claims, &PROFILE);
        let verdict = judged(&machine, &confirm(&policy_from(&claims)));
        assert!(verdict.is_good(), "{verdict}");
    }
}

#[test]
fn a_confirmed_draft_refuses_every_other_machine() {
    let policy = confirm(&policy_from(&genuine(&machine(|_| {}), vendor().root_digest())));
    let other = |change: fn(&mut SimulatedMachine)| judged(&machine(change), &policy).refusal().unwrap().check;
    assert_eq!(other(|machine| machine.measurement = HexBytes::new([1; 48])), Check::Measurement);
    assert_eq!(other(|machine| machine.host_data = HexBytes::new([1; 32])), Check::HostData);
    assert_eq!(other(|machine| machine.guest_svn = 0), Check::GuestSvn);
    assert_eq!(other(|machine| machine.tcb.snp -= 1), Check::MinTcb);
    assert_eq!(other(|machine| machine.vmpl = Vmpl::try_from(1).unwrap()), Check::VmplLevel);
    assert_eq!(other(|machine| machine.key = SimulatedKey::Vlek), Check::SigningKey);
    assert_eq!(other(|machine| machine.product = Product::Milan), Check::Product);
    let strange = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
    let elsewhere = strange.attest(&report_data(), &Mutations::none()).unwrap();
    assert!(!judged(&elsewhere, &policy).is_good());
}

#[test]
fn a_draft_from_a_weak_machine_permits_none_of_its_weaknesses() {
    for (mutation, field, check) in [
        (Mutation::Debug, "debug", Check::Debug),
        (Mutation::Migration, "migration", Check::Migration),
        (Mutation::ProvisionalTcb, "provisional_firmware", Check::CommittedFirmware),
    ] {
        let machine = vendor().attest(&report_data(), &Mutations::new(vec![mutation])).unwrap();
        let draft = policy_from(&genuine(&machine, vendor().root_digest()));
        assert_eq!(allow(&draft, &PROFILE)[field], false, "{mutation:?}");
        let remark = &draft.remarks()[&format!("accept[0].simulated.snp.allow.{field}")];
        assert!(remark.contains("THE MACHINE HAS THIS WEAKNESS"), "{remark}");
        assert_eq!(judged(&machine, &confirm(&draft)).refusal().unwrap().check, check, "{mutation:?}");
    }
    let draft = policy_from(&genuine(&machine(|_| {}), vendor().root_digest()));
    assert!(draft.remarks().values().all(|remark| !remark.contains("WEAKNESS")));
}

//! Drafts from simulated TDX machines.

use std::sync::OnceLock;

use prism_attest::platform::simulated::{
    PckAuthority, QuoteVersion, SimulatedTd, SimulatedTdxVendor, TdxMutation, TdxMutations,
};
use prism_attest::{Check, policy_from};
use prism_core::manifest::platform::HexBytes;

use super::{Machine, NOW, allow, check_remarks, confirm, genuine, judged, report_data};

const PROFILE: [&str; 2] = ["simulated-tdx", "tdx"];

fn vendor() -> &'static SimulatedTdxVendor {
    static VENDOR: OnceLock<SimulatedTdxVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedTdxVendor::generate(NOW).unwrap())
}

fn machine(change: impl FnOnce(&mut SimulatedTd)) -> Machine {
    let mut td = SimulatedTd::default();
    change(&mut td);
    vendor().attest_as(&td, &report_data(), &TdxMutations::none()).unwrap()
}

#[test]
fn a_confirmed_draft_accepts_the_machine_that_it_was_made_from() {
    for machine in [
        machine(|_| {}),
        machine(|td| td.quote = QuoteVersion::V5Td10),
        machine(|td| td.quote = QuoteVersion::V5Td15),
        machine(|td| td.authority = PckAuthority::Processor),
        machine(|td| td.mr_config_id = HexBytes::new([3; 48])),
    ] {
        let claims = genuine(&machine, vendor().root_digest());
        check_remarks(&claims, &PROFILE);
        let verdict = judged(&machine, &confirm(&policy_from(&claims)));
        assert!(verdict.is_good(), "{verdict}");
    }
}

#[test]
fn a_confirmed_draft_refuses_every_other_machine() {
    let policy = confirm(&policy_from(&genuine(&machine(|_| {}), vendor().root_digest())));
    let other = |change: fn(&mut SimulatedTd)| judged(&machine(change), &policy).refusal().unwrap().check;
    let one = HexBytes::new([1; 48]);
    assert_eq!(other(|td| td.mr_td = HexBytes::new([1; 48])), Check::MrTd);
    for at in 0..4 {
        let mut td = SimulatedTd::default();
        td.rtmrs[at] = one;
        let machine = vendor().attest_as(&td, &report_data(), &TdxMutations::none()).unwrap();
        assert!(!judged(&machine, &policy).is_good(), "{at}");
    }
    assert_eq!(other(|td| td.mr_config_id = HexBytes::new([1; 48])), Check::MrConfigId);
    assert_eq!(other(|td| td.mr_owner = HexBytes::new([1; 48])), Check::MrOwner);
    assert_eq!(other(|td| td.mr_owner_config = HexBytes::new([1; 48])), Check::MrOwnerConfig);
    assert_eq!(other(|td| td.mr_seam = HexBytes::new([1; 48])), Check::MrSeam);
    assert_eq!(other(|td| td.ppid = HexBytes::new([1; 16])), Check::Ppid);
}

#[test]
fn a_draft_from_a_weak_machine_permits_none_of_its_weaknesses() {
    for (mutation, field, check) in
        [(TdxMutation::Debug, "debug", Check::TdDebug), (TdxMutation::Migratable, "migratable", Check::Migratable)]
    {
        let machine = vendor().attest(&report_data(), &TdxMutations::new(vec![mutation])).unwrap();
        let draft = policy_from(&genuine(&machine, vendor().root_digest()));
        assert_eq!(allow(&draft, &PROFILE)[field], false, "{mutation:?}");
        let remark = &draft.remarks()[&format!("accept[0].simulated-tdx.tdx.allow.{field}")];
        assert!(remark.contains("THE MACHINE HAS THIS WEAKNESS"), "{remark}");
        assert_eq!(judged(&machine, &confirm(&draft)).refusal().unwrap().check, check, "{mutation:?}");
    }
}

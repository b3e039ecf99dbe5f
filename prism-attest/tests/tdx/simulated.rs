//! The pretend Intel: everything it makes is judged by the same code, and none of it passes for hardware.

use std::sync::OnceLock;

use prism_attest::platform::simulated::{
    Expectation, PckAuthority, QuoteVersion, SimulatedTd, SimulatedTdxVendor, TdxMutation, TdxMutations,
};
use prism_attest::{
    AgentBinding, Case, Check, Endorsements, Evidence, ExpectedBinding, Platform, Prepared, ReportData, Roots,
    SessionBinding, Vendor, Verdict, judge, verify,
};
use prism_core::manifest::platform::{PlatformPolicy, Profile};

use crate::reasons::reason;
use crate::support;

pub(crate) const NOW: u64 = 1_800_000_000;

/// One vendor for all tests of this process.
pub(crate) fn vendor() -> &'static SimulatedTdxVendor {
    static VENDOR: OnceLock<SimulatedTdxVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedTdxVendor::generate(NOW).unwrap())
}

pub(crate) fn report_data() -> ReportData {
    let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/test+0badcafe+key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    ReportData::compose(&session.leaf(), &agent)
}

pub(crate) fn attest(mutations: &[TdxMutation]) -> (Evidence, Endorsements) {
    vendor().attest(&report_data(), &TdxMutations::new(mutations.to_vec())).unwrap()
}

/// The verdict under the policy made for the machine before the faults.
pub(crate) fn judged(mutations: &[TdxMutation]) -> Verdict {
    let machine = TdxMutations::new(mutations.to_vec()).machine(&SimulatedTd::default());
    let (evidence, endorsements) = attest(mutations);
    judged_by(&vendor().policy_for(&machine), &evidence, &endorsements)
}

pub(crate) fn judged_by(policy: &PlatformPolicy, evidence: &Evidence, endorsements: &Endorsements) -> Verdict {
    judge(evidence, endorsements, policy, &ExpectedBinding::foreign(*report_data().as_bytes()), NOW)
}

fn expectation(verdict: &Verdict) -> Expectation {
    let refusal = verdict.refusal().map(|finding| finding.check.stage());
    assert_eq!(refusal.is_none(), verdict.is_good(), "{verdict}");
    refusal.map_or(Expectation::Accepted, Expectation::Refused)
}

#[test]
fn a_simulated_guest_that_the_policy_names_is_accepted_and_says_simulated_everywhere() {
    let verdict = judged(&[]);
    assert!(verdict.is_good(), "{verdict}");
    let text = verdict.to_string();
    assert!(text.lines().next().unwrap().contains("SIMULATED") && text.lines().last().unwrap().contains("SIMULATED"));
    let json: serde_json::Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!((&json["simulated"], &json["platform"]), (&true.into(), &"simulated-tdx".into()));
    assert_eq!(json["assurance"], "simulated");
}

#[test]
fn every_shape_of_guest_is_accepted_by_the_policy_made_for_it() {
    for quote in [QuoteVersion::V4, QuoteVersion::V5Td10, QuoteVersion::V5Td15] {
        for authority in [PckAuthority::Platform, PckAuthority::Processor] {
            let mut td = SimulatedTd::default();
            (td.quote, td.authority) = (quote, authority);
            td.mr_config_id = "5f".repeat(48).parse().unwrap();
            let (evidence, endorsements) = vendor().attest_as(&td, &report_data(), &TdxMutations::none()).unwrap();
            let verdict = judged_by(&vendor().policy_for(&td), &evidence, &endorsements);
            assert!(verdict.is_good(), "{quote:?} {authority:?}: {verdict}");
            assert_eq!(Endorsements::read(&endorsements.to_json()).unwrap(), endorsements);
        }
    }
}

#[test]
fn every_mutation_is_refused_for_its_own_reason() {
    let mut wrong = Vec::new();
    for mutation in TdxMutation::NAMED {
        let verdict = judged(&[*mutation]);
        let found = verdict.refusal().map(|finding| finding.check);
        if expectation(&verdict) != mutation.expected() || found != reason(*mutation) {
            wrong.push(format!("{mutation}: expected {:?}, found {found:?}", reason(*mutation)));
        }
        assert!(verdict.is_simulated() && verdict.to_string().contains("SIMULATED"), "{mutation}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A verdict's last word: accepted, or the first condition that is not met.
fn outcome(verdict: &Verdict) -> (bool, Option<Check>) {
    (verdict.is_good(), verdict.refusal().map(|finding| finding.check))
}

#[test]
fn prepared_endorsements_refuse_every_mutation_that_the_whole_way_refuses() {
    let expected = ExpectedBinding::foreign(*report_data().as_bytes());
    let roots = Roots::built_in().with_simulated(vendor().root_digest());
    for mutation in TdxMutation::NAMED {
        let policy = vendor().policy_for(&TdxMutations::new(vec![*mutation]).machine(&SimulatedTd::default()));
        let (evidence, endorsements) = attest(&[*mutation]);
        let whole = judged_by(&policy, &evidence, &endorsements);
        let Ok(prepared) = Prepared::new(Platform::SimulatedTdx, &endorsements, &roots, NOW) else {
            assert!(!whole.is_good(), "{mutation}");
            continue;
        };
        let warm = prepared.judge(&evidence, &policy, &expected, NOW);
        assert_eq!(outcome(&warm), outcome(&whole), "{mutation}");
        // The machine is admitted by this evidence, or by another with a good certificate. Whoever knows the machine
        // already needs no certificate in the quote.
        let other = (*mutation != TdxMutation::NoChain).then(|| attest(&[]).0);
        let admitted = [Some(&evidence), other.as_ref()].into_iter().flatten();
        for admitted in admitted.filter_map(|evidence| prepared.admit(evidence, NOW).ok()) {
            let verdict = admitted.judge(&evidence, &policy, &expected, NOW);
            assert_eq!(verdict.is_good(), whole.is_good(), "{mutation}, admitted: {verdict}");
        }
    }
}

#[test]
fn no_single_bit_of_the_signed_part_can_be_flipped() {
    for bit in (0..5056).step_by(61) {
        let verdict = judged(&[TdxMutation::FlipBit(bit)]);
        assert!(!verdict.is_good(), "bit {bit}: {verdict}");
    }
}

#[test]
fn names_of_mutations_read_back_and_say_what_they_are() {
    for mutation in TdxMutation::NAMED.iter().copied().chain([TdxMutation::FlipBit(5055)]) {
        assert_eq!(mutation.to_string().parse(), Ok(mutation));
        assert!(mutation.about().ends_with('.'), "{mutation}");
    }
    for text in ["", "nonsense", "flip-bit-", "flip-bit-5056", "flip-bit--1"] {
        assert!(text.parse::<TdxMutation>().is_err(), "{text}");
    }
}

#[test]
fn simulated_quotes_are_refused_where_the_policy_does_not_name_their_simulator() {
    let (evidence, endorsements) = attest(&[]);
    let hardware = PlatformPolicy::only(Profile::Tdx(SimulatedTd::default().policy()));
    let verdict = judged_by(&hardware, &evidence, &endorsements);
    assert_eq!(verdict.refusal().map(|finding| finding.check), Some(Check::PlatformAccepted));
    assert!(verdict.is_simulated());

    let other = SimulatedTdxVendor::generate(NOW).unwrap().policy_for(&SimulatedTd::default());
    let verdict = judged_by(&other, &evidence, &endorsements);
    assert_eq!(verdict.refusal().map(|finding| finding.check), Some(Check::Root));
}

/// The root that the evidence came with.
fn root(endorsements: &Endorsements) -> Vec<u8> {
    support::last_certificate(&endorsements.as_tdx().unwrap().tcb_info_chain)
}

#[test]
fn simulated_quotes_never_pass_for_hardware_not_even_under_their_own_root() {
    for mutation in [TdxMutation::V5, TdxMutation::UnmarkedQuote, TdxMutation::UnmarkedCertificate] {
        let (evidence, endorsements) = attest(&[mutation]);
        let disguised = Evidence::new(Platform::Tdx, evidence.bytes().to_vec()).unwrap();
        let pinned = Roots::built_in().with_simulated(vendor().root_digest());
        let error = verify(&disguised, &endorsements, &pinned, NOW).unwrap_err();
        assert_eq!(error.findings().last().unwrap().check, Check::Root);
        let private = Roots::built_in().with_custom(Vendor::Intel, &root(&endorsements));
        let error = verify(&disguised, &endorsements, &private, NOW).unwrap_err();
        assert_eq!(error.findings().last().unwrap().check, Check::SimulatorMark, "{mutation}");
    }
}

#[test]
fn the_mark_in_a_quote_alone_is_refused_under_a_root_that_is_no_simulator_s() {
    for (mutation, check) in
        [(TdxMutation::Disguised, None), (TdxMutation::DisguisedCertificates, Some(Check::SimulatorMark))]
    {
        let (evidence, endorsements) = attest(&[mutation]);
        let evidence = Evidence::new(Platform::Tdx, evidence.bytes().to_vec()).unwrap();
        let policy = PlatformPolicy::only(Profile::Tdx(SimulatedTd::default().policy()));
        let expected = ExpectedBinding::unbound();
        let roots = Roots::built_in().with_custom(Vendor::Intel, &root(&endorsements));
        let case =
            Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now: NOW };
        let verdict = case.judge_under(&roots);
        assert_eq!(verdict.refusal().map(|finding| finding.check), check, "{verdict}");
        assert_eq!(verdict.is_good(), check.is_none());
    }
}

#[test]
fn a_vendor_that_was_kept_goes_on_and_a_broken_one_is_refused() {
    let kept = vendor().to_bytes().unwrap();
    let again = SimulatedTdxVendor::from_bytes(&kept).unwrap();
    assert_eq!(again.root_digest(), vendor().root_digest());
    let (evidence, endorsements) = again.attest(&report_data(), &TdxMutations::none()).unwrap();
    let policy = vendor().policy_for(&SimulatedTd::default());
    assert!(judged_by(&policy, &evidence, &endorsements).is_good());

    let text = String::from_utf8(kept.to_vec()).unwrap();
    let other = String::from_utf8(SimulatedTdxVendor::generate(NOW).unwrap().to_bytes().unwrap().to_vec()).unwrap();
    let line = |text: &str, name: &str| text.lines().find(|line| line.contains(name)).unwrap().to_owned();
    let swapped = text.replace(&line(&text, "\"root\""), &line(&other, "\"root\""));
    for broken in [
        text.replacen("\"v\": 1", "\"v\": 2", 1),
        text.replacen("simulated-tdx", "simulated", 1),
        text.replacen("\"pck\": \"", "\"pck\": \"!", 1),
        swapped,
        "{}".to_owned(),
    ] {
        assert!(SimulatedTdxVendor::from_bytes(broken.as_bytes()).is_err());
    }
}

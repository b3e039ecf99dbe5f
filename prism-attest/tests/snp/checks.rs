//! Each condition of the policy can refuse a machine by itself, and no condition is without such a test.

use std::collections::BTreeSet;

use prism_attest::platform::simulated::{Mutation, Mutations, SimulatedMachine};
use prism_attest::{Check, Evidence, ExpectedBinding, Platform, Roots, Verdict, judge, verify};
use prism_core::digest::Digest;
use prism_core::manifest::platform::{
    Accept, List, PlatformPolicy, Profile, Revocation, SigningKeyRule, SimulatedPolicy, SnpPolicy, Tcb, VlekRule, Vmpl,
};

use crate::simulated::{self, NOW, attest, live, policy, refused, report_data, vendor};
use crate::support;

fn judge_under(snp: SnpPolicy, mutations: &[Mutation]) -> Verdict {
    let (evidence, endorsements) = attest(mutations);
    let policy = PlatformPolicy::only(Profile::Simulated(SimulatedPolicy::new(vendor().root_digest(), snp)));
    judge(&evidence, &endorsements, &policy, &ExpectedBinding::live(live()), NOW)
}

fn strict() -> SnpPolicy {
    SimulatedMachine::default().policy()
}

/// A fault, and what makes a policy accept it.
type Weakness = (Mutation, fn(&mut SnpPolicy));

/// A condition that the default machine does not meet, and its check.
type Tightening = (Check, fn(&mut SnpPolicy));

const TIGHTENINGS: &[Tightening] = &[
    (Check::SigningKey, |p| p.signing_keys = List::only(SigningKeyRule::Vlek(VlekRule { csp_ids: Accept::Any }))),
    (Check::Measurement, |p| p.measurements = Accept::only("77".repeat(48).parse().unwrap())),
    (Check::HostData, |p| p.host_data = Accept::only("77".repeat(32).parse().unwrap())),
    (Check::FamilyId, |p| p.family_ids = Accept::only("77".repeat(16).parse().unwrap())),
    (Check::ImageId, |p| p.image_ids = Accept::only("77".repeat(16).parse().unwrap())),
    (Check::ReportId, |p| p.report_ids = Accept::only("77".repeat(32).parse().unwrap())),
    (Check::ChipId, |p| p.chip_ids = Accept::only("77".repeat(64).parse().unwrap())),
    (Check::IdKey, |p| p.id_keys = Accept::only("77".repeat(48).parse().unwrap())),
    (Check::AuthorKey, |p| p.author_keys = Accept::only("00".repeat(48).parse().unwrap())),
    (Check::VmplLevel, |p| p.vmpls = List::only(Vmpl::try_from(1).unwrap())),
    (Check::GuestSvn, |p| p.min_guest_svn = 2),
    (Check::Abi, |p| p.min_abi = "0.32".parse().unwrap()),
    (Check::LaunchMitigations, |p| p.min_mitigations.launch = 1),
    (Check::CurrentMitigations, |p| p.min_mitigations.current = 1),
    (Check::Smt, |p| p.allow.smt = false),
    (Check::CiphertextHiding, |p| p.require.ciphertext_hiding = true),
    (Check::SingleSocket, |p| p.require.single_socket = true),
    (Check::RaplDisabled, |p| p.require.rapl_disabled = true),
    (Check::Ecc, |p| p.require.ecc = true),
    (Check::Tsme, |p| p.require.tsme = true),
    (Check::Aes256Xts, |p| p.require.aes_256_xts = true),
    (Check::PageSwapDisabled, |p| p.require.page_swap_disabled = true),
];

#[test]
fn each_condition_of_a_policy_refuses_by_itself() {
    for (check, tighten) in TIGHTENINGS {
        let mut policy = strict();
        tighten(&mut policy);
        let verdict = judge_under(policy, &[]);
        let unmet: Vec<_> = verdict.findings().iter().filter(|f| !f.ok).map(|f| f.check).collect();
        assert_eq!(unmet, [*check], "{verdict}");
    }
}

#[test]
fn each_part_of_the_security_versions_refuses_by_itself() {
    let tcb = SimulatedMachine::default().tcb;
    for above in [
        Tcb { fmc: tcb.fmc + 1, ..tcb },
        Tcb { bootloader: tcb.bootloader + 1, ..tcb },
        Tcb { tee: tcb.tee + 1, ..tcb },
        Tcb { snp: tcb.snp + 1, ..tcb },
        Tcb { microcode: tcb.microcode + 1, ..tcb },
    ] {
        let mut policy = strict();
        policy.products.values_mut().for_each(|minimum| minimum.min_tcb = above);
        assert_eq!(refused(&judge_under(policy, &[])), Some(Check::MinTcb));
        let mut policy = strict();
        policy.products.values_mut().for_each(|minimum| minimum.min_launch_tcb = above);
        assert_eq!(refused(&judge_under(policy, &[])), Some(Check::MinLaunchTcb));
    }
}

#[test]
fn each_weakness_that_a_policy_accepts_is_accepted_and_no_other() {
    let weaknesses: [Weakness; 8] = [
        (Mutation::Debug, |p| p.allow.debug = true),
        (Mutation::Migration, |p| p.allow.migration = true),
        (Mutation::Cxl, |p| p.allow.cxl = true),
        (Mutation::TrustedIo, |p| p.allow.trusted_io = true),
        (Mutation::ProvisionalFirmware, |p| p.allow.provisional_firmware = true),
        (Mutation::MaskedChip, |p| p.allow.masked_chip_id = true),
        (Mutation::NoCrl, |p| p.revocation = Revocation::IfPresent),
        (Mutation::NoAliasCheck, |p| p.require.alias_check = false),
    ];
    for (at, (_, allow)) in weaknesses.iter().enumerate() {
        let mut policy = strict();
        allow(&mut policy);
        for (other, (mutation, _)) in weaknesses.iter().enumerate() {
            let verdict = judge_under(policy.clone(), &[*mutation]);
            assert_eq!(verdict.is_good(), at == other, "{mutation}: {verdict}");
        }
    }
}

#[test]
fn two_threads_on_a_core_are_refused_whichever_side_allows_them() {
    let mut policy = strict();
    policy.allow.smt = false;
    let verdict = judge_under(policy, &[Mutation::SmtAgainstPolicy]);
    let unmet: Vec<_> = verdict.findings().unmet().map(|finding| finding.check).collect();
    assert_eq!(unmet, [Check::GuestPolicyKept, Check::Smt], "{verdict}");
}

/// The certificate with one letter of the `number`th "-Simulated" changed.
fn renamed(der: &[u8], number: usize) -> Vec<u8> {
    let is_name = |at: &usize| der[*at..].starts_with(b"-Simulated");
    let (at, mut der) = ((0..der.len()).filter(is_name).nth(number).unwrap(), der.to_vec());
    der[at + 1] = b's';
    der
}

#[test]
fn every_certificate_is_issued_by_the_one_above() {
    let (evidence, endorsements) = attest(&[]);
    let parts = endorsements.as_snp().unwrap();
    let ark = &parts.ark;
    for (vek, ask, ark) in [
        (renamed(&parts.vek, 0), parts.ask.clone(), ark.clone()),
        (parts.vek.clone(), renamed(&parts.ask, 0), ark.clone()),
        (parts.vek.clone(), renamed(&parts.ask, 1), ark.clone()),
        (parts.vek.clone(), parts.ask.clone(), renamed(ark, 0)),
        (parts.vek.clone(), parts.ask.clone(), renamed(ark, 1)),
    ] {
        let roots = Roots::built_in().with_simulated(Digest::sha256(&ark));
        let parts = prism_attest::SnpEndorsements { vek, ask, ark, ..parts.clone() };
        let endorsements = prism_attest::Endorsements::snp(parts).unwrap();
        let error = verify(&evidence, &endorsements, &roots, NOW).unwrap_err();
        let last = error.findings().last().unwrap();
        assert!(last.check == Check::CertificateNames && !last.ok, "{error}");
    }
}

#[test]
fn a_hidden_chip_is_on_nobody_s_list() {
    let mut policy = strict();
    policy.chip_ids = Accept::only("00".repeat(64).parse().unwrap());
    policy.allow.masked_chip_id = true;
    assert_eq!(refused(&judge_under(policy, &[Mutation::MaskedChip])), Some(Check::ChipId));
}

#[test]
fn what_is_expected_of_a_chip_says_whether_it_has_to_be_shown() {
    let expected = |mutations: &[Mutation], masked: bool| {
        let mut policy = strict();
        (policy.chip_ids, policy.allow.masked_chip_id) = (Accept::Any, masked);
        let verdict = judge_under(policy, mutations);
        verdict.findings().iter().find(|finding| finding.check == Check::ChipId).unwrap().expected.to_owned()
    };
    assert_eq!([expected(&[], false), expected(&[], true)], ["any and shown", "any"]);
    // A provider's key hides the chip by its nature.
    assert_eq!([expected(&[Mutation::Vlek], false), expected(&[Mutation::Vlek], true)], ["any", "any"]);
}

#[test]
fn a_machine_with_every_protection_meets_a_policy_that_demands_them_all() {
    let mut policy = strict();
    policy.require.ciphertext_hiding = true;
    policy.require.single_socket = true;
    policy.require.rapl_disabled = true;
    policy.require.ecc = true;
    policy.require.tsme = true;
    policy.require.aes_256_xts = true;
    policy.require.page_swap_disabled = true;
    policy.min_mitigations.launch = 0x3f;
    policy.min_mitigations.current = 0x21;
    let verdict = judge_under(policy.clone(), &[Mutation::Hardened]);
    assert!(verdict.is_good(), "{verdict}");
    // The guest asked for one socket, AES-256-XTS, no RAPL, hidden ciphertexts and no swapped pages (bits 20, 22 to 25).
    let asked = attest(&[Mutation::Hardened]).0.bytes()[8..16].try_into().map(u64::from_le_bytes).unwrap();
    assert_eq!(asked >> 20 & 0b11_1101, 0b11_1101);
    policy.min_mitigations.current = 0x40;
    assert_eq!(refused(&judge_under(policy, &[Mutation::Hardened])), Some(Check::CurrentMitigations));
}

/// Checks that no evidence can fail yet, with the reason.
const CANNOT_FAIL: &[Check] = &[
    Check::ReportPlatformBits, // unknown bits are shown, never refused
    Check::PlatformSupported,  // every platform that has a name is verified
];

#[test]
fn no_check_is_without_a_case_that_only_it_refuses() {
    let mut seen: BTreeSet<Check> = CANNOT_FAIL.iter().copied().collect();
    let mut noted = BTreeSet::new();
    seen.extend(TIGHTENINGS.iter().map(|(check, _)| *check));
    let expected = ExpectedBinding::live(live());
    for mutation in Mutation::NAMED.iter().copied() {
        let (evidence, endorsements) = attest(&[mutation]);
        let verdict = judge(&evidence, &endorsements, &policy(), &expected, NOW);
        seen.extend(verdict.refusal().map(|finding| finding.check));
        noted.extend(verdict.findings().iter().map(|finding| finding.check));
    }
    seen.extend(others());
    let missing: Vec<_> = noted.difference(&seen).collect();
    assert!(missing.is_empty(), "no case is refused for {missing:?}");
    assert!(seen.contains(&Check::ReportSignature) && noted.len() > 60, "{}", noted.len());
}

/// What is refused for other reasons than a mutation of the machine or a condition of the policy.
fn others() -> Vec<Check> {
    let (evidence, endorsements) = vendor().attest(&report_data(), &Mutations::none()).unwrap();
    let parts = endorsements.as_snp().unwrap();
    let flipped = |der: &[u8]| {
        let mut der = der.to_vec();
        *der.last_mut().unwrap() ^= 1;
        der
    };
    let mut checks = Vec::new();
    for parts in [
        prism_attest::SnpEndorsements { ask: flipped(&parts.ask), ..parts.clone() },
        prism_attest::SnpEndorsements { vek: flipped(&parts.vek), ..parts.clone() },
        prism_attest::SnpEndorsements { crl: Some(vec![0]), ..parts.clone() },
    ] {
        let endorsements = prism_attest::Endorsements::snp(parts).unwrap();
        checks.extend(refused(&judge(&evidence, &endorsements, &policy(), &ExpectedBinding::unbound(), NOW)));
    }
    let tdx = Evidence::new(Platform::Tdx, vec![0]).unwrap();
    checks.extend(refused(&judge(&tdx, &endorsements, &policy(), &ExpectedBinding::unbound(), NOW)));
    let error = verify(&tdx, &endorsements, &Roots::built_in(), NOW).unwrap_err();
    checks.extend(error.findings().last().map(|finding| finding.check));
    let hardware = support::accept(strict());
    checks.extend(refused(&judge(&evidence, &endorsements, &hardware, &ExpectedBinding::unbound(), NOW)));
    let stranger = SimulatedPolicy::new(Digest::sha256(b"stranger"), strict());
    let mut lax = strict();
    lax.min_guest_svn = 9;
    let ours = SimulatedPolicy::new(vendor().root_digest(), lax);
    let two = PlatformPolicy::new(vec![Profile::Simulated(stranger), Profile::Simulated(ours)]).unwrap();
    checks.extend(refused(&judge(&evidence, &endorsements, &two, &ExpectedBinding::unbound(), NOW)));
    checks.extend(bindings().iter().flat_map(|expected| {
        let verdict = judge(&evidence, &endorsements, &policy(), expected, NOW);
        verdict.findings().iter().filter(|finding| !finding.ok).map(|finding| finding.check).collect::<Vec<_>>()
    }));
    checks
}

fn bindings() -> Vec<ExpectedBinding> {
    use prism_attest::binding::{ExpectedManifest, LiveBinding};
    vec![
        ExpectedBinding::live(LiveBinding { exporter: [0; 32], ..live() }),
        ExpectedBinding::live(LiveBinding { tls_spki: vec![0], ..live() }),
        ExpectedBinding::live(LiveBinding { manifest: ExpectedManifest::NoneYet, ..live() }),
        ExpectedBinding::recorded(b"no binding".to_vec()),
        ExpectedBinding::recorded([simulated::agent().encode(), vec![0]].concat()),
        ExpectedBinding::foreign([0; 64]),
    ]
}

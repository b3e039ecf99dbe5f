//! The simulator: everything it makes is judged by the same code, and none of it passes for hardware.

use std::sync::OnceLock;

use prism_attest::binding::{Batch, BatchPath, BindingClaim, ExpectedManifest, LiveBinding};
use prism_attest::platform::simulated::{
    Expectation, Mutation, Mutations, ReportVersion, SimulatedKey, SimulatedMachine, SimulatedVendor,
};
use prism_attest::{
    AgentBinding, Case, Check, Endorsements, Evidence, ExpectedBinding, Platform, ReportData, Roots, SessionBinding,
    SnpEndorsements, Stage, Vendor, Verdict, judge, verify,
};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::manifest::platform::{PlatformPolicy, Product, Profile, SimulatedPolicy, Tcb};

use crate::reasons::reason;
use crate::support;

pub(crate) const NOW: u64 = 1_800_000_000;

/// One vendor for all tests of this process: its RSA keys take seconds.
pub(crate) fn vendor() -> &'static SimulatedVendor {
    static VENDOR: OnceLock<SimulatedVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap())
}

pub(crate) fn manifest() -> Digest {
    Digest::sha256(b"manifest")
}

pub(crate) fn agent() -> AgentBinding {
    AgentBinding::new([1; 16], vec![2; 91], "prism.log/test+0badcafe+key".to_owned(), Some(manifest())).unwrap()
}

pub(crate) fn session() -> SessionBinding {
    SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] }
}

pub(crate) fn report_data() -> ReportData {
    ReportData::compose(&Batch::new(&[session().leaf()]).unwrap().root(), &agent())
}

pub(crate) fn live() -> LiveBinding {
    LiveBinding {
        tls_spki: agent().tls_spki().to_vec(),
        manifest: ExpectedManifest::Exactly(manifest()),
        exporter: session().exporter,
        client_nonce: session().client_nonce,
        claim: BindingClaim { agent: agent().encode(), agent_nonce: session().agent_nonce, path: BatchPath::alone() },
    }
}

pub(crate) fn attest(mutations: &[Mutation]) -> (Evidence, Endorsements) {
    vendor().attest(&report_data(), &Mutations::new(mutations.to_vec())).unwrap()
}

pub(crate) fn policy() -> PlatformPolicy {
    vendor().policy_for(&SimulatedMachine::default())
}

fn judge_live(live: LiveBinding, (evidence, endorsements): &(Evidence, Endorsements)) -> Verdict {
    judge(evidence, endorsements, &policy(), &ExpectedBinding::live(live), NOW)
}

pub(crate) fn refused(verdict: &Verdict) -> Option<Check> {
    assert!(!verdict.is_good(), "{verdict}");
    verdict.refusal().map(|finding| finding.check)
}

#[test]
fn a_simulated_machine_that_the_policy_names_is_trusted_and_says_simulated_everywhere() {
    let verdict = judge_live(live(), &attest(&[]));
    assert!(verdict.is_good(), "{verdict}");
    let text = verdict.to_string();
    assert!(text.lines().next().unwrap().contains("SIMULATED") && text.lines().last().unwrap().contains("SIMULATED"));
    let json: serde_json::Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!((&json["verdict"], &json["simulated"]), (&"trusted".into(), &true.into()));
    assert_eq!((&json["assurance"], &json["platform"]), (&"simulated".into(), &"simulated".into()));
    assert!(json["findings"].as_array().unwrap().iter().all(|finding| finding["ok"] == true));
    let trust = verdict.into_trust().unwrap();
    assert!(trust.summary().is_simulated() && trust.summary().to_string().starts_with("SIMULATED"));
    assert_eq!(trust.summary().agent(), &agent());
}

#[test]
fn every_shape_of_machine_is_accepted_by_the_policy_made_for_it() {
    for product in Product::ALL {
        for version in [ReportVersion::V2, ReportVersion::V3, ReportVersion::V4, ReportVersion::V5] {
            for key in [SimulatedKey::Vcek, SimulatedKey::Vlek] {
                let mut machine = SimulatedMachine::default();
                (machine.product, machine.version, machine.key) = (product, version, key);
                machine.tcb = Tcb { fmc: u8::from(product == Product::Turin), microcode: 219, ..machine.tcb };
                let (evidence, endorsements) =
                    vendor().attest_as(&machine, &report_data(), &Mutations::none()).unwrap();
                let policy = vendor().policy_for(&machine);
                let verdict = judge(&evidence, &endorsements, &policy, &ExpectedBinding::live(live()), NOW);
                assert!(verdict.is_good(), "{verdict}");
                let read = Endorsements::read(&endorsements.to_json()).unwrap();
                assert_eq!(read, endorsements);
            }
        }
    }
}

#[test]
fn every_mutation_is_refused_for_its_own_reason() {
    for mutation in Mutation::NAMED.iter().copied() {
        let (evidence, endorsements) = attest(&[mutation]);
        let machine = Mutations::new(vec![mutation]).machine(&SimulatedMachine::default());
        let policy = vendor().policy_for(&machine);
        let verdict = judge(&evidence, &endorsements, &policy, &ExpectedBinding::live(live()), NOW);
        let refusal = verdict.refusal().map(|finding| finding.check.stage());
        assert_eq!(
            refusal.map_or(Expectation::Accepted, Expectation::Refused),
            mutation.expected(),
            "{mutation}: {verdict}"
        );
        if mutation.expected() == Expectation::Accepted {
            assert!(verdict.is_good(), "{mutation}: {verdict}");
            continue;
        }
        assert_eq!(refused(&verdict), Some(reason(mutation)), "{mutation}: {verdict}");
        assert!(verdict.is_simulated() && verdict.to_string().contains("SIMULATED"), "{mutation}");
        assert!(verdict.into_trust().is_err(), "{mutation}");
    }
    let flipped = judge_live(live(), &attest(&[Mutation::FlipBit(0x90 * 8)]));
    assert_eq!(refused(&flipped), Some(Check::ReportSignature));
}

#[test]
fn names_of_mutations_read_back() {
    for mutation in Mutation::NAMED.iter().copied().chain([Mutation::FlipBit(9471)]) {
        assert_eq!(mutation.to_string().parse(), Ok(mutation));
    }
    for text in ["", "nonsense", "flip-bit-", "flip-bit-9472", "flip-bit--1"] {
        assert!(text.parse::<Mutation>().is_err(), "{text}");
    }
}

#[test]
fn all_unmet_conditions_of_a_genuine_machine_are_listed() {
    let verdict = judge_live(
        LiveBinding { client_nonce: [0; 32], ..live() },
        &attest(&[Mutation::Debug, Mutation::OtherMeasurement, Mutation::NoCrl]),
    );
    let unmet: Vec<_> = verdict.findings().iter().filter(|finding| !finding.ok).map(|finding| finding.check).collect();
    assert_eq!(unmet, [Check::Measurement, Check::Debug, Check::CrlPresent, Check::BindingSession]);
}

#[test]
fn evidence_of_another_channel_boot_nonce_or_manifest_is_not_trusted() {
    let evidence = attest(&[]);
    let other_boot = AgentBinding::new([9; 16], vec![2; 91], agent().log_vkey().to_owned(), Some(manifest())).unwrap();
    let claim = |agent: &AgentBinding| BindingClaim { agent: agent.encode(), ..live().claim };
    for (live, check) in [
        (LiveBinding { exporter: [0; 32], ..live() }, Check::BindingSession),
        (LiveBinding { client_nonce: [0; 32], ..live() }, Check::BindingSession),
        (LiveBinding { tls_spki: vec![0], ..live() }, Check::BindingChannelKey),
        (LiveBinding { manifest: ExpectedManifest::NoneYet, ..live() }, Check::BindingManifest),
        (LiveBinding { claim: claim(&other_boot), ..live() }, Check::BindingAgent),
    ] {
        let verdict = judge_live(live, &evidence);
        assert_eq!(refused(&verdict), Some(check));
        assert_eq!(verdict.refusal().unwrap().check.stage(), Stage::Binding);
        assert!(verdict.into_trust().is_err());
    }
}

#[test]
fn only_a_live_connection_makes_trust() {
    let (evidence, endorsements) = attest(&[]);
    for expected in [
        ExpectedBinding::recorded(agent().encode()),
        ExpectedBinding::foreign(*report_data().as_bytes()),
        ExpectedBinding::unbound(),
    ] {
        let verdict = judge(&evidence, &endorsements, &policy(), &expected, NOW);
        assert!(verdict.is_good(), "{verdict}");
        assert!(!verdict.to_string().starts_with("TRUSTED"));
        assert!(verdict.into_trust().unwrap_err().to_string().contains("live connection"));
    }
}

#[test]
fn simulated_evidence_is_refused_where_the_policy_does_not_name_its_simulator() {
    let (evidence, endorsements) = attest(&[]);
    let expected = ExpectedBinding::live(live());
    let hardware = support::accept(SimulatedMachine::default().policy());
    let verdict = judge(&evidence, &endorsements, &hardware, &expected, NOW);
    assert_eq!(refused(&verdict), Some(Check::PlatformAccepted));
    assert!(verdict.is_simulated());

    let other = SimulatedPolicy::new(Digest::sha256(b"another"), SimulatedMachine::default().policy());
    let other = PlatformPolicy::only(Profile::Simulated(other));
    assert_eq!(refused(&judge(&evidence, &endorsements, &other, &expected, NOW)), Some(Check::Root));

    let (policy, all) = (policy(), Roots::built_in());
    let case =
        Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now: NOW };
    assert!(case.judge_under(&all).is_good());
}

#[test]
fn simulated_evidence_never_passes_for_hardware_not_even_under_its_own_root() {
    let (evidence, endorsements) = attest(&[]);
    let disguised = Evidence::new(Platform::Snp, evidence.bytes().to_vec()).unwrap();
    let error = verify(&disguised, &endorsements, &Roots::built_in().with_simulated(vendor().root_digest()), NOW);
    assert_eq!(error.unwrap_err().findings().last().unwrap().check, Check::Root);

    let ark = &endorsements.as_snp().unwrap().ark;
    let private = Roots::built_in().with_custom(Vendor::Amd(Product::Genoa), ark);
    for mutations in [&[][..], &[Mutation::UnmarkedReport], &[Mutation::UnmarkedReport, Mutation::UnmarkedCertificate]]
    {
        let (evidence, endorsements) = attest(mutations);
        let disguised = Evidence::new(Platform::Snp, evidence.bytes().to_vec()).unwrap();
        let error = verify(&disguised, &endorsements, &private, NOW).unwrap_err();
        assert_eq!(error.findings().last().unwrap().check, Check::SimulatorMark);
    }
}

#[test]
fn one_profile_that_holds_whole_is_enough_and_halves_of_two_are_not() {
    let (evidence, endorsements) = attest(&[]);
    let expected = ExpectedBinding::live(live());
    let root = vendor().root_digest();
    let mut other_product = SimulatedMachine::default().policy();
    other_product.products = [(Product::Milan, other_product.products[&Product::Genoa])].into();
    let mut other_measurement = SimulatedMachine::default().policy();
    other_measurement.measurements = prism_core::manifest::platform::Accept::only("77".repeat(48).parse().unwrap());
    let profile = |snp| Profile::Simulated(SimulatedPolicy::new(root, snp));

    let halves = PlatformPolicy::new(vec![profile(other_product.clone()), profile(other_measurement)]).unwrap();
    let verdict = judge(&evidence, &endorsements, &halves, &expected, NOW);
    let unmet: Vec<_> = verdict.findings().iter().filter(|finding| !finding.ok).collect();
    assert_eq!(unmet.iter().map(|finding| finding.profile).collect::<Vec<_>>(), [Some(0), Some(1)]);
    assert!(!verdict.is_good());

    let whole =
        PlatformPolicy::new(vec![profile(other_product), profile(SimulatedMachine::default().policy())]).unwrap();
    assert!(judge(&evidence, &endorsements, &whole, &expected, NOW).is_good());
}

#[test]
fn a_policy_that_pins_a_simulator_of_another_profile_is_not_enough() {
    let (evidence, endorsements) = attest(&[]);
    let stranger = Digest::sha256(b"stranger");
    let mut lax = SimulatedMachine::default().policy();
    let strict = {
        let mut policy = lax.clone();
        policy.min_guest_svn = 9;
        policy
    };
    lax.measurements = prism_core::manifest::platform::Accept::Any;
    let profiles = vec![
        Profile::Simulated(SimulatedPolicy::new(stranger, lax)),
        Profile::Simulated(SimulatedPolicy::new(vendor().root_digest(), strict)),
    ];
    let policy = PlatformPolicy::new(profiles).unwrap();
    let verdict = judge(&evidence, &endorsements, &policy, &ExpectedBinding::live(live()), NOW);
    assert_eq!(refused(&verdict), Some(Check::SimulatedRoot));
}

#[test]
fn a_vendor_that_was_kept_goes_on_and_a_broken_one_is_refused() {
    let kept = vendor().to_bytes().unwrap();
    let again = SimulatedVendor::from_bytes(&kept).unwrap();
    assert_eq!(again.root_digest(), vendor().root_digest());
    let (evidence, endorsements) = again.attest(&report_data(), &Mutations::none()).unwrap();
    assert!(judge(&evidence, &endorsements, &policy(), &ExpectedBinding::live(live()), NOW).is_good());

    let text = std::str::from_utf8(&kept).unwrap();
    let mut swapped: serde_json::Value = serde_json::from_str(text).unwrap();
    swapped["ask"]["certificate"] = swapped["ark"]["certificate"].clone();
    for broken in [swapped.to_string(), text.replace("\"v\": 1", "\"v\": 2"), "{}".to_owned(), String::new()] {
        assert!(SimulatedVendor::from_bytes(broken.as_bytes()).is_err());
    }
    assert!(!format!("{:?}", vendor()).contains("key"));
}

#[test]
fn certificates_in_the_wrong_places_or_with_trailing_bytes_are_refused() {
    let (evidence, endorsements) = attest(&[]);
    let parts = endorsements.as_snp().unwrap();
    let roots = Roots::built_in().with_simulated(vendor().root_digest());
    let check = |parts: SnpEndorsements| {
        let endorsements = Endorsements::snp(parts).unwrap();
        verify(&evidence, &endorsements, &roots, NOW).map_err(|error| error.findings().last().unwrap().check)
    };
    assert!(check(parts.clone()).is_ok());
    let longer = |der: &Vec<u8>| [der.as_slice(), &[0]].concat();
    for (parts, expected) in [
        (SnpEndorsements { vek: longer(&parts.vek), ..parts.clone() }, Check::CertificateForm),
        (SnpEndorsements { ask: longer(&parts.ask), ..parts.clone() }, Check::CertificateForm),
        (SnpEndorsements { ark: longer(&parts.ark), ..parts.clone() }, Check::CertificateForm),
        (SnpEndorsements { crl: parts.crl.as_ref().map(longer), ..parts.clone() }, Check::CrlForm),
        (SnpEndorsements { crl: Some(parts.vek.clone()), ..parts.clone() }, Check::CrlForm),
        (SnpEndorsements { ask: parts.ark.clone(), ..parts.clone() }, Check::CertificateNames),
        (SnpEndorsements { ark: parts.ask.clone(), ..parts.clone() }, Check::Root),
    ] {
        assert_eq!(check(parts).err(), Some(expected));
    }
}

#[test]
fn no_certificate_with_one_bit_flipped_is_believed() {
    let (evidence, endorsements) = attest(&[]);
    let parts = endorsements.as_snp().unwrap();
    let roots = Roots::built_in().with_simulated(vendor().root_digest());
    let flip = |der: &Vec<u8>, bit: usize| {
        let mut der = der.clone();
        der[bit / 8] ^= 1 << (bit % 8);
        der
    };
    for bit in bits(&parts.vek) {
        let flipped = SnpEndorsements { vek: flip(&parts.vek, bit), ..parts.clone() };
        assert!(verify(&evidence, &Endorsements::snp(flipped).unwrap(), &roots, NOW).is_err(), "vek {bit}");
    }
    for bit in bits(&parts.ask) {
        let flipped = SnpEndorsements { ask: flip(&parts.ask, bit), ..parts.clone() };
        assert!(verify(&evidence, &Endorsements::snp(flipped).unwrap(), &roots, NOW).is_err(), "ask {bit}");
    }
    let crl = parts.crl.as_ref().unwrap();
    for bit in bits(crl) {
        let flipped = SnpEndorsements { crl: Some(flip(crl, bit)), ..parts.clone() };
        assert!(verify(&evidence, &Endorsements::snp(flipped).unwrap(), &roots, NOW).is_err(), "crl {bit}");
    }
}

/// Every bit of what is not signed, and a sample of what is and of the signature.
fn bits(der: &[u8]) -> impl Iterator<Item = usize> {
    let signature = der.len() - 512;
    let unsigned = (0..4).chain(signature - 75..signature);
    unsigned.flat_map(|byte| byte * 8..byte * 8 + 8).chain((0..der.len() * 8).step_by(31))
}

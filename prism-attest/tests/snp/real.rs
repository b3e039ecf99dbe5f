//! Evidence of real machines: accepted at its time, refused one second outside of it and wherever it was altered.

use std::fs;
use std::path::Path;

use prism_attest::{
    Check, ChipId, Endorsements, Evidence, ExpectedBinding, Platform, Roots, SnpEndorsements, Verdict, judge, verify,
};
use prism_core::manifest::platform::{Accept, List, SigningKeyRule, SnpPolicy, VlekRule, Vmpl};

use crate::support;

const DAY: u64 = 24 * 60 * 60;

/// A report, its leaf, and the first and last second of the leaf.
struct Machine {
    name: &'static str,
    report: &'static str,
    leaf: &'static str,
    window: (u64, u64),
}

const MILAN_V2: Machine = Machine {
    name: "Milan, version 2",
    report: "sev/tests__certs_data__report_milan.hex",
    leaf: "sev/tests__certs_data__vcek_milan.der",
    window: (1_680_549_823, 1_901_474_623),
};
const MILAN_DEBUG: Machine = Machine {
    name: "Milan, version 2, debuggable",
    report: "go-sev-guest/verify__testdata__attestation.bin",
    leaf: "go-sev-guest/verify__testdata__vcek.testcer",
    window: (1_663_980_928, 1_884_905_728),
};
const GENOA_V3: Machine = Machine {
    name: "Genoa, version 3",
    report: "ms-tav/tests__test_data__genoa_attestation_report.bin",
    leaf: "ms-tav/tests__test_data__genoa_vcek.pem",
    window: (1_770_257_107, 1_991_181_907),
};
const TURIN_V5: Machine = Machine {
    name: "Turin, version 5",
    report: "ms-tav/tests__test_data__turin_attestation_report.bin",
    leaf: "ms-tav/tests__test_data__turin_vcek.pem",
    window: (1_770_253_473, 1_991_178_273),
};
const MILAN_VLEK: Machine = Machine {
    name: "Milan, version 3, VLEK",
    report: "trustee/deps__verifier__test_data__snp__test-vlek-report.bin",
    leaf: "trustee/deps__verifier__test_data__snp__test-vlek.der",
    window: (1_733_868_861, 1_765_404_861),
};

/// The bytes of a DER, PEM or hex file.
fn bytes(path: &Path) -> Vec<u8> {
    let raw = fs::read(path).unwrap();
    let text = std::str::from_utf8(&raw).unwrap_or_default();
    if let Some(body) = text.trim().strip_prefix("-----BEGIN CERTIFICATE-----") {
        use base64::Engine;
        let body: String = body.split("-----END").next().unwrap().split_whitespace().collect();
        return base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    }
    if path.extension().is_some_and(|extension| extension == "hex") {
        return hex::decode(text.split_whitespace().collect::<String>()).unwrap();
    }
    raw
}

pub(crate) fn milan_report(folder: &Path) -> (Evidence, Endorsements, u64) {
    (MILAN_V2.evidence(folder), MILAN_V2.endorsements(folder), MILAN_V2.window.0 + DAY)
}

impl Machine {
    fn evidence(&self, folder: &Path) -> Evidence {
        Evidence::new(Platform::Snp, bytes(&folder.join(self.report))).unwrap()
    }

    fn endorsements(&self, folder: &Path) -> Endorsements {
        Endorsements::snp_from_leaf(bytes(&folder.join(self.leaf)), None).unwrap()
    }

    fn judge(&self, folder: &Path, policy: SnpPolicy, now: u64) -> Verdict {
        let (evidence, endorsements) = (self.evidence(folder), self.endorsements(folder));
        judge(&evidence, &endorsements, &support::accept(policy), &ExpectedBinding::unbound(), now)
    }
}

fn refused(verdict: &Verdict) -> Option<Check> {
    assert!(!verdict.is_good(), "{verdict}");
    verdict.refusal().map(|finding| finding.check)
}

#[test]
fn real_machines_are_accepted_within_the_dates_of_their_certificate_and_not_a_second_longer() {
    let Some(folder) = support::vectors("real") else { return };
    for machine in [MILAN_V2, GENOA_V3, TURIN_V5] {
        let (first, last) = machine.window;
        for now in [first, first + DAY, last] {
            let verdict = machine.judge(&folder, support::open_policy(), now);
            assert!(verdict.is_good(), "{} at {now}: {verdict}", machine.name);
            assert!(!verdict.is_simulated());
        }
        for now in [first - 1, last + 1, 0, u64::MAX] {
            let verdict = machine.judge(&folder, support::open_policy(), now);
            assert_eq!(refused(&verdict), Some(Check::CertificateDates), "{} at {now}", machine.name);
        }
    }
}

#[test]
fn a_real_debuggable_machine_is_genuine_but_not_wanted() {
    let Some(folder) = support::vectors("real") else { return };
    let now = MILAN_DEBUG.window.0;
    assert_eq!(refused(&MILAN_DEBUG.judge(&folder, support::open_policy(), now)), Some(Check::Debug));
    let mut lax = support::open_policy();
    lax.allow.debug = true;
    assert!(MILAN_DEBUG.judge(&folder, lax, now).is_good());
}

#[test]
fn a_provider_s_key_is_accepted_for_its_year_if_the_policy_names_the_provider() {
    let Some(folder) = support::vectors("real") else { return };
    let mut policy = support::open_policy();
    policy.vmpls = List::only(Vmpl::try_from(1).unwrap());
    policy.allow.provisional_firmware = true;
    let provider = |name: &str| List::only(SigningKeyRule::Vlek(VlekRule { csp_ids: Accept::only(name.to_owned()) }));
    policy.signing_keys = provider("CN=cc-us-east-2.amazonaws.com");
    let (first, last) = MILAN_VLEK.window;
    for now in [first, last] {
        let verdict = MILAN_VLEK.judge(&folder, policy.clone(), now);
        assert!(verdict.is_good(), "{verdict}");
        assert_eq!(verdict.claims().unwrap().as_snp().unwrap().chip_id(), ChipId::Masked);
    }
    assert_eq!(refused(&MILAN_VLEK.judge(&folder, policy.clone(), last + 1)), Some(Check::CertificateDates));

    for signing_keys in [provider("CN=cc-eu-west-1.amazonaws.com"), List::only(SigningKeyRule::Vcek)] {
        let mut other = policy.clone();
        other.signing_keys = signing_keys;
        assert_eq!(refused(&MILAN_VLEK.judge(&folder, other, first)), Some(Check::SigningKey));
    }
    policy.allow.provisional_firmware = false;
    assert_eq!(refused(&MILAN_VLEK.judge(&folder, policy.clone(), first)), Some(Check::CommittedFirmware));
}

#[test]
fn another_chip_s_certificate_or_issuer_is_refused() {
    let Some(folder) = support::vectors("real") else { return };
    let now = MILAN_V2.window.0 + DAY;
    let verdict = |leaf: Vec<u8>| {
        let endorsements = Endorsements::snp_from_leaf(leaf, None).ok()?;
        Some(verify(&MILAN_V2.evidence(&folder), &endorsements, &Roots::built_in(), now).is_ok())
    };
    assert_eq!(verdict(bytes(&folder.join(MILAN_V2.leaf))), Some(true));
    assert_eq!(verdict(bytes(&folder.join(MILAN_DEBUG.leaf))), Some(false));
    assert_eq!(verdict(bytes(&folder.join("sev/tests__certs_data__vcek_turin.der"))), Some(false));
    for altered in ["legacy", "new"] {
        let leaf = format!("trustee/deps__verifier__test_data__snp__test-vcek-invalid-{altered}.der");
        assert_ne!(verdict(bytes(&folder.join(leaf))), Some(true), "{altered}");
    }

    let by_provider = MILAN_VLEK.endorsements(&folder);
    let ask = MILAN_V2.endorsements(&folder).as_snp().unwrap().ask.clone();
    let mixed = Endorsements::snp(SnpEndorsements { ask, ..by_provider.as_snp().unwrap().clone() }).unwrap();
    let now = MILAN_VLEK.window.0;
    assert!(verify(&MILAN_VLEK.evidence(&folder), &by_provider, &Roots::built_in(), now).is_ok());
    assert!(verify(&MILAN_VLEK.evidence(&folder), &mixed, &Roots::built_in(), now).is_err());
}

#[test]
fn real_evidence_is_refused_where_it_calls_itself_something_else() {
    let Some(folder) = support::vectors("real") else { return };
    let endorsements = MILAN_V2.endorsements(&folder);
    let now = MILAN_V2.window.0;
    for (platform, check) in [(Platform::Simulated, Check::Root), (Platform::Tdx, Check::EndorsementsKind)] {
        let evidence = Evidence::new(platform, bytes(&folder.join(MILAN_V2.report))).unwrap();
        let error = verify(&evidence, &endorsements, &Roots::built_in(), now).unwrap_err();
        assert_eq!(error.findings().last().unwrap().check, check);
        let policy = support::accept(support::open_policy());
        let verdict = judge(&evidence, &endorsements, &policy, &ExpectedBinding::unbound(), now);
        assert_eq!(refused(&verdict), Some(Check::PlatformAccepted));
    }
}

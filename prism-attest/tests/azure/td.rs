//! A TDX machine as Azure would make it, on the pretend Intel's processor without its marks and under a root of our own.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_attest::platform::simulated::{SimulatedTd, SimulatedTdxVendor, TdxMutation, TdxMutations};
use prism_attest::{
    AzureEvidence, Case, Check, Endorsements, Evidence, ExpectedBinding, Platform, Prepared, ReportData, Roots, Vendor,
    Verdict, verify,
};
use prism_core::manifest::platform::{Accept, AzureTdxPolicy, HexBytes, List, PlatformPolicy, Profile, TdxStatus};

use crate::amd::NOW;
use crate::machine::{Draft, NONCE, ak, policy};

const DAY: u64 = 86_400;

fn vendor() -> &'static SimulatedTdxVendor {
    static VENDOR: OnceLock<SimulatedTdxVendor> = OnceLock::new();
    VENDOR.get_or_init(|| SimulatedTdxVendor::generate(NOW).unwrap())
}

/// The paravisor's report and the processor's quote about these claims, and Intel's data.
fn parts() -> (AzureEvidence, Endorsements) {
    parts_of(&[])
}

fn parts_of(faults: &[TdxMutation]) -> (AzureEvidence, Endorsements) {
    let draft = Draft::default();
    let mut parts = AzureEvidence::read(draft.evidence().bytes()).unwrap();
    let report_data = ReportData::simulated_key_only(draft.claims.as_bytes());
    let disguised = TdxMutations::new([&[TdxMutation::Disguised], faults].concat());
    let (quote, endorsements) = vendor().attest(&report_data, &disguised).unwrap();
    parts.td_quote = Some(quote.bytes().to_vec());
    parts.hcl_report[0x4c8] = 4;
    parts.hcl_report[0x20..0x20 + 1184].fill(0);
    parts.hcl_report[0x20 + 128..0x20 + 192].copy_from_slice(report_data.as_bytes());
    (parts, endorsements)
}

/// The private root above Intel's data.
fn roots(endorsements: &Endorsements) -> Roots {
    let chain = String::from_utf8(endorsements.as_tdx().unwrap().tcb_info_chain.clone()).unwrap();
    let body = chain.rsplit("-----BEGIN CERTIFICATE-----").next().unwrap().split("-----END").next().unwrap();
    let root = STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap();
    Roots::built_in().with_custom(Vendor::Intel, &root)
}

fn judged(parts: &AzureEvidence, endorsements: &Endorsements, policy: AzureTdxPolicy) -> Verdict {
    let evidence = Evidence::new(Platform::AzureTdx, parts.to_json()).unwrap();
    let policy = PlatformPolicy::only(Profile::AzureTdx(policy));
    let expected = ExpectedBinding::foreign(NONCE);
    let case = Case { evidence: &evidence, endorsements, policy: &policy, expected: &expected, now: NOW };
    case.judge_under(&roots(endorsements))
}

fn wanted() -> AzureTdxPolicy {
    AzureTdxPolicy::new(SimulatedTd::default().policy(), policy().vtpm)
}

fn unmet(change: impl FnOnce(&mut AzureEvidence), tighten: impl FnOnce(&mut AzureTdxPolicy)) -> Vec<Check> {
    let (mut parts, endorsements) = parts();
    change(&mut parts);
    let mut policy = wanted();
    tighten(&mut policy);
    let verdict = judged(&parts, &endorsements, policy);
    let unmet: Vec<_> = verdict.findings().unmet().map(|finding| finding.check).collect();
    assert_eq!(unmet.is_empty(), verdict.is_good(), "{verdict}");
    unmet
}

#[test]
fn a_machine_without_faults_is_accepted_and_says_whose_root_it_has() {
    let (parts, endorsements) = parts();
    let verdict = judged(&parts, &endorsements, wanted());
    assert!(verdict.is_good(), "{verdict}");
    let json: serde_json::Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!((&json["assurance"], &json["platform"]), (&"custom-root".into(), &"azure-tdx".into()));
    let claims = verdict.claims().unwrap();
    assert!(claims.as_tdx().is_some() && claims.as_snp().is_none() && claims.now() == NOW);
    let vtpm = claims.as_vtpm().unwrap();
    assert_eq!(vtpm.nonce(), prism_core::digest::Digest::sha256(&NONCE).as_bytes());
    assert_eq!(json["claims"]["vtpm"]["firmware"], "0x2020031200120003");
}

#[test]
fn each_part_is_tied_to_the_next() {
    type Fault = (&'static str, fn(&mut AzureEvidence), Check);
    let faults: [Fault; 9] = [
        ("no quote of the processor", |parts| parts.td_quote = None, Check::AzureForm),
        ("type SEV-SNP", |parts| parts.hcl_report[0x4c8] = 2, Check::HclForm),
        ("bytes after the report", |parts| parts.hcl_report[0x20 + 1024] = 1, Check::HclForm),
        ("report of other claims", |parts| parts.hcl_report[0x20 + 128] ^= 1, Check::TdReport),
        ("report with a tail", |parts| parts.hcl_report[0x20 + 191] ^= 1, Check::TdReport),
        ("altered claims", |parts| parts.hcl_report[0x4d4 + 30] ^= 1, Check::RuntimeClaims),
        ("altered quote of the processor", |parts| parts.td_quote.as_mut().unwrap()[568] ^= 1, Check::QuoteSignature),
        ("altered quote of the TPM", |parts| parts.quote.message[50] ^= 1, Check::TpmQuoteSignature),
        ("a register less", |parts| parts.quote.registers.retain(|number, _| *number != 0), Check::PcrSelection),
    ];
    for (name, change, check) in faults {
        assert_eq!(unmet(change, |_| ()), [check], "{name}");
    }
}

#[test]
fn a_missing_part_is_named() {
    let (mut parts, endorsements) = parts();
    let said = |parts: &AzureEvidence| {
        let verdict = judged(parts, &endorsements, wanted());
        let finding = verdict.findings().unmet().next().unwrap();
        (finding.expected.to_string(), finding.found.to_string())
    };
    let whole = parts.clone();
    parts.td_quote = None;
    let (with, without) = ("Azure's evidence with a TDX quote", "Azure's evidence without a TDX quote");
    assert_eq!(said(&parts), (with.to_owned(), without.to_owned()));
    parts.td_quote = whole.td_quote;
    parts.hcl_report.truncate(0x4d3);
    assert_eq!(said(&parts), ("at least 1236 bytes".to_owned(), "1235 bytes".to_owned()));
}

#[test]
fn a_verdict_that_bears_with_an_old_processor_ends_with_the_days_of_grace() {
    let (parts, endorsements) = parts_of(&[TdxMutation::OutOfDate]);
    let quote = Evidence::new(Platform::Tdx, parts.td_quote.clone().unwrap()).unwrap();
    let claims = verify(&quote, &endorsements, &roots(&endorsements), NOW).unwrap();
    let since = claims.as_tdx().unwrap().tcb().out_of_date_since().unwrap();
    let days = (NOW - since) / DAY + 1;
    let last = since + days * DAY;
    assert!(last < claims.window().not_after);

    let mut policy = wanted();
    policy.tdx.tcb_status = List::new(vec![TdxStatus::OutOfDate]).unwrap();
    (policy.tdx.grace_days, policy.tdx.min_tee_tcb_svn) = (u32::try_from(days).unwrap(), HexBytes::new([0; 16]));
    let on_azure = judged(&parts, &endorsements, policy.clone());
    let policy = PlatformPolicy::only(Profile::Tdx(policy.tdx));
    let expected = ExpectedBinding::unbound();
    let case = Case { evidence: &quote, endorsements: &endorsements, policy: &policy, expected: &expected, now: NOW };
    for verdict in [on_azure, case.judge_under(&roots(&endorsements))] {
        assert!(verdict.is_good(), "{verdict}");
        assert_eq!(verdict.window().unwrap().not_after, last);
    }
}

#[test]
fn the_processor_the_paravisor_and_the_registers_are_all_appraised() {
    let other = || Accept::only(HexBytes::new([0xee; 48]));
    assert_eq!(unmet(|_| (), |policy| policy.tdx.mrtd = other()), [Check::MrTd]);
    assert_eq!(unmet(|_| (), |policy| policy.vtpm.require.safe_clock = true), []);
    let unsafe_clock = |parts: &mut AzureEvidence| {
        let draft = Draft { safe: 0, ..Draft::default() };
        parts.quote = AzureEvidence::read(draft.evidence().bytes()).unwrap().quote;
    };
    assert_eq!(unmet(unsafe_clock, |_| ()), [Check::SafeClock]);
}

#[test]
fn prepared_endorsements_admit_and_judge_alike() {
    let (parts, endorsements) = parts();
    let evidence = Evidence::new(Platform::AzureTdx, parts.to_json()).unwrap();
    let prepared = Prepared::new(Platform::AzureTdx, &endorsements, &roots(&endorsements), NOW).unwrap();
    for prepared in [prepared.clone(), prepared.admit(&evidence, NOW).unwrap()] {
        let claims = prepared.verify(&evidence, NOW).unwrap();
        assert_eq!(claims.as_vtpm().unwrap().report_data(), NONCE);
    }
    let naked = Evidence::new(Platform::AzureTdx, parts.td_quote.unwrap()).unwrap();
    assert!(prepared.verify(&naked, NOW).is_err() && prepared.admit(&naked, NOW).is_err());
}

#[test]
fn a_key_that_signs_for_the_processor_s_other_kind_signs_here_too() {
    // The TPM's part is the same above both processors: what it signs is compared in the same way.
    let (mut parts, endorsements) = parts();
    let mut signature = vec![0; ak().public_modulus_len()];
    parts.quote.message[50] ^= 1;
    ak().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &parts.quote.message, &mut signature).unwrap();
    parts.quote.signature = signature;
    let verdict = judged(&parts, &endorsements, wanted());
    assert_eq!(verdict.refusal().map(|finding| finding.check), Some(Check::BindingNonce), "{verdict}");
}

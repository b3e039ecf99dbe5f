//! Each fault in the chain from processor to registers is refused by its own check, with everything else as it should
//! be.

use std::collections::BTreeSet;

use aws_lc_rs::signature::{RSA_PKCS1_SHA384, RSA_PSS_SHA256};
use prism_attest::{AzureEvidence, Check, Evidence, ExpectedBinding, Platform, Prepared, Stage, Verdict};
use prism_core::manifest::platform::{PlatformPolicy, Profile};
use proptest::prelude::*;

use crate::amd::NOW;
use crate::machine::{
    self, Draft, NONCE, ak, claims, digest, judge, key_text, large, modulus, policy, register, stranger,
};
use crate::policy::TIGHTENINGS;

fn refused(verdict: &Verdict) -> Option<Check> {
    assert!(!verdict.is_good(), "{verdict}");
    verdict.refusal().map(|finding| finding.check)
}

/// A name, what is changed, and the check that refuses it.
type Fault = (&'static str, fn(&mut Draft), Check);

fn assert_each_is_refused(stage: Stage, faults: &[Fault]) {
    for (name, change, check) in faults {
        let mut draft = Draft::default();
        change(&mut draft);
        assert_eq!(refused(&draft.judge()), Some(*check), "{name}");
        assert_eq!(check.stage(), stage, "{name}");
    }
}

#[test]
fn a_machine_without_faults_is_accepted_and_says_whose_root_it_has() {
    let verdict = Draft::default().judge();
    assert!(verdict.is_good(), "{verdict}");
    let json: serde_json::Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!((&json["assurance"], &json["platform"]), (&"custom-root".into(), &"azure-snp".into()));
    assert_eq!(json["claims"]["vtpm"]["pcrs"]["11"], register(11).to_string());
    assert_eq!(json["claims"]["vtpm"]["clock"]["reset_count"], 2);
    assert_eq!(json["claims"]["vtpm"]["vm"]["id"], machine::VM);
    assert_eq!(json["claims"]["vtpm"]["vm"]["tpm_enabled"], true);
    assert_eq!(json["claims"]["vtpm"]["vm"]["console_enabled"], true);
    assert_eq!(
        (&json["claims"]["vtpm"]["clock"]["clock"], &json["claims"]["vtpm"]["clock"]["restart_count"]),
        (&777.into(), &0.into())
    );
    assert_eq!(json["claims"]["snp"]["measurement"], "5f".repeat(48));
    let skipped = verdict.findings().iter().find(|finding| finding.check == Check::PcrsNotAppraised).unwrap();
    assert_eq!(skipped.found, "0 1 2 3 5 6 7 8 9 10 12 13 14 15 16 17 18 19 20 21 22 23");
}

#[test]
fn what_is_unusual_but_legal_is_accepted() {
    let changes: [fn(&mut Draft); 3] = [
        |draft| draft.hcl = |bytes| bytes[4] = 2,
        |draft| draft.hcl = |bytes| bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1),
        |draft| draft.claims = draft.claims.replacen(machine::VM, &"A".repeat(64), 1),
    ];
    for change in changes {
        let mut draft = Draft::default();
        change(&mut draft);
        let verdict = draft.judge();
        assert!(verdict.is_good(), "{verdict}");
    }
}

#[test]
fn a_verdict_shows_people_the_paravisor_the_machine_and_the_registers() {
    let text = Draft::default().judge().to_string();
    for line in ["product   Genoa", "paravisor 5f5f5f", "machine   26F8BC30", "register 11: 0c0c0c"] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let other = Draft { banks: vec![(0x0004, vec![0x01, 0x80, 0])], ..Draft::default() };
    assert!(other.judge().to_string().contains("found registers 0 15 of bank 0x0004"), "{}", other.judge());
    assert!(other.judge().to_string().contains("exactly registers 0 1 2 3 4"), "{}", other.judge());
    let none = Draft { banks: Vec::new(), ..Draft::default() };
    assert!(none.judge().to_string().contains("found no register"), "{}", none.judge());
}

#[test]
fn prepared_endorsements_judge_alike() {
    let prepared =
        Prepared::new(Platform::AzureSnp, machine::processor().endorsements(), &machine::roots(), NOW).unwrap();
    let claims = prepared.verify(&Draft::default().evidence(), NOW).unwrap();
    assert_eq!(claims.as_vtpm().unwrap().report_data(), NONCE);
    let forged = Draft { vmpl: 2, ..Draft::default() };
    let error = prepared.verify(&forged.evidence(), NOW).unwrap_err();
    assert_eq!(error.findings().last().unwrap().check, Check::ParavisorLevel);
    assert!(prepared.verify(&Evidence::new(Platform::Snp, vec![0; 1184]).unwrap(), NOW).is_err());
}

const NO_QUOTES: &[Fault] = &[
    ("magic of nobody", |d| d.magic = 0xff54_4348, Check::TpmQuoteKind),
    ("another attestation", |d| d.kind = 0x8017, Check::TpmQuoteKind),
    ("empty", |d| d.message = Vec::clear, Check::TpmQuoteKind),
    ("a byte after it", |d| d.message = |bytes| bytes.push(0), Check::TpmQuoteForm),
    ("a byte short", |d| d.message = |bytes| bytes.truncate(bytes.len() - 1), Check::TpmQuoteForm),
    ("neither yes nor no", |d| d.safe = 2, Check::TpmQuoteForm),
    ("a nonce too long", |d| d.nonce = vec![0x4e; 67], Check::TpmQuoteForm),
    ("a name too long", |d| d.message = |bytes| bytes[6..8].fill(0xff), Check::TpmQuoteForm),
    ("a digest too long", |d| d.digest = vec![1; 65], Check::TpmQuoteForm),
    ("too many banks", |d| d.banks = vec![(0x000b, vec![0xff; 3]); 17], Check::TpmQuoteForm),
    ("a selection too long", |d| d.banks = vec![(0x000b, vec![0xff; 5])], Check::TpmQuoteForm),
];

#[test]
fn what_is_signed_but_is_no_quote_is_refused() {
    assert_each_is_refused(Stage::Format, NO_QUOTES);
}

const OTHER_SIGNATURES: &[Fault] = &[
    ("another key", |d| d.signer = stranger(), Check::TpmQuoteSignature),
    ("another hash", |d| d.encoding = &RSA_PKCS1_SHA384, Check::TpmQuoteSignature),
    ("another padding", |d| d.encoding = &RSA_PSS_SHA256, Check::TpmQuoteSignature),
    ("zeros", |d| d.parts = |parts| parts.quote.signature.fill(0), Check::TpmQuoteSignature),
    ("a byte short", |d| d.parts = |parts| parts.quote.signature.truncate(255), Check::TpmQuoteSignature),
    ("a byte long", |d| d.parts = |parts| parts.quote.signature.insert(0, 0), Check::TpmQuoteSignature),
    ("another message", |d| d.parts = |parts| parts.quote.message[50] ^= 1, Check::TpmQuoteSignature),
];

#[test]
fn a_quote_that_the_claimed_key_did_not_sign_is_refused() {
    assert_each_is_refused(Stage::Signature, OTHER_SIGNATURES);
}

const OTHER_SELECTIONS: &[Fault] = &[
    ("only resettable ones", |d| d.banks = vec![(0x000b, vec![0, 0, 0x81])], Check::PcrSelection),
    ("bank of SHA-1", |d| d.banks = vec![(0x0004, vec![0xff; 3])], Check::PcrSelection),
    ("bank of SHA-384", |d| d.banks = vec![(0x000c, vec![0xff; 3])], Check::PcrSelection),
    ("two banks", |d| d.banks.push((0x0004, vec![0xff; 3])), Check::PcrSelection),
    ("the bank twice", |d| d.banks.push((0x000b, vec![0xff; 3])), Check::PcrSelection),
    ("sixteen banks", |d| d.banks = vec![(0x000b, vec![0xff; 3]); 16], Check::PcrSelection),
    ("no bank", |d| d.banks.clear(), Check::PcrSelection),
    ("more than claimed", |d| d.registers.retain(|number, _| *number != 23), Check::PcrSelection),
    ("fewer than claimed", |d| d.banks = vec![(0x000b, vec![0xff, 0xff, 0x7f])], Check::PcrSelection),
    ("registers there are not", |d| d.banks = vec![(0x000b, vec![0xff; 4])], Check::PcrSelection),
];

#[test]
fn a_quote_about_other_registers_than_the_claimed_ones_is_refused() {
    assert_each_is_refused(Stage::Policy, OTHER_SELECTIONS);
}

const OTHER_REGISTERS: &[Fault] = &[
    ("another value", |d| d.registers.extend([(0, register(9))]), Check::PcrDigest),
    ("two values exchanged", |d| d.registers.extend([(4, register(11)), (11, register(4))]), Check::PcrDigest),
    ("digest in another order", |d| d.digest = digest(d.registers.values().rev()), Check::PcrDigest),
    ("digest of another length", |d| d.digest.extend([0; 16]), Check::PcrDigest),
    ("digest of SHA-512", |d| d.digest = vec![1; 64], Check::PcrDigest),
    ("no digest", |d| d.digest.clear(), Check::PcrDigest),
];

#[test]
fn registers_with_another_digest_are_refused() {
    assert_each_is_refused(Stage::Signature, OTHER_REGISTERS);
}

const OTHER_CLAIMS: &[Fault] = &[
    ("other report data", |d| d.report_data = Some([7; 64]), Check::RuntimeClaims),
    ("altered claims", |d| d.hcl = |bytes| bytes[0x4d4 + 20] ^= 1, Check::RuntimeClaims),
    ("a tail", |d| d.report_data = Some(with_tail(&d.claims)), Check::RuntimeClaims),
    ("a nonce of other report data", |d| d.beside = Some([0; 64]), Check::BindingNonce),
    ("report data as the nonce", |d| d.nonce = NONCE.to_vec(), Check::BindingNonce),
    ("a nonce that only begins so", |d| d.nonce.push(0), Check::BindingNonce),
    ("no nonce", |d| d.nonce.clear(), Check::BindingNonce),
    ("asked for by the guest", |d| d.vmpl = 1, Check::ParavisorLevel),
    ("asked for by a user", |d| d.vmpl = 3, Check::ParavisorLevel),
];

#[test]
fn claims_that_the_processor_did_not_vouch_for_are_refused() {
    assert_each_is_refused(Stage::Binding, OTHER_CLAIMS);
}

fn with_tail(claims: &str) -> [u8; 64] {
    let mut report_data = [0; 64];
    report_data[..32].copy_from_slice(prism_core::digest::Digest::sha256(claims.as_bytes()).as_bytes());
    report_data[63] = 1;
    report_data
}

fn with(draft: &mut Draft, from: &str, to: &str) {
    assert!(draft.claims.contains(from), "{from}");
    draft.claims = draft.claims.replacen(from, to, 1);
}

const AMBIGUOUS: &[Fault] = &[
    ("keys twice", |d| with(d, "{", "{\"keys\":[],"), Check::RuntimeClaimsForm),
    ("a key's modulus twice", |d| with(d, "\"n\":", "\"n\":\"AQ\",\"n\":"), Check::RuntimeClaimsForm),
    ("no configuration", |d| with(d, "vm-configuration", "configuration"), Check::RuntimeClaimsForm),
    ("secure boot as text", |d| with(d, "\"secure-boot\":true", "\"secure-boot\":\"true\""), Check::RuntimeClaimsForm),
    ("a key with more", |d| with(d, "\"kid\"", "\"x5c\":[],\"kid\""), Check::RuntimeClaimsForm),
    ("an id with an escape", |d| with(d, "26F8", "\\u001b["), Check::RuntimeClaimsForm),
    ("no id", |d| with(d, machine::VM, ""), Check::RuntimeClaimsForm),
    ("no JSON", |d| d.claims = "keys".into(), Check::RuntimeClaimsForm),
    ("no claims", |d| d.claims.clear(), Check::RuntimeClaimsForm),
    ("no attestation key", |d| with(d, "HCLAkPub", "HCLEkPub"), Check::TpmAttestationKey),
    ("two attestation keys", |d| d.claims = two_keys(), Check::TpmAttestationKey),
    ("exponent 3", |d| with(d, "AQAB", "Aw"), Check::TpmAttestationKey),
    ("a key that encrypts", |d| with(d, "[\"sign\"]", "[\"encrypt\"]"), Check::TpmAttestationKey),
    ("a key for two purposes", |d| with(d, "[\"sign\"]", "[\"sign\",\"encrypt\"]"), Check::TpmAttestationKey),
    ("a key of another kind", |d| with(d, "\"RSA\"", "\"EC\""), Check::TpmAttestationKey),
    ("a larger key", |d| d.claims = claims(&key_text("HCLAkPub", &modulus(large()))), Check::TpmAttestationKey),
    (
        "a modulus with a zero before it",
        |d| d.claims = claims(&key_text("HCLAkPub", &zero_first())),
        Check::TpmAttestationKey,
    ),
    ("an id too long", |d| with(d, machine::VM, &"A".repeat(65)), Check::RuntimeClaimsForm),
    ("a short modulus", |d| d.claims = claims(&key_text("HCLAkPub", "AQAB")), Check::TpmAttestationKey),
    (
        "a padded modulus",
        |d| d.claims = claims(&key_text("HCLAkPub", &(modulus(ak()) + "=="))),
        Check::TpmAttestationKey,
    ),
];

#[test]
fn claims_that_two_readers_could_understand_differently_are_refused() {
    assert_each_is_refused(Stage::Binding, AMBIGUOUS);
}

/// 256 bytes of which the first is zero, in base64url.
fn zero_first() -> String {
    "A".repeat(341) + "Q"
}

fn two_keys() -> String {
    claims(&[ak(), stranger()].map(|key| key_text("HCLAkPub", &modulus(key))).join(","))
}

#[test]
fn names_that_azure_adds_to_the_claims_are_shown_and_mean_nothing() {
    let mut draft = Draft::default();
    draft.claims = draft.claims.replacen("\"vmUniqueId\"", "\"hardware-sealing-policy\":\"hash\",\"vmUniqueId\"", 1);
    let verdict = draft.judge();
    assert!(verdict.is_good(), "{verdict}");
    assert!(verdict.to_string().contains("not looked at: user-data, hardware-sealing-policy"), "{verdict}");
}

const OTHER_NUMBERS: &[Fault] = &[
    ("another magic", |d| d.hcl = |bytes| bytes[0] = b'h', Check::HclForm),
    ("version 0", |d| d.hcl = |bytes| bytes[4] = 0, Check::HclForm),
    ("version 3", |d| d.hcl = |bytes| bytes[4] = 3, Check::HclForm),
    ("size too large", |d| d.hcl = |bytes| bytes[8] ^= 1, Check::HclForm),
    ("another request", |d| d.hcl = |bytes| bytes[12] = 1, Check::HclForm),
    ("a status", |d| d.hcl = |bytes| bytes[16] = 1, Check::HclForm),
    ("a reserved byte", |d| d.hcl = |bytes| bytes[31] = 1, Check::HclForm),
    ("data size", |d| d.hcl = |bytes| bytes[0x4c0] ^= 1, Check::HclForm),
    ("data version 2", |d| d.hcl = |bytes| bytes[0x4c4] = 2, Check::HclForm),
    ("type TDX", |d| d.hcl = |bytes| bytes[0x4c8] = 4, Check::HclForm),
    ("type of no hardware", |d| d.hcl = |bytes| bytes[0x4c8] = 3, Check::HclForm),
    ("hash SHA-384", |d| d.hcl = |bytes| bytes[0x4cc] = 2, Check::HclForm),
    ("hash of nothing", |d| d.hcl = |bytes| bytes[0x4cc] = 0, Check::HclForm),
    ("length of the claims", |d| d.hcl = |bytes| bytes[0x4d0] ^= 1, Check::HclForm),
    ("claims beyond the end", |d| d.hcl = |bytes| bytes.truncate(0x4d4 + 100), Check::HclForm),
    ("no room for claims", |d| d.hcl = |bytes| bytes.truncate(0x4d3), Check::HclForm),
    ("nothing", |d| d.hcl = Vec::clear, Check::HclForm),
    ("bytes after the claims", |d| d.hcl = |bytes| *bytes.last_mut().unwrap() = 1, Check::HclForm),
    ("all lengths lie together", |d| d.hcl = lie, Check::HclForm),
];

#[test]
fn a_paravisor_s_report_whose_numbers_do_not_fit_is_refused() {
    assert_each_is_refused(Stage::Format, OTHER_NUMBERS);
}

/// Three lengths that agree with each other, beyond the bytes there are.
#[expect(clippy::ptr_arg, reason = "a change of the whole report")]
fn lie(bytes: &mut Vec<u8>) {
    for (at, number) in [(8, 1216 + 20 + 9000), (0x4c0, 20 + 9000), (0x4d0, 9000_u32)] {
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
}

#[test]
fn a_container_of_another_form_is_refused() {
    let text = String::from_utf8(Draft::default().evidence().bytes().to_vec()).unwrap();
    let altered = [
        text.replacen("\"v\":1", "\"v\":2", 1),
        text.replacen("\"v\":1", "\"v\":1,\"more\":1", 1),
        text.replacen("\"v\":1", "\"v\":1,\"v\":1", 1),
        text.replacen("\"v\":1", "\"v\":1,\"td_quote\":\"AAAA\"", 1),
        text.replacen("\"v\":1,", "", 1),
        text.replacen("\"report_data\":\"", "\"report_data\":\"AAAA", 1),
        text.replacen("\"0\":", "\"24\":", 1),
        text.replacen("\"0\":", "\"00\":", 1),
        text.replacen("\"1\":", "\"0\":", 1),
        text.replacen("\"message\":\"", "\"message\":\"!", 1),
        text.replacen(&register(9).to_string(), "0a", 1),
        format!("{text} {{}}"),
        "{}".to_owned(),
    ];
    for altered in altered {
        assert_ne!(altered, text);
        let evidence = Evidence::new(Platform::AzureSnp, altered.clone().into_bytes()).unwrap();
        let verdict = judge(&evidence, policy(), &ExpectedBinding::foreign(NONCE));
        assert_eq!(refused(&verdict), Some(Check::AzureForm), "{altered}");
        assert_eq!(Check::AzureForm.stage(), Stage::Format);
    }
}

#[test]
fn the_processor_s_report_alone_is_not_evidence_of_a_machine_on_azure_nor_the_other_way_round() {
    let evidence = Draft::default().evidence();
    let parts = AzureEvidence::read(evidence.bytes()).unwrap();
    let report = parts.hcl_report[0x20..0x4c0].to_vec();
    let naked = Evidence::new(Platform::AzureSnp, report).unwrap();
    assert_eq!(refused(&judge(&naked, policy(), &ExpectedBinding::foreign(NONCE))), Some(Check::AzureForm));
    let misnamed = Evidence::new(Platform::Snp, evidence.bytes().to_vec()).unwrap();
    assert_eq!(refused(&judge(&misnamed, policy(), &ExpectedBinding::foreign(NONCE))), Some(Check::PlatformAccepted));
}

#[test]
fn no_check_of_azure_s_own_is_without_a_case_that_only_it_refuses() {
    let tables =
        [NO_QUOTES, OTHER_SIGNATURES, OTHER_SELECTIONS, OTHER_REGISTERS, OTHER_CLAIMS, AMBIGUOUS, OTHER_NUMBERS];
    let mut seen: BTreeSet<Check> = tables.iter().copied().flatten().map(|(_, _, check)| *check).collect();
    seen.extend(TIGHTENINGS.iter().map(|(_, check)| *check));
    // Cases of their own in this folder; then what is only shown, and an anchor that has no other beside it.
    seen.extend([Check::AzureForm, Check::Pcr, Check::SafeClock, Check::SecureBoot]);
    seen.extend([Check::PcrsNotAppraised, Check::AkAnchor]);
    let noted = |verdict: &Verdict| verdict.findings().iter().map(|finding| finding.check).collect::<BTreeSet<_>>();
    let evidence = Draft::default().evidence();
    let report = AzureEvidence::read(evidence.bytes()).unwrap().hcl_report[0x20..0x4c0].to_vec();
    let plain = PlatformPolicy::only(Profile::Snp(policy().snp));
    let plain =
        machine::judge_under(&Evidence::new(Platform::Snp, report).unwrap(), &plain, &ExpectedBinding::unbound());
    assert!(plain.is_good(), "{plain}");
    let own = &noted(&Draft::default().judge()) - &noted(&plain);
    let missing: Vec<_> = own.difference(&seen).collect();
    assert!(missing.is_empty() && own.len() > 18, "no case is refused for {missing:?} of {own:?}");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 1..4096)) {
        let evidence = Evidence::new(Platform::AzureSnp, bytes).unwrap();
        prop_assert!(!judge(&evidence, policy(), &ExpectedBinding::unbound()).is_good());
    }

    #[test]
    fn parts_of_any_bytes_are_refused_without_panic(
        hcl in proptest::collection::vec(any::<u8>(), 0..3000),
        message in proptest::collection::vec(any::<u8>(), 0..200),
        keeps in any::<[bool; 2]>(),
    ) {
        let mut parts = AzureEvidence::read(Draft::default().evidence().bytes()).unwrap();
        // Behind a right beginning, the made-up bytes reach deeper.
        parts.hcl_report.truncate(if keeps[0] { 0x4d4 } else { 0 });
        parts.hcl_report.extend(hcl);
        parts.quote.message.truncate(if keeps[1] { 6 } else { 0 });
        parts.quote.message.extend(message);
        let evidence = Evidence::new(Platform::AzureSnp, parts.to_json()).unwrap();
        prop_assert!(!judge(&evidence, policy(), &ExpectedBinding::unbound()).is_good());
    }

    #[test]
    fn a_container_reads_back(
        hcl_report in proptest::collection::vec(any::<u8>(), 0..3000),
        message in proptest::collection::vec(any::<u8>(), 0..200),
        signature in proptest::collection::vec(any::<u8>(), 0..300),
        registers in proptest::collection::btree_map(0_u8..24, any::<[u8; 32]>(), 0..24),
        report_data in proptest::option::of(any::<[u8; 64]>()),
        td_quote in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..6000)),
    ) {
        let registers = registers.into_iter().map(|(number, value)| (number, prism_core::manifest::platform::HexBytes::new(value))).collect();
        let quote = prism_attest::AzureQuote { message, signature, registers };
        let parts = AzureEvidence { report_data, hcl_report, quote, td_quote };
        prop_assert_eq!(AzureEvidence::read(&parts.to_json()).unwrap(), parts);
    }
}

//! `prism policy new` from the evidence of every platform, which nobody has to name: the draft, once confirmed, accepts
//! the machine that it was made from.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_attest::{AzureEvidence, AzureQuote};
use prism_core::hexadecimal::HexBytes;
use serde_json::Value;

use crate::support::Place;

/// What a person answers for: lines of the draft, and what is written in their place.
type Answers = [(&'static str, &'static str)];

/// Evidence of a real machine.
struct Real {
    platform: &'static str,
    /// When it was current, in Unix seconds.
    at: &'static str,
    /// For what the machine lacks.
    answers: &'static Answers,
}

/// A file of the public vectors; says so when there is none.
fn vector(name: &str) -> Option<Vec<u8>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let root = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let file = root.join("real").join(name);
    let found = fs::read(&file).ok();
    if found.is_none() {
        println!("skipped: no test vector at {}", file.display());
    }
    found
}

/// Drafts a policy from the place's `evidence` without saying what it is, and returns its text.
fn draft(place: &Place, platform: &str, more: &str) -> String {
    let line = format!("policy new --from evidence --endorsements endorsements -o policy.toml --json {more}");
    let json = place.run(&line).ok().json();
    assert_eq!(json["platform"], platform);
    assert_eq!(json["simulated"], platform.starts_with("simulated"));
    String::from_utf8(place.read("policy.toml")).unwrap()
}

impl Real {
    /// Refused unconfirmed, and for what the machine lacks; accepted with a person's answers.
    fn drafted_and_judged(&self, place: &Place) {
        let text = draft(place, self.platform, &format!("--at {}", self.at));
        assert!(text.contains(&format!("[accept.{}", self.platform)), "{text}");
        let verify = format!(
            "attestation verify --{} evidence --endorsements endorsements --policy policy.toml --at {}",
            self.platform, self.at
        );
        place.run(&verify).refused(2, "policy.unconfirmed");
        let confirmed = text.replace("\nconfirmed = false\n", "\nconfirmed = true\n");
        place.write("policy.toml", &confirmed);
        if !self.answers.is_empty() {
            place.run(&verify).refused(4, "evidence.refused");
        }
        let answered = self.answers.iter().fold(confirmed, |text, (drafted, answer)| {
            assert!(text.contains(drafted), "{drafted}\n{text}");
            text.replace(drafted, answer)
        });
        place.write("policy.toml", answered);
        let json = place.run(&format!("{verify} --json")).ok().json();
        assert_eq!((&json["assurance"], &json["platform"]), (&"hardware".into(), &self.platform.into()));
        place.run("policy check policy.toml").ok();
        let shown = place.run("policy show policy.toml").ok().out.clone();
        assert!(shown.starts_with("Accepts machines\n") && !shown.contains("SIMULATED"), "{shown}");
    }
}

#[test]
fn a_draft_accepts_the_pretend_machines_that_it_was_made_from() {
    let place = Place::new();
    for (short, platform, file) in [("snp", "simulated", "report.bin"), ("tdx", "simulated-tdx", "quote.bin")] {
        place.run(&format!("simulate evidence --platform {short} -o {short}")).ok();
        place.write("evidence", place.read(&format!("{short}/{file}")));
        place.write("endorsements", place.read(&format!("{short}/endorsements.json")));
        let text = draft(&place, platform, "--force");
        place.write("policy.toml", text.replace("\nconfirmed = false\n", "\nconfirmed = true\n"));
        let report_data = String::from_utf8(place.read(&format!("{short}/report-data.txt"))).unwrap();
        let verify = format!(
            "attestation verify --{platform} evidence --endorsements endorsements --policy policy.toml --report-data {}",
            report_data.trim()
        );
        let json = place.run(&format!("{verify} --json")).ok().json();
        assert_eq!((&json["assurance"], &json["platform"]), (&"simulated".into(), &platform.into()));
        let other = place.run(&verify.replacen(report_data.trim(), &"00".repeat(64), 1));
        other.refused(4, "evidence.refused");
    }
}

#[test]
fn a_draft_accepts_a_real_snp_machine_once_a_person_has_answered() {
    let Some(report) = vector("go-sev-guest/verify__testdata__attestation.bin") else { return };
    let place = Place::new();
    place.write("evidence", report);
    place.write("endorsements", vector("go-sev-guest/verify__testdata__vcek.testcer").unwrap());
    let answers = &[
        ("\nrevocation = \"require\"\n", "\nrevocation = \"if-present\"\n"),
        ("\ndebug = false\n", "\ndebug = true\n"),
    ];
    Real { platform: "snp", at: "1663980928", answers }.drafted_and_judged(&place);
}

#[test]
fn a_draft_accepts_a_real_tdx_machine_once_a_person_has_answered() {
    let Some(quote) = vector("dcap-qvl/tdx_quote") else { return };
    let place = Place::new();
    place.write("evidence", quote);
    place.write("endorsements/collateral.json", vector("dcap-qvl/tdx_quote_collateral.json").unwrap());
    Real { platform: "tdx", at: "1751624191", answers: &[] }.drafted_and_judged(&place);
}

#[test]
fn a_draft_accepts_a_real_snp_machine_on_azure_once_a_person_has_answered() {
    let Some(json) = vector("trustee/deps__verifier__test_data__az-snp-vtpm__evidence-v0.json") else { return };
    let found: Value = serde_json::from_slice(&json).unwrap();
    let place = Place::new();
    place.write("evidence", azure(&found, "report").to_json());
    let pem = found["vcek"].as_str().unwrap();
    let body: String = pem.lines().take_while(|line| !line.starts_with("-----END")).skip(1).collect();
    place.write("endorsements", STANDARD.decode(body).unwrap());
    let answers = &[("\nrevocation = \"require\"\n", "\nrevocation = \"if-present\"\n")];
    Real { platform: "azure-snp", at: "1738081615", answers }.drafted_and_judged(&place);
}

#[test]
fn a_draft_accepts_a_real_tdx_machine_on_azure_once_a_person_has_answered() {
    let Some(json) = vector("trustee/deps__verifier__test_data__az-tdx-vtpm__evidence-v0.json") else { return };
    let found: Value = serde_json::from_slice(&json).unwrap();
    let place = Place::new();
    place.write("evidence", azure(&found, "hcl_report").to_json());
    place.write("endorsements/collateral.json", vector("derived/dcaprs2.json").unwrap());
    let answers = &[
        ("\ntcb_status = [\"UpToDate\"]\n", "\ntcb_status = [\"OutOfDate\"]\n"),
        ("\ngrace_days = 0\n", "\ngrace_days = 3650\n"),
        ("\nsept_ve_disable = true\n", "\nsept_ve_disable = false\n"),
    ];
    Real { platform: "azure-tdx", at: "1740714290", answers }.drafted_and_judged(&place);
}

/// Another project's form, which writes bytes as numbers, brought into ours.
fn azure(found: &Value, report: &str) -> AzureEvidence {
    let bytes = |value: &Value| -> Vec<u8> {
        value.as_array().unwrap().iter().map(|number| u8::try_from(number.as_u64().unwrap()).unwrap()).collect()
    };
    let quote = if found["quote"].is_null() { &found["tpm_quote"] } else { &found["quote"] };
    let registers =
        quote["pcrs"].as_array().unwrap().iter().map(|value| HexBytes::new(bytes(value).try_into().unwrap()));
    let (message, signature) = (bytes(&quote["message"]), bytes(&quote["signature"]));
    let quote = AzureQuote { message, signature, registers: (0..).zip(registers).collect() };
    let td_quote = found.get("td_quote").map(bytes);
    AzureEvidence { report_data: None, hcl_report: bytes(&found[report]), quote, td_quote }
}

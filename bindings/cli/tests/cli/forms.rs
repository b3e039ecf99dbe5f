//! Evidence in other people's wrappers and certificates; verdicts as pages and tokens.

use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_attest::platform::simulated::{SimulatedTd, SimulatedTdxVendor, TdxMutations};
use prism_attest::{Endorsements, Evidence, Platform, ReportData};
use prism_core::manifest::platform::PolicyDocument;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use serde_json::Value;

use crate::support::{Place, Said};

const NOW: u64 = 1_800_000_000;

/// A folder `m` with the evidence of a pretend machine, what vouches for it, and the policy that accepts it.
fn machine(platform: &str) -> Place {
    let place = Place::new();
    place.prism(&["simulate", "evidence", "--platform", platform, "-o", "m"]).ok();
    let policy = String::from_utf8(place.read("m/policy.toml")).unwrap();
    place.write("m/policy.toml", policy.replace("confirmed = false", "confirmed = true"));
    place
}

fn verify(place: &Place, more: &[&str]) -> Said {
    let fixed = ["attestation", "verify", "--endorsements", "m/endorsements.json", "--policy", "m/policy.toml"];
    place.prism(&[&fixed, more].concat())
}

fn claims(token: &[u8]) -> Value {
    let token = String::from_utf8(token.to_vec()).unwrap();
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token}");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap()
}

#[test]
fn a_verdict_is_written_as_a_page_and_as_tokens_also_when_it_refuses() {
    let place = machine("tdx");
    place.run("keys new verifier").ok();
    let nonce = "5f".repeat(32);
    for (report_data, code, first) in [(None, 0, "ACCEPTED"), (Some("00".repeat(64)), 4, "REFUSED")] {
        let name = |ending: &str| format!("{code}.{ending}");
        let [html, jwt, cwt] = ["html", "jwt", "cwt"].map(name);
        let mut more = vec!["--simulated-tdx", "m/quote.bin", "--html", &html, "--ear", &jwt, "--ear-cwt", &cwt];
        more.extend(["--ear-key", "verifier.key", "--ear-nonce", &nonce]);
        if let Some(data) = &report_data {
            more.extend(["--report-data", data]);
        }
        let said = verify(&place, &more);
        assert_eq!(said.code, code, "{}{}", said.out, said.err);
        assert!(said.out.contains(first), "{}", said.out);
        let page = String::from_utf8(place.read(&html)).unwrap();
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("SIMULATED"), "{page}");
        let claims = claims(&place.read(&jwt));
        assert_eq!(claims["submods"]["prism"]["ear.status"], "contraindicated", "a simulator earns nothing else");
        assert_eq!(claims["eat_nonce"], URL_SAFE_NO_PAD.encode([0x5f; 32]));
        assert_eq!(place.read(&cwt)[0], 0xd2, "COSE_Sign1");
    }
}

#[test]
fn a_file_that_is_there_is_never_overwritten_and_nothing_else_is_written() {
    let place = machine("snp");
    place.run("keys new verifier").ok();
    place.write("taken", "mine");
    let more = ["--simulated", "m/report.bin", "--html", "page.html", "--ear", "taken", "--ear-key", "verifier.key"];
    verify(&place, &more).refused(2, "file.exists");
    assert_eq!(place.read("taken"), b"mine");
    assert!(!place.path("page.html").exists());
    let more = ["--simulated", "m/report.bin", "--html", "page.html", "--ear", "token", "--ear-key", "absent.key"];
    verify(&place, &more).refused(5, "file.missing");
    assert!(!place.path("page.html").exists());
    let said = verify(&place, &["--simulated", "m/report.bin", "--ear", "token"]);
    assert_eq!(said.code, 2, "nobody answers for the token: {}", said.err);
}

#[test]
fn results_that_would_be_nothing_or_each_other_or_of_another_time_are_refused() {
    let place = machine("snp");
    place.run("keys new verifier").ok();
    let key = ["--ear-key", "verifier.key"];
    for more in [
        &[][..],
        &["--html", "page.html"],
        &["--ear", "token", "--html", "token"],
        &["--ear", "token", "--ear-cwt", "token"],
        &["--ear", "token", "--at", "5"],
        &["--ear-cwt", "token", "--at", "5"],
    ] {
        let said = verify(&place, &[&["--simulated", "m/report.bin"], more, &key[..]].concat());
        assert_eq!(said.code, 2, "{more:?}: {}{}", said.out, said.err);
        assert!(!place.path("token").exists() && !place.path("page.html").exists(), "{more:?}");
    }
}

#[test]
fn a_part_of_a_folder_that_cannot_be_read_is_not_absent() {
    let place = machine("snp");
    let verify = |name: &str| {
        std::fs::create_dir_all(place.path("folder")).unwrap();
        std::os::unix::fs::symlink("nowhere", place.path("folder").join(name)).unwrap();
        let said =
            place.run("attestation verify --simulated m/report.bin --endorsements folder --policy m/policy.toml");
        std::fs::remove_dir_all(place.path("folder")).unwrap();
        said
    };
    for name in Endorsements::FILE_NAMES {
        assert!(verify(name).refused(5, "file.missing").err.contains(name));
    }
}

#[test]
fn a_refusal_that_nobody_reads_is_still_a_refusal() {
    let place = machine("snp");
    let verify = ["attestation", "verify", "--simulated", "m/report.bin", "--endorsements", "m/endorsements.json"];
    let verify = [&verify[..], &["--policy", "m/policy.toml", "--at", "5"]].concat();
    let check = ["endorsements", "check", "m/endorsements.json", "--at", "5"];
    for (arguments, json) in [(&verify[..], false), (&verify[..], true), (&check[..], false), (&check[..], true)] {
        let mut command = place.command(arguments);
        let command = if json { command.arg("--json") } else { &mut command };
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_event_log_beside_a_quote_has_to_explain_its_registers() {
    let place = machine("tdx");
    place.write("log", "no event log");
    let said = verify(&place, &["--simulated-tdx", "m/quote.bin", "--event-log", "log", "--json"]);
    assert_eq!((said.code, &said.json()["code"]), (4, &"event-log.form".into()), "{}", said.out);
    let policy = String::from_utf8(place.read("m/policy.toml")).unwrap();
    place.write("m/policy.toml", policy.replace("event_log = \"if-present\"", "event_log = \"require\""));
    let said = verify(&place, &["--simulated-tdx", "m/quote.bin", "--json"]);
    assert_eq!((said.code, &said.json()["code"]), (4, &"event-log.present".into()), "{}", said.out);
    let place = machine("snp");
    place.write("log", "no event log");
    verify(&place, &["--simulated", "m/report.bin", "--event-log", "log"]).refused(4, "evidence.refused");
}

#[test]
fn evidence_in_a_message_wrapper_is_judged_as_it_is_alone() {
    let place = machine("tdx");
    let evidence = Evidence::new(Platform::SimulatedTdx, place.read("m/quote.bin")).unwrap();
    place.write("json", evidence.to_cmw_json());
    place.write("cbor", evidence.to_cmw_cbor());
    let alone = verify(&place, &["--simulated-tdx", "m/quote.bin", "--at", "1800000000"]);
    for wrapped in ["json", "cbor"] {
        let said = verify(&place, &["--cmw", wrapped, "--at", "1800000000"]);
        assert_eq!((said.code, said.out), (alone.code, alone.out.clone()));
    }
    place.write("json", "{}");
    verify(&place, &["--cmw", "json"]).refused(4, "evidence.refused");
}

/// A folder `m` as above, and `tls.pem`: a certificate with evidence that stands for its key.
fn certified(accept_key_only: bool) -> Place {
    let place = Place::new();
    let key = KeyPair::generate().unwrap();
    let spki = rcgen::PublicKeyData::subject_public_key_info(&key);
    let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
    let (evidence, endorsements) =
        vendor.attest(&ReportData::simulated_key_only(&spki), &TdxMutations::none()).unwrap();
    let mut params = CertificateParams::default();
    let extension = CustomExtension::from_oid_content(&[2, 23, 133, 5, 4, 9], evidence.to_cmw_cbor());
    params.custom_extensions.push(extension);
    place.write("tls.pem", params.self_signed(&key).unwrap().pem());
    let mut policy = vendor.policy_for(&SimulatedTd::default());
    policy.accept_key_only = accept_key_only;
    place.write("m/policy.toml", PolicyDocument::confirmed(policy).to_toml().unwrap());
    place.write("m/endorsements.json", endorsements.to_json());
    place
}

#[test]
fn a_certificates_evidence_stands_for_its_key_only_where_the_policy_accepts_that() {
    let more = ["--certificate", "tls.pem", "--at", "1800000000"];
    let said = verify(&certified(true), &more);
    assert!(said.ok().out.contains("ACCEPTED FOR A KEY ONLY"), "{}", said.out);
    let place = certified(false);
    let said = verify(&place, &more);
    assert!(said.refused(4, "evidence.refused").out.contains("FAIL  policy.key-only"), "{}", said.out);
    assert!(!place.prism(&["policy", "show", "m/policy.toml"]).ok().out.contains("KEY ONLY"));
    assert!(certified(true).prism(&["policy", "show", "m/policy.toml"]).ok().out.contains("KEY ONLY"));
}

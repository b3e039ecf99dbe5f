//! Evidence in files: genuine or not, wanted or not, with the exit code that says so.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Place, Said};

/// The folder of public vectors; says so when there is none.
fn vectors(folder: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors");
    let root = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no test vectors at {}", folder.display());
    None
}

/// What both kinds of case have in common.
struct Kind {
    flag: &'static str,
    evidence: &'static str,
    root: &'static str,
}

const SNP: Kind = Kind { flag: "--snp", evidence: "report.bin", root: "../test-ark-Milan.der" };
const TDX: Kind = Kind { flag: "--tdx", evidence: "quote.bin", root: "../test-root.der" };

/// Drafts a policy from a case that is good, and confirms it.
fn drafted(place: &Place, case: &Path, kind: &Kind) {
    let (evidence, root) = (case.join(kind.evidence), case.join(kind.root));
    let [evidence, folder, root] = [&evidence, case, &root].map(|path| path.to_str().unwrap());
    let new = ["policy", "new", "--from", evidence, "--endorsements", folder, "--root", root, "--at", "1780272000"];
    place.prism(&[&new[..], &["-o", "policy.toml"]].concat()).ok();
    let draft = String::from_utf8(place.read("policy.toml")).unwrap();
    // The public SEV-SNP cases bring no revocation list.
    let confirmed = draft
        .replace("confirmed = false", "confirmed = true")
        .replace("revocation = \"require\"", "revocation = \"if-present\"");
    place.write("policy.toml", confirmed);
}

fn verify(place: &Place, case: &Path, kind: &Kind, more: &[&str]) -> Said {
    let (evidence, root) = (case.join(kind.evidence), case.join(kind.root));
    let [evidence, folder, root] = [&evidence, case, &root].map(|path| path.to_str().unwrap());
    let fixed = ["attestation", "verify", kind.flag, evidence, "--endorsements", folder, "--root", root];
    place.prism(&[&fixed[..], &["--policy", "policy.toml", "--at", "1780272000"], more].concat())
}

#[test]
fn a_genuine_machine_is_accepted_under_the_policy_drafted_from_it() {
    for (folder, case, kind) in [("synthetic-snp", "ok-milan-v3", SNP), ("synthetic-tdx", "ok-v5", TDX)] {
        let Some(folder) = vectors(folder) else { return };
        let place = Place::new();
        let case = folder.join(case);
        drafted(&place, &case, &kind);
        let json = verify(&place, &case, &kind, &["--json"]).ok().json();
        assert_eq!(json["verdict"], "accepted without a channel", "{json}");
        assert_eq!(json["assurance"], "custom-root");
        assert!(json.get("stage").is_none_or(serde_json::Value::is_null), "{json}");
        let text = verify(&place, &case, &kind, &[]);
        assert!(text.ok().out.starts_with("ACCEPTED WITHOUT A CHANNEL"), "{}", text.out);
    }
}

#[test]
fn evidence_that_does_not_hold_is_refused_with_its_stage() {
    for (folder, good, bad, stage, kind) in [
        ("synthetic-snp", "ok-milan-v3", "n01-flip-measurement", "signature", SNP),
        ("synthetic-snp", "ok-milan-v3", "n39-vcek-expired", "endorsement", SNP),
        ("synthetic-tdx", "ok-v4", "n29-tcb-sig", "collateral", TDX),
        ("synthetic-tdx", "ok-v4", "n41-module-only", "tcb", TDX),
    ] {
        let Some(folder) = vectors(folder) else { return };
        let place = Place::new();
        drafted(&place, &folder.join(good), &kind);
        let said = verify(&place, &folder.join(bad), &kind, &["--json"]);
        assert_eq!(said.code, 4, "{bad}: {}{}", said.out, said.err);
        assert_eq!(said.json()["stage"], stage, "{bad}");
    }
}

#[test]
fn a_root_that_nobody_named_and_another_moment_are_refused() {
    let Some(folder) = vectors("synthetic-snp") else { return };
    let place = Place::new();
    let case = folder.join("ok-milan-v3");
    drafted(&place, &case, &SNP);
    let foreign = Kind { root: "../test-ark-Genoa.der", ..SNP };
    let said = verify(&place, &case, &foreign, &[]);
    assert!(said.refused(4, "evidence.refused").out.contains("FAIL  endorsement.root"), "{}", said.out);
    let report_data = "00".repeat(64);
    let said = verify(&place, &case, &SNP, &["--report-data", &report_data]);
    assert!(said.refused(4, "evidence.refused").out.contains("FAIL  binding.report-data"), "{}", said.out);
    let report = fs::read(case.join("report.bin")).unwrap();
    let told = prism_core::hexadecimal::Hex(&report[0x50..0x90]).to_string();
    verify(&place, &case, &SNP, &["--report-data", &told]).ok();
}

#[test]
fn a_policy_that_nobody_confirmed_judges_nothing() {
    let Some(folder) = vectors("synthetic-snp") else { return };
    let place = Place::new();
    let case = folder.join("ok-milan-v3");
    drafted(&place, &case, &SNP);
    let policy = String::from_utf8(place.read("policy.toml")).unwrap();
    place.write("policy.toml", policy.replace("confirmed = true", "confirmed = false"));
    verify(&place, &case, &SNP, &[]).refused(2, "policy.unconfirmed");
}

#[test]
fn evidence_has_to_be_given_once_and_under_its_name() {
    let place = Place::new();
    let said = place.run("attestation verify --endorsements e --policy p");
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    let said = place.run("attestation verify --snp a --tdx b --endorsements e --policy p");
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
}

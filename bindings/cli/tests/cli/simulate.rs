//! `prism simulate`: evidence of pretend machines, for trying policies.

use prism_attest::{Endorsements, Evidence, ExpectedBinding, Platform, Verdict, judge};
use prism_core::manifest::platform::PolicyDocument;

use crate::support::Place;

/// What becomes of the folder's evidence under its own policy, now.
fn judged(place: &Place, folder: &str, platform: Platform, file: &str) -> Verdict {
    let read = |name: &str| place.read(&format!("{folder}/{name}"));
    let evidence = Evidence::new(platform, read(file)).unwrap();
    let endorsements = Endorsements::read(&read("endorsements.json")).unwrap();
    let policy = PolicyDocument::read(&read("policy.toml")).unwrap().into_policy().unwrap();
    let text = String::from_utf8(read("report-data.txt")).unwrap();
    let bytes: Vec<u8> = (0..64).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect();
    let expected = ExpectedBinding::foreign(bytes.try_into().unwrap());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    judge(&evidence, &endorsements, &policy, &expected, now)
}

#[test]
fn pretend_evidence_is_accepted_by_its_policy_and_refused_with_a_fault() {
    let place = Place::new();
    for (arguments, platform, file) in [
        ("--platform snp --product turin --report-version 5", Platform::Simulated, "report.bin"),
        ("--platform tdx --quote-version 5", Platform::SimulatedTdx, "quote.bin"),
    ] {
        let good = format!("good-{platform}");
        let said = place.run(&format!("simulate evidence {arguments} -o {good}"));
        assert!(said.ok().out.contains("SIMULATED - NOT A TEE"), "{}", said.out);
        let verdict = judged(&place, &good, platform, file);
        assert!(verdict.is_good() && verdict.is_simulated(), "{verdict}");

        let bad = format!("bad-{platform}");
        let said = place.run(&format!("simulate evidence {arguments} --mutate debug -o {bad} --json"));
        let json = said.ok().json();
        assert_eq!((&json["simulated"], &json["mutations"][0]), (&true.into(), &"debug".into()));
        let verdict = judged(&place, &bad, platform, file);
        assert_eq!(verdict.refusal().unwrap().check.stage().as_str(), "policy", "{verdict}");
        let root = String::from_utf8(place.read(&format!("{bad}/root.txt"))).unwrap();
        assert_eq!(json["root"], root.trim());
        let short = if platform == Platform::Simulated { "snp" } else { "tdx" };
        assert_eq!(place.run(&format!("simulator root --platform {short} --json")).json()["root"], root.trim());
    }
}

#[test]
fn nothing_is_overwritten_and_unknown_faults_are_refused() {
    let place = Place::new();
    place.run("simulate evidence --platform tdx -o here").ok();
    place.run("simulate evidence --platform tdx -o here").refused(2, "file.exists");
    place.run("simulate evidence --platform tdx --mutate nonsense -o there").refused(2, "usage");
    place.run("simulate evidence --platform tdx --product milan -o there").refused(2, "usage");
    assert!(!place.path("there").exists());
}

#[test]
fn every_fault_is_listed_with_the_stage_of_its_refusal() {
    let place = Place::new();
    let text = place.run("simulate mutations");
    assert!(text.ok().out.starts_with("SIMULATED"), "{}", text.out);
    let json = place.run("simulate mutations --platform tdx --json").json();
    let rows = json["mutations"].as_array().unwrap();
    assert!(rows.len() > 90 && rows.iter().all(|row| row["platform"] == "tdx"));
    let row = rows.iter().find(|row| row["name"] == "debug").unwrap();
    assert_eq!((&row["expected"], &row["about"]), (&"policy".into(), &"The guest can be debugged.".into()));
}

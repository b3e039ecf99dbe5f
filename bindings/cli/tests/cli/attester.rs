//! Where evidence can come from, and what `agent serve` says about platforms that this machine is not.

use crate::support::Place;

const NAMES: [&str; 5] = ["tsm-snp", "tsm-tdx", "sev-guest", "tdx-attest", "azure-vtpm"];

#[test]
fn a_probe_names_each_way_and_why_it_is_not_there() {
    let place = Place::new();
    let said = place.prism(&["attester", "probe", "--json"]);
    let json = said.json();
    let lines = json["interfaces"].as_array().unwrap();
    let names: Vec<&str> = lines.iter().map(|line| line["name"].as_str().unwrap()).collect();
    assert_eq!(names, NAMES);
    let mut any = false;
    for line in lines {
        let available = line["available"].as_bool().unwrap();
        any |= available;
        assert!(!line["reason"].as_str().unwrap().is_empty(), "{line}");
        assert_eq!(line["advice"].as_str().unwrap().is_empty(), available, "{line}");
        assert_eq!(line["platform"].is_null(), !available, "{line}");
    }
    assert_eq!(said.code, if any { 0 } else { 5 }, "{}", said.err);
    let text = place.prism(&["attester", "probe"]);
    assert_eq!(text.code, said.code);
    for name in NAMES {
        assert!(text.out.lines().any(|line| line.split_whitespace().nth(1) == Some(name)), "{}", text.out);
    }
    if !any {
        text.refused(5, "file.missing");
    }
}

#[test]
fn a_platform_that_is_handed_no_endorsements_needs_their_file() {
    let place = crate::agent::rehearsal(|draft| draft);
    for platform in ["tdx", "azure-snp", "azure-tdx"] {
        let serve = format!("agent serve --manifest covid19.prism --state s --platform {platform}");
        let said = place.run(&serve);
        said.refused(2, "usage");
        assert!(said.err.contains("--endorsements FILE"), "{}", said.err);
    }
}

#[test]
fn a_privilege_level_belongs_to_snp() {
    let place = crate::agent::rehearsal(|draft| draft);
    let serve = "agent serve --manifest covid19.prism --state s --endorsements x";
    place.run(&format!("{serve} --platform tdx --vmpl 1")).refused(2, "usage");
    let said = place.run(&format!("{serve} --platform snp --vmpl 4"));
    assert_eq!(said.code, 2, "{}", said.err);
}

//! Every public synthetic SEV-SNP case: the right verdict, and for refusals the right stage.

use crate::support;

use std::fs;

use prism_attest::{Case, Evidence, Platform, Verdict};
use serde_json::Value;

fn judge(folder: &std::path::Path, expect: &Value) -> Verdict {
    let evidence = Evidence::new(Platform::Snp, fs::read(folder.join("report.bin")).unwrap()).unwrap();
    let (policy, expected) = support::expectation(expect);
    let endorsements = support::endorsements(folder);
    let roots = support::synthetic_roots(folder.parent().unwrap());
    let now = expect["now"].as_u64().unwrap();
    Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now }
        .judge_under(&roots)
}

#[test]
fn every_synthetic_case_gets_its_verdict_at_its_stage() {
    let Some(folder) = support::vectors("synthetic-snp") else { return };
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for case in cases {
        let expect: Value = serde_json::from_slice(&fs::read(case.join("expect.json")).unwrap()).unwrap();
        let verdict = judge(&case, &expect);
        let stage = verdict.refusal().map_or("", |finding| finding.check.stage().as_str());
        let word = if verdict.is_good() { "accept" } else { "reject" };
        if word != expect["verdict"] || stage != expect["stage"] {
            wrong.push(format!("{}: {}\n{verdict}", case.display(), expect["why"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn no_synthetic_case_is_accepted_under_the_roots_of_amd() {
    let Some(folder) = support::vectors("synthetic-snp") else { return };
    for case in ["ok-milan-v2", "ok-milan-v5", "ok-genoa-v3", "ok-turin-v5", "ok-vlek-milan"] {
        let evidence = Evidence::new(Platform::Snp, fs::read(folder.join(case).join("report.bin")).unwrap()).unwrap();
        let (policy, expected) = support::expectation(&Value::Null);
        let endorsements = support::endorsements(&folder.join(case));
        let verdict = prism_attest::judge(&evidence, &endorsements, &policy, &expected, 1_780_272_000);
        assert_eq!(verdict.refusal().map(|finding| finding.check), Some(prism_attest::Check::Root), "{case}");
    }
}

//! Every public synthetic TDX case: the right verdict, and for refusals the right stage.

use std::fs;
use std::path::{Path, PathBuf};

use prism_attest::{Case, Check, Evidence, Platform, Prepared, Roots, Verdict};
use serde_json::Value;

use crate::support;

/// Everything in it is genuine but for the root.
const FORGED_ROOT: &str = "n79-forged-root";

fn quote(folder: &Path) -> Evidence {
    Evidence::new(Platform::Tdx, fs::read(folder.join("quote.bin")).unwrap()).unwrap()
}

fn expect(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("expect.json")).unwrap()).unwrap()
}

fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // One is about Intel's own root, which it lacks; it has a test of its own below.
    cases.retain(|path| path.is_dir() && !path.ends_with(FORGED_ROOT));
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

fn judge(folder: &Path, expect: &Value) -> Verdict {
    let (policy, expected) = support::expectation(expect);
    let endorsements = support::endorsements(&folder.join("collateral.json"));
    let (evidence, now) = (quote(folder), expect["now"].as_u64().unwrap());
    Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now }
        .judge_under(&support::synthetic_roots(folder.parent().unwrap()))
}

/// What a case ends with, by the whole way and by the prepared one.
fn outcome(verdict: &Verdict) -> (&'static str, &'static str) {
    let stage = verdict.refusal().map_or("", |finding| finding.check.stage().as_str());
    (if verdict.is_good() { "accept" } else { "reject" }, stage)
}

#[test]
fn every_synthetic_case_gets_its_verdict_at_its_stage() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    let mut wrong = Vec::new();
    for case in cases(&folder) {
        let expect = expect(&case);
        let verdict = judge(&case, &expect);
        let (word, stage) = outcome(&verdict);
        if word != expect["verdict"] || stage != expect["stage"] {
            wrong.push(format!("{}: {}\n{verdict}", case.display(), expect["why"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn prepared_endorsements_give_the_same_verdicts() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    let roots = support::synthetic_roots(&folder);
    for case in cases(&folder) {
        let expect = expect(&case);
        let (policy, expected) = support::expectation(&expect);
        let endorsements = support::endorsements(&case.join("collateral.json"));
        let now = expect["now"].as_u64().unwrap();
        let (word, stage) = (expect["verdict"].as_str().unwrap(), expect["stage"].as_str().unwrap());
        let Ok(prepared) = Prepared::new(Platform::Tdx, &endorsements, &roots, now) else {
            assert_eq!(word, "reject", "{}", case.display());
            continue;
        };
        let verdict = prepared.judge(&quote(&case), &policy, &expected, now);
        assert_eq!(outcome(&verdict), (word, stage), "{}\n{verdict}", case.display());
        let Ok(admitted) = prepared.admit(&quote(&case), now) else { continue };
        let verdict = admitted.judge(&quote(&case), &policy, &expected, now);
        assert_eq!(outcome(&verdict), (word, stage), "{}\n{verdict}", case.display());
    }
}

#[test]
fn no_synthetic_case_is_accepted_under_the_root_of_intel() {
    let Some(folder) = support::vectors("synthetic-tdx") else { return };
    for name in ["ok-v4", "ok-v5", "ok-v4-zeropad", "ok-qeauth-empty", FORGED_ROOT] {
        let case = folder.join(name);
        let (policy, expected) = support::expectation(&Value::Null);
        let endorsements = support::endorsements(&case.join("collateral.json"));
        let (evidence, now) = (quote(&case), 1_780_272_000);
        let verdict =
            Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now }
                .judge_under(&Roots::built_in());
        assert_eq!(verdict.refusal().map(|finding| finding.check), Some(Check::Root), "{name}");
    }
}

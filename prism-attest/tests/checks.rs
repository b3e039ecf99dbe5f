//! `CHECKS.md` and the list of checks are the same list, and every test that it names is there.
#![expect(clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;

use prism_attest::{Check, Stage};

const LIST: &str = include_str!("../CHECKS.md");

/// What the list says to a check that nothing can fail.
const CANNOT_FAIL: &str = "cannot fail";

/// One row of a table.
struct Row {
    stage: &'static str,
    check: &'static str,
    demand: &'static str,
    tests: &'static str,
}

/// Every row of the tables whose heading is a stage.
fn rows() -> Vec<Row> {
    let mut stage = "";
    let mut rows = Vec::new();
    for line in LIST.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            stage = heading.trim_start_matches('#').trim();
        }
        let is_stage = Stage::ALL.iter().any(|known| known.as_str() == stage);
        let Some(cells) = line.strip_prefix("| `").filter(|_| is_stage) else { continue };
        let cells: Vec<_> = cells.trim_end_matches(" |").split(" | ").collect();
        let [check, demand, tests] = cells[..] else { panic!("a row of three cells: {line}") };
        rows.push(Row { stage, check: check.trim_end_matches('`'), demand, tests });
    }
    rows
}

#[test]
fn every_check_has_its_row_in_its_stage_in_the_order_of_the_list() {
    let mut listed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows() {
        listed.entry(row.stage).or_default().push(row.check);
    }
    for stage in Stage::ALL {
        let checks = Check::ALL.iter().filter(|check| check.stage() == *stage).map(|check| check.as_str());
        assert_eq!(listed.remove(stage.as_str()).unwrap_or_default(), checks.collect::<Vec<_>>(), "{stage}");
    }
    assert!(rows().iter().all(|row| row.demand.len() > 10));
}

#[test]
fn every_test_that_the_list_names_is_there() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for Row { check, tests, .. } in rows() {
        let mut parts = tests.split('`').skip(1).step_by(2).filter(|text| text.contains(".rs::")).peekable();
        assert!(tests.starts_with(CANNOT_FAIL) || parts.peek().is_some(), "{check} names no test and no reason");
        for test in parts {
            let (file, name) = test.split_once("::").unwrap();
            let text = std::fs::read_to_string(crate_root.join(file)).unwrap_or_else(|_| panic!("{check}: no {file}"));
            let is_test =
                text.contains(&format!("#[test]\nfn {name}()")) || text.contains(&format!("#[test]\n    fn {name}("));
            assert!(is_test, "{check}: no test {name} in {file}");
            named += 1;
        }
    }
    assert!(named > Check::ALL.len(), "{named}");
}

#[test]
fn only_a_few_checks_are_said_to_be_unable_to_fail() {
    let unable: Vec<_> = rows().into_iter().filter(|row| row.tests.starts_with(CANNOT_FAIL)).collect();
    let expected = [Check::PlatformSupported, Check::ReportPlatformBits, Check::PcrsNotAppraised, Check::AkAnchor]
        .map(Check::as_str);
    assert_eq!(unable.iter().map(|row| row.check).collect::<Vec<_>>(), expected);
    assert!(unable.iter().all(|row| row.tests.len() > 50));
}

//! What a bundle gives for evidence, and what it says is missing.

use prism_attest::endorsements::bundle::{Bundle, EndorsementKey, Entry, SelectError};
use prism_attest::{Endorsements, Evidence, Platform, Roots, Vendor};
use prism_core::code::{Code, Coded};
use prism_core::manifest::platform::Product;
use serde_json::Value;

use crate::made;

fn without(bundle: &Bundle, kind: &str) -> Bundle {
    let mut rest = Bundle::new();
    let kept = bundle.entries().iter().filter(|entry| entry.key().kind() != kind);
    kept.for_each(|entry: &Entry| rest.add(entry.clone()).unwrap());
    assert_eq!(rest.entries().len() + 1, bundle.entries().len(), "{kind}");
    rest
}

fn missing(error: SelectError) -> Vec<EndorsementKey> {
    assert_eq!(error.code(), Code::EndorsementsMissing);
    match error {
        SelectError::Missing(missing) => missing.keys,
        other => panic!("{other}"),
    }
}

#[test]
fn a_machine_finds_its_own_endorsements() {
    let (evidence, endorsements) = made::machine();
    let mut bundle = made::bundle();
    bundle.add(made::judgement([1; 6], 1, 0)).unwrap();
    assert_eq!(bundle.select(evidence).unwrap(), *endorsements);
    assert!(bundle.missing(evidence).unwrap().is_empty());
}

#[test]
fn a_machine_with_a_provider_s_key_finds_its_own_endorsements() {
    let (evidence, endorsements) = made::rented();
    let mut bundle = Bundle::of_machine(endorsements, &made::origin()).unwrap();
    assert!(bundle.select(evidence).unwrap() == *endorsements);
    // Those of the chip's own key are of another kind, and lie beside them.
    made::bundle().entries().iter().for_each(|entry| bundle.add(entry.clone()).unwrap());
    assert!(bundle.select(evidence).unwrap() == *endorsements);
    let keys = missing(without(&bundle, "vlek").select(evidence).unwrap_err());
    assert!(keys.iter().all(|key| key.kind() == "vlek"), "{keys:?}");
}

#[test]
fn what_is_not_there_is_named() {
    let (evidence, endorsements) = made::machine();
    let bundle = made::bundle();
    for kind in ["vcek", "amd-chain"] {
        let keys = missing(without(&bundle, kind).select(evidence).unwrap_err());
        assert!(keys.iter().all(|key| key.kind() == kind), "{keys:?}");
        assert!(without(&bundle, kind).missing(evidence).unwrap().contains(&keys[0]));
    }
    let unlisted = without(&bundle, "amd-crl");
    assert_eq!(unlisted.missing(evidence).unwrap().len(), 1);
    let found = unlisted.select(evidence).unwrap();
    assert_eq!((found.as_snp().unwrap().crl.clone(), endorsements.as_snp().unwrap().crl.is_some()), (None, true));
}

#[test]
fn evidence_that_says_nothing_chooses_nothing() {
    for (platform, bytes) in [
        (Platform::Snp, vec![0; 1184]),
        (Platform::Snp, vec![2; 8]),
        (Platform::Tdx, vec![4; 20]),
        (Platform::Tdx, b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_vec()),
    ] {
        let evidence = Evidence::new(platform, bytes).unwrap();
        let refused = Bundle::new().select(&evidence).unwrap_err();
        assert!(matches!(refused, SelectError::Unreadable { .. }), "{refused}");
        assert_eq!(refused.code(), Code::EvidenceRefused);
    }
}

/// The good cases of a folder of vectors: their names, evidence, endorsements and time.
fn good_cases(folder: &str, platform: Platform, file: &str) -> Vec<(String, Evidence, Endorsements, u64)> {
    let Some(root) = made::vectors(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for case in made::cases(&root) {
        let files = made::files(&case);
        let bytes = |name: &str| files.iter().find(|(found, _)| found == name).unwrap().1.clone();
        let expect: Value = serde_json::from_slice(&bytes("expect.json")).unwrap();
        if expect["verdict"] == "accept" {
            let evidence = Evidence::new(platform, bytes(file)).unwrap();
            let endorsements = Endorsements::from_named_files(files.clone()).unwrap();
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, evidence, endorsements, expect["now"].as_u64().unwrap()));
        }
    }
    found
}

#[test]
fn the_good_reports_of_the_vectors_choose_their_own_from_one_bundle() {
    let cases = good_cases("synthetic-snp", Platform::Snp, "report.bin");
    let Some(root) = made::vectors("synthetic-snp") else { return };
    let roots = Product::ALL.into_iter().fold(Roots::built_in(), |roots, product| {
        let ark = std::fs::read(root.join(format!("test-ark-{product}.der"))).unwrap();
        roots.with_custom(Vendor::Amd(product), &ark)
    });
    assert!(cases.len() >= 5);
    for (name, evidence, endorsements, now) in cases {
        let bundle = Bundle::of_machine(&endorsements, &made::origin()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let bundle = Bundle::read(&bundle.to_bytes()).unwrap();
        let chosen = bundle.select(&evidence).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(chosen, endorsements, "{name}");
        prism_attest::verify(&evidence, &chosen, &roots, now).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(bundle.window().contains(now), "{name}");
    }
}

#[test]
fn the_good_quotes_of_the_vectors_choose_their_own() {
    let cases = good_cases("synthetic-tdx", Platform::Tdx, "quote.bin");
    let Some(_) = made::vectors("synthetic-tdx") else { return };
    assert!(cases.len() >= 3);
    for (name, evidence, endorsements, now) in cases {
        let keys = missing(Bundle::new().select(&evidence).unwrap_err());
        let kinds: Vec<_> = keys.iter().map(EndorsementKey::kind).collect();
        assert_eq!(kinds, ["tcb-info", "qe-identity", "pck-crl", "root-crl"], "{name}");
        let bundle = Bundle::of_machine(&endorsements, &made::origin()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let chosen = Bundle::read(&bundle.to_bytes()).unwrap().select(&evidence);
        assert_eq!(chosen.unwrap_or_else(|e| panic!("{name}: {e}")), endorsements, "{name}");
        assert!(bundle.window().contains(now), "{name}");
    }
}

#[test]
fn a_report_of_version_2_looks_for_each_product_it_may_be_of() {
    let Some(folder) = made::vectors("real/go-sev-guest") else { return };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let evidence = Evidence::new(Platform::Snp, read("verify__testdata__attestation.bin")).unwrap();
    let products = |keys: &[EndorsementKey]| keys.iter().map(EndorsementKey::product).collect::<Vec<_>>();
    let keys = Bundle::new().missing(&evidence).unwrap();
    assert_eq!(products(&keys), [Some(Product::Milan), Some(Product::Genoa)]);
    let endorsements = Endorsements::snp_from_leaf(read("verify__testdata__vcek.testcer"), None).unwrap();
    let bundle = Bundle::of_machine(&endorsements, &made::origin()).unwrap();
    assert_eq!(bundle.entries().iter().find(|entry| entry.key() == &keys[0]).map(Entry::key), Some(&keys[0]));
    assert_eq!(bundle.select(&evidence).unwrap(), endorsements);
    let keys = bundle.missing(&evidence).unwrap();
    assert_eq!((keys.len(), keys[0].kind(), keys[0].product()), (1, "amd-crl", Some(Product::Milan)));
}

#[test]
fn a_turin_chip_is_known_by_eight_bytes() {
    let Some(folder) = made::vectors("real/ms-tav") else { return };
    let report = std::fs::read(folder.join("tests__test_data__turin_attestation_report.bin")).unwrap();
    let evidence = Evidence::new(Platform::Snp, report).unwrap();
    let keys = Bundle::new().missing(&evidence).unwrap();
    let text = keys[0].to_string();
    let parts: Vec<_> = text.split('/').collect();
    assert_eq!((parts[0], parts[1], parts[2].len()), ("vcek", "turin", 16), "{text}");
    assert!(parts[3].starts_with("fmc="), "{text}");
}

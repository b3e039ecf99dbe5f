//! A draft from a real machine that can be debugged.

use std::path::PathBuf;

use prism_attest::{Endorsements, Evidence, Platform, Roots, policy_from, verify};
use prism_core::manifest::platform::Profile;

fn real() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from).join("real");
    if !folder.is_dir() {
        println!("skipped: no test vectors at {}", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn a_draft_from_a_real_debuggable_machine_pins_it_and_does_not_permit_debugging() {
    let Some(folder) = real() else { return };
    let read = |name: &str| std::fs::read(folder.join("go-sev-guest").join(name)).unwrap();
    let report = read("verify__testdata__attestation.bin");
    assert_eq!(Platform::guess(&report), Some(Platform::Snp));
    let evidence = Evidence::new(Platform::Snp, report).unwrap();
    let endorsements = Endorsements::snp_from_leaf(read("verify__testdata__vcek.testcer"), None).unwrap();
    let claims = verify(&evidence, &endorsements, &Roots::built_in(), 1_663_980_928).unwrap();
    let draft = policy_from(&claims);
    let [Profile::Snp(snp)] = &draft.document().profiles()[..] else { panic!("{:?}", draft.document()) };
    assert!(snp.measurements.accepts(&claims.as_snp().unwrap().measurement()) && !snp.allow.debug);
    assert!(draft.remarks()["accept[0].snp.allow.debug"].contains("WEAKNESS"));
    assert!(draft.remarks()["accept[0].snp.revocation"].contains("NO LIST WAS AT HAND"));
    assert!(draft.remarks()["accept[0].snp.products"].contains("Milan"));
    assert!(!draft.remarks()["confirmed"].contains("SIMULATED"));
}

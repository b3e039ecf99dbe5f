//! What people hand over: a bundle, one machine's endorsements, Intel's answers, or a folder of the vendor's files.

use prism_attest::Endorsements;
use prism_attest::endorsements::bundle::{Bundle, SelectError};
use prism_attest::endorsements::{EndorsementsError, Offered, OfferedError};
use serde_json::{Value, json};

use crate::made;

#[test]
fn a_bundle_and_a_machines_own_file_are_told_apart() {
    let (evidence, endorsements) = made::machine();
    let bundle = made::bundle();
    for bytes in [bundle.to_bytes(), endorsements.to_json()] {
        let offered = Offered::read(&bytes).unwrap();
        assert_eq!(offered.for_evidence(evidence).unwrap(), *endorsements);
    }
    let empty = Offered::read(&Bundle::new().to_bytes()).unwrap();
    assert!(matches!(empty.for_evidence(evidence), Err(SelectError::Missing(_))));
    assert!(matches!(Offered::read(b"{}"), Err(OfferedError::Machine(_))));
    let mut damaged = bundle.to_bytes();
    damaged[5] ^= 2;
    assert!(matches!(Offered::read(&damaged), Err(OfferedError::Bundle(_))));
}

fn collateral() -> Value {
    json!({
        "pck_crl_issuer_chain": "a", "root_ca_crl": "00", "pck_crl": "01", "tcb_info_issuer_chain": "b",
        "tcb_info": "{\"a\":1,\"a\":2}", "tcb_info_signature": "11".repeat(64), "qe_identity_issuer_chain": "c",
        "qe_identity": "{ }", "qe_identity_signature": "22".repeat(64),
    })
}

#[test]
fn intels_answers_are_taken_as_they_are() {
    let read = |value: &Value| Endorsements::from_collateral_json(value.to_string().as_bytes());
    let endorsements = read(&collateral()).unwrap();
    let parts = endorsements.as_tdx().unwrap();
    assert_eq!(parts.tcb_info.json, b"{\"a\":1,\"a\":2}", "what is signed is not looked into");
    assert_eq!((parts.tcb_info.signature, parts.qe_identity.signature), ([0x11; 64], [0x22; 64]));
    assert_eq!((parts.root_crl.as_slice(), parts.pck_crl.as_slice()), (&[0][..], &[1][..]));
    assert_eq!(parts.pck_chain, None);
    let mut with_chain = collateral();
    with_chain["pck_certificate_chain"] = "d".into();
    assert_eq!(read(&with_chain).unwrap().as_tdx().unwrap().pck_chain.as_deref(), Some(&b"d"[..]));
}

#[test]
fn a_file_of_intels_answers_of_another_form_is_refused() {
    for (part, value) in [
        ("root_ca_crl", json!("0")),
        ("pck_crl", json!("zz")),
        ("pck_crl", json!("")),
        ("tcb_info_signature", json!("11".repeat(63))),
        ("qe_identity_signature", json!("11".repeat(65))),
        ("qe_identity", json!({})),
        ("tcb_info", json!("")),
        ("other", json!("")),
    ] {
        let mut file = collateral();
        file[part] = value;
        assert!(Endorsements::from_collateral_json(file.to_string().as_bytes()).is_err(), "{part}");
    }
    let members: Vec<String> = collateral().as_object().unwrap().keys().cloned().collect();
    for member in members {
        let mut file = collateral();
        file.as_object_mut().unwrap().remove(&member);
        assert!(Endorsements::from_collateral_json(file.to_string().as_bytes()).is_err(), "{member}");
    }
}

#[test]
fn a_folder_is_read_by_the_names_of_its_files() {
    let (_, endorsements) = made::machine();
    let parts = endorsements.as_snp().unwrap();
    let mut files = vec![
        ("vek.der", parts.vek.clone()),
        ("ark.der", parts.ark.clone()),
        ("ask.der", parts.ask.clone()),
        ("crl.der", parts.crl.clone().unwrap()),
        ("README", b"hello".to_vec()),
    ];
    assert_eq!(Endorsements::from_named_files(files.clone()).unwrap(), *endorsements);
    files.push(("collateral.json", collateral().to_string().into_bytes()));
    assert!(matches!(Endorsements::from_named_files(files.clone()), Err(EndorsementsError::Folder)));
    assert!(Endorsements::from_named_files([files[5].clone()]).unwrap().as_tdx().is_some());
    assert!(matches!(Endorsements::from_named_files(files[..2].to_vec()), Err(EndorsementsError::HalfChain)));
    assert!(matches!(Endorsements::from_named_files(files[1..2].to_vec()), Err(EndorsementsError::Folder)));
    let strange = Endorsements::from_named_files(files[..1].to_vec());
    assert!(matches!(strange, Err(EndorsementsError::UnknownIssuer)), "only built-in issuers complete a leaf");
}

#[test]
fn every_file_of_the_vectors_is_read_whether_its_case_is_good_or_not() {
    for folder in ["synthetic-snp", "synthetic-tdx"] {
        for case in made::vectors(folder).iter().flat_map(|root| made::cases(root)) {
            Endorsements::from_named_files(made::files(&case)).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        }
    }
    for (folder, file) in [("real/dcap-qvl", "tdx_quote_collateral.json"), ("real/derived", "dcaprs2.json")] {
        let Some(root) = made::vectors(folder) else { continue };
        let bytes = std::fs::read(root.join(file)).unwrap();
        let endorsements = Endorsements::from_collateral_json(&bytes).unwrap();
        let whole: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(endorsements.as_tdx().unwrap().tcb_info.json, whole["tcb_info"].as_str().unwrap().as_bytes());
        let bundle = Bundle::of_machine(&endorsements, &made::origin()).unwrap();
        assert_eq!(bundle.entries().len(), 4, "{file}");
    }
}

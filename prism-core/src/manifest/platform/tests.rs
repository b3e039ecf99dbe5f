use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::strict;

fn policy() -> Value {
    let root = "sha256:69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd".parse().unwrap();
    let products = BTreeMap::from([(Product::Milan, Minimum::both(Tcb::default()))]);
    let snp = SnpPolicy::strict(products, Accept::only(HexBytes::new([7; 48])));
    let profiles = vec![Profile::Snp(snp.clone()), Profile::Simulated(SimulatedPolicy::new(root, snp))];
    serde_json::to_value(PlatformPolicy::new(profiles).unwrap()).unwrap()
}

fn read(value: &Value) -> Result<PlatformPolicy, String> {
    strict::read(value.to_string().as_bytes(), 1 << 20).map_err(|e| e.to_string())
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    if let Value::Object(map) = value {
        for (key, inner) in map {
            let here = format!("{at}/{key}");
            found.push(here.clone());
            pointers(inner, &here, found);
        }
    }
}

#[test]
fn a_policy_reads_back_as_it_was_written() {
    let written = policy();
    assert_eq!(serde_json::to_value(read(&written).unwrap()).unwrap(), written);
    assert!(read(&written).unwrap().names_simulated());
}

#[test]
fn a_policy_without_any_one_of_its_fields_is_refused() {
    let profile = &policy()["accept"][1];
    let mut fields = Vec::new();
    pointers(profile, "", &mut fields);
    assert!(fields.len() > 40, "{}", fields.len());
    for field in fields {
        let (parent, name) = field.rsplit_once('/').unwrap();
        let mut cut = profile.clone();
        cut.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        assert!(read(&json!({ "accept": [cut] })).is_err(), "{field}");
    }
}

#[test]
fn a_policy_with_an_unknown_field_anywhere_is_refused() {
    let profile = &policy()["accept"][1];
    let mut fields = vec![String::new()];
    pointers(profile, "", &mut fields);
    for field in fields {
        let mut grown = profile.clone();
        let Some(object) = grown.pointer_mut(&field).and_then(Value::as_object_mut) else { continue };
        object.insert("surprise".to_owned(), json!(0));
        assert!(read(&json!({ "accept": [grown] })).is_err(), "{field}");
    }
}

#[test]
fn values_that_could_mean_anything_goes_are_refused() {
    for (field, value) in [
        ("measurements", json!([])),
        ("measurements", json!(null)),
        ("measurements", json!("Any")),
        ("measurements", json!("")),
        ("measurements", json!("07".repeat(48))),
        ("measurements", json!(["07".repeat(47)])),
        ("measurements", json!(["07".repeat(49)])),
        ("measurements", json!(["AB".repeat(48)])),
        ("measurements", json!(["07".repeat(48), "07".repeat(48)])),
        ("chip_ids", json!([])),
        ("products", json!({})),
        ("products", json!({ "venice": policy()["accept"][0]["snp"]["products"]["milan"] })),
        ("signing_keys", json!([])),
        ("signing_keys", json!("any")),
        ("signing_keys", json!([{ "vlek": {} }])),
        ("vmpls", json!([4])),
        ("vmpls", json!([])),
        ("vmpls", json!([0, 0])),
        ("min_abi", json!("1")),
        ("min_abi", json!("1.051")),
        ("min_abi", json!(1)),
        ("min_guest_svn", json!(-1)),
        ("min_mitigations", json!(0)),
        ("allow", json!("any")),
        ("revocation", json!("never")),
        ("revocation", json!(false)),
    ] {
        let mut profile = policy()["accept"][0].clone();
        profile["snp"][field] = value.clone();
        assert!(read(&json!({ "accept": [profile] })).is_err(), "{field} = {value}");
    }
    assert!(read(&json!({ "accept": [] })).is_err());
    assert!(read(&json!({ "accept": [policy()["accept"][0], policy()["accept"][0]] })).is_err());
    assert!(read(&json!({ "accept": [{ "tdx": {} }] })).is_err());
    assert!(read(&json!({ "accept": ["snp"] })).is_err());
}

#[test]
fn only_turin_has_an_fmc() {
    let mut profile = policy()["accept"][0].clone();
    let mut minimum = profile["snp"]["products"]["milan"].clone();
    minimum["min_tcb"]["fmc"] = json!(1);
    profile["snp"]["products"] = json!({ "turin": minimum });
    assert!(read(&json!({ "accept": [profile] })).is_ok());
    profile["snp"]["products"] = json!({ "genoa": minimum });
    assert!(read(&json!({ "accept": [profile] })).is_err());
}

#[test]
fn every_part_of_a_tcb_counts() {
    let parts = |at: usize| {
        let mut v = [1_u8; 5];
        v[at] = 0;
        Tcb { fmc: v[0], bootloader: v[1], tee: v[2], snp: v[3], microcode: v[4] }
    };
    let ones = Tcb { fmc: 1, bootloader: 1, tee: 1, snp: 1, microcode: 1 };
    assert!(ones.reaches(&ones));
    for at in 0..5 {
        assert!(!parts(at).reaches(&ones), "{at}");
        assert!(ones.reaches(&parts(at)), "{at}");
    }
}

#[test]
fn any_is_a_word_and_a_list_is_exact() {
    assert!(Accept::<u8>::Any.accepts(&3));
    assert!(Accept::only(3).accepts(&3));
    assert!(!Accept::only(3).accepts(&4));
    assert_eq!(List::<u8>::new(vec![]), Err(ListError::Empty));
    assert_eq!(List::new(vec![1, 2, 1]), Err(ListError::Duplicate));
}

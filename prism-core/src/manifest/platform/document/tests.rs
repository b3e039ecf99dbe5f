use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;

fn digest() -> Digest {
    "sha256:69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd".parse().unwrap()
}

fn snp() -> SnpPolicy {
    let products = BTreeMap::from([(Product::Milan, Minimum::both(Tcb::default()))]);
    let mut policy = SnpPolicy::strict(products, Accept::only(HexBytes::new([7; 48])));
    let provider = VlekRule { csp_ids: Accept::only("CN=\"cloud\"\u{7f}\n[x]".to_owned()) };
    policy.signing_keys = List::new(vec![SigningKeyRule::Vcek, SigningKeyRule::Vlek(provider)]).unwrap();
    policy
}

fn tdx() -> TdxPolicy {
    let registers = [1, 2, 3].map(|byte| Accept::only(HexBytes::new([byte; 48])));
    let [one, two, three] = registers;
    let mut policy =
        TdxPolicy::strict(Accept::only(HexBytes::new([7; 48])), Rtmrs::new([Accept::Any, one, two, three]));
    policy.deny_advisories.insert("INTEL-SA-00837".parse().unwrap());
    policy.tcb_status = List::new(TdxStatus::ALL.to_vec()).unwrap();
    policy
}

fn vtpm() -> VtpmPolicy {
    let pcr = |index: u8, byte| (PcrIndex::try_from(index).unwrap(), Accept::only(HexBytes::new([byte; 32])));
    VtpmPolicy::new(BTreeMap::from([pcr(4, 1), pcr(11, 2)]))
}

fn every_profile() -> Vec<Profile> {
    vec![
        Profile::Snp(snp()),
        Profile::Tdx(tdx()),
        Profile::AzureSnp(AzureSnpPolicy::new(snp(), vtpm())),
        Profile::AzureTdx(AzureTdxPolicy::new(tdx(), vtpm())),
        Profile::Simulated(SimulatedPolicy::new(digest(), snp())),
        Profile::SimulatedTdx(SimulatedTdxPolicy::new(digest(), tdx())),
    ]
}

fn document() -> PolicyDocument {
    PolicyDocument::confirmed(PlatformPolicy::new(every_profile()).unwrap())
}

fn as_json(document: &PolicyDocument) -> Value {
    serde_json::to_value(document).unwrap()
}

/// Reads the same document as JSON and as TOML; both have to say the same.
fn read(value: &Value) -> Result<PolicyDocument, String> {
    let json = PolicyDocument::read(value.to_string().as_bytes());
    let toml = toml::to_string(value).map(|text| PolicyDocument::read(text.as_bytes()));
    if let Ok(toml) = toml {
        assert_eq!(toml.is_ok(), json.is_ok(), "{toml:?} {json:?}");
    }
    json.map_err(|error| error.to_string())
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => return,
    };
    for (key, value) in inner {
        let here = format!("{at}/{key}");
        if at.parse::<usize>().is_err() {
            found.push(here.clone());
        }
        pointers(value, &here, found);
    }
}

fn fields() -> Vec<String> {
    let mut found = Vec::new();
    pointers(&as_json(&document()), "", &mut found);
    found
}

#[test]
fn both_forms_read_back_as_they_were_written() {
    let document = document();
    assert_eq!(PolicyDocument::read(document.to_toml().unwrap().as_bytes()).unwrap(), document);
    let json = serde_json::to_vec_pretty(&document).unwrap();
    assert_eq!(PolicyDocument::read(&json).unwrap(), document);
    assert_eq!(document.into_policy().unwrap().accept.len(), 6);
}

#[test]
fn a_document_without_any_one_of_its_fields_is_refused() {
    let whole = as_json(&document());
    let mut cut_off = 0;
    for field in fields() {
        let (parent, name) = field.rsplit_once('/').unwrap();
        let mut cut = whole.clone();
        let Some(object) = cut.pointer_mut(parent).and_then(Value::as_object_mut) else { continue };
        object.remove(name);
        cut_off += 1;
        let still_names_registers = parent.ends_with("/pcrs");
        assert_eq!(read(&cut).is_ok(), still_names_registers, "{field}");
    }
    assert!(cut_off > 250, "{cut_off}");
}

#[test]
fn a_document_with_an_unknown_field_anywhere_is_refused() {
    let whole = as_json(&document());
    for field in fields().into_iter().chain([String::new()]) {
        let mut grown = whole.clone();
        let Some(object) = grown.pointer_mut(&field).and_then(Value::as_object_mut) else { continue };
        object.insert("surprise".to_owned(), json!(0));
        assert!(read(&grown).is_err(), "{field}");
    }
}

#[test]
fn values_that_could_mean_anything_goes_are_refused() {
    let whole = as_json(&document());
    let lists = fields().into_iter().filter(|field| matches!(whole.pointer(field), Some(Value::Array(_))));
    for field in lists.filter(|field| !field.ends_with("deny_advisories")) {
        for wrong in [json!([]), json!("Any"), json!("ANY"), json!("*"), json!("all"), json!(""), json!(true)] {
            let mut document = whole.clone();
            *document.pointer_mut(&field).unwrap() = wrong.clone();
            assert!(read(&document).is_err(), "{field} = {wrong}");
        }
    }
}

#[test]
fn hex_of_another_length_is_refused_everywhere() {
    let whole = as_json(&document());
    let hex = |text: &str| text.len() >= 12 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let mut tried = 0;
    for field in fields() {
        let Some(text) = whole.pointer(&field).and_then(Value::as_str).filter(|text| hex(text)) else { continue };
        tried += 1;
        for wrong in [format!("{text}00"), text[2..].to_owned(), text[1..].to_owned(), format!("0x{text}")] {
            let mut document = whole.clone();
            *document.pointer_mut(&field).unwrap() = json!(wrong);
            assert!(read(&document).is_err(), "{field} = {wrong}");
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn values_that_intel_does_not_know_are_refused() {
    let tdx = |field: &str, value: Value| {
        let mut document = as_json(&document());
        document["accept"][1]["tdx"][field] = value;
        read(&document)
    };
    assert!(tdx("tcb_status", json!(["UpToDate"])).is_ok());
    let refused = tdx("tcb_status", json!(["UpToDate", "Revoked"])).unwrap_err();
    assert!(refused.contains("accept[1]") && refused.contains("never Revoked"), "{refused}");
    for status in ["uptodate", "UpToDate ", "SwHardeningNeeded", "", "any"] {
        assert!(tdx("tcb_status", json!([status])).is_err(), "{status}");
    }
    assert!(tdx("tcb_status", json!(["UpToDate", "UpToDate"])).is_err());
    assert!(tdx("deny_advisories", json!([])).is_ok());
    for advisories in [json!("any"), json!(["INTEL-SA-837"]), json!(["intel-sa-00837"]), json!(["INTEL-SA-0083x"])] {
        assert!(tdx("deny_advisories", advisories.clone()).is_err(), "{advisories}");
    }
    assert!(tdx("deny_advisories", json!(["INTEL-SA-00837", "INTEL-SA-00837"])).is_err());
    for days in [json!(-1), json!("any"), json!(1_u64 << 32), json!(true)] {
        assert!(tdx("grace_days", days.clone()).is_err(), "{days}");
    }
}

#[test]
fn registers_that_do_not_exist_are_refused() {
    for index in ["24", "-1", "04", "+4", "4 ", "", "x", "256"] {
        let mut document = as_json(&document());
        document["accept"][2]["azure-snp"]["vtpm"]["pcrs"] = json!({ index: "any" });
        assert!(read(&document).is_err(), "{index}");
    }
    let mut document = as_json(&document());
    document["accept"][2]["azure-snp"]["vtpm"]["pcrs"] = json!({});
    assert!(read(&document).is_err());
    document["accept"][2]["azure-snp"]["vtpm"]["pcrs"] = json!({ "0": "any", "23": "any" });
    assert!(read(&document).is_ok());
}

#[test]
fn a_log_that_azure_does_not_keep_cannot_be_required() {
    let mut document = as_json(&document());
    document["accept"][3]["azure-tdx"]["vtpm"]["event_log"] = json!("require");
    assert!(read(&document).is_ok());
    document["accept"][3]["azure-tdx"]["tdx"]["event_log"] = json!("require");
    let error = read(&document).unwrap_err();
    assert!(error.contains("require it under azure-tdx.vtpm"), "{error}");
}

#[test]
fn a_document_of_another_version_or_without_rules_is_refused() {
    for version in [json!(0), json!(2), json!("1"), json!(true), json!(4_294_967_297_u64)] {
        let mut document = as_json(&document());
        document["version"] = version.clone();
        assert!(read(&document).is_err(), "{version}");
    }
    for accept in [json!([]), json!("any"), json!({}), json!([{}]), json!(["snp"]), json!([{ "sgx": {} }])] {
        let mut document = as_json(&document());
        document["accept"] = accept.clone();
        assert!(read(&document).is_err(), "{accept}");
    }
    let mut document = as_json(&document());
    let (snp, tdx) = (document["accept"][0]["snp"].clone(), document["accept"][1]["tdx"].clone());
    document["accept"] = json!([{ "snp": snp, "tdx": tdx }]);
    assert!(read(&document).is_err(), "two kinds in one profile");
}

#[test]
fn a_key_twice_is_refused_in_both_forms() {
    let toml = document().to_toml().unwrap();
    let twice = toml.replacen("min_guest_svn = 0", "min_guest_svn = 0\nmin_guest_svn = 0", 1);
    assert_ne!(twice, toml);
    assert!(PolicyDocument::read_toml(twice.as_bytes()).is_err());
    let json = as_json(&document()).to_string();
    let twice = json.replacen("\"version\":1", "\"version\":1,\"version\":1", 1);
    assert_ne!(twice, json);
    assert!(PolicyDocument::read_json(twice.as_bytes()).is_err());
}

#[test]
fn files_that_cannot_be_policies_are_refused() {
    for bytes in [&b""[..], b"\xff\xfe", b"{}", b"[]", b"version = 1", b"any", b"{\"version\":1}\n{}", &[b' '; 9]] {
        assert!(PolicyDocument::read(bytes).is_err(), "{bytes:?}");
    }
    let long = vec![b'#'; POLICY_MAX + 1];
    for read in [PolicyDocument::read, PolicyDocument::read_toml, PolicyDocument::read_json] {
        assert!(matches!(read(&long), Err(PolicyError::TooLong { found }) if found == POLICY_MAX + 1));
    }
    let deep = format!("x = {}", "[".repeat(100_000));
    assert!(PolicyDocument::read(deep.as_bytes()).is_err());
}

#[test]
fn an_error_names_the_place_and_the_line() {
    let toml = document().to_toml().unwrap().replacen("revocation = \"require\"", "revocation = \"never\"", 1);
    let line = 1 + toml.lines().position(|line| line == "revocation = \"never\"").unwrap();
    let error = PolicyDocument::read(toml.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("line {line}, accept[0].snp.revocation: ")), "{error}");
    let error = PolicyDocument::read(b"version = 1\nconfirmed = \n").unwrap_err().to_string();
    assert!(error.starts_with("line 2, "), "{error}");
}

#[test]
fn a_policy_that_nobody_confirmed_is_shown_but_not_used() {
    let draft = PolicyDocument::unconfirmed(PlatformPolicy::new(every_profile()).unwrap());
    let remarks =
        Remarks::from([("accept[0].snp.measurements".to_owned(), "is this\nconfirmed = true your image?".to_owned())]);
    let text = draft.to_toml_with(&remarks).unwrap();
    assert!(text.contains("# CONFIRM: is this confirmed = true your image?\nmeasurements = "), "{text}");
    let read = PolicyDocument::read(text.as_bytes()).unwrap();
    assert_eq!((read.is_confirmed(), read.profiles().len()), (false, 6));
    assert!(matches!(read.into_policy(), Err(PolicyError::Unconfirmed)));
    let confirmed = text.replacen("confirmed = false", "confirmed = true", 1);
    assert!(PolicyDocument::read(confirmed.as_bytes()).unwrap().into_policy().is_ok());
    let left_out = text.replacen("confirmed = false\n", "", 1);
    assert!(PolicyDocument::read(left_out.as_bytes()).is_err());
}

#[test]
fn a_manifest_takes_a_confirmed_document_or_its_own_form() {
    let policy = PlatformPolicy::new(every_profile()).unwrap();
    let read = |text: String| PolicyDocument::read_for_manifest(text.as_bytes());
    let bare = serde_json::to_value(&policy).unwrap();
    assert_eq!(read(bare.to_string()).unwrap(), policy);
    assert_eq!(read(document().to_toml().unwrap()).unwrap(), policy);
    assert_eq!(read(as_json(&document()).to_string()).unwrap(), policy);
    let draft = PolicyDocument::unconfirmed(policy);
    assert!(matches!(read(draft.to_toml().unwrap()), Err(PolicyError::Unconfirmed)));
    assert!(matches!(read(as_json(&draft).to_string()), Err(PolicyError::Unconfirmed)));
    let mut grown = bare;
    grown["surprise"] = json!(0);
    assert!(read(grown.to_string()).is_err());
}

#[test]
fn every_field_of_the_written_form_is_explained() {
    let text = document().to_toml().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else { continue };
        let plain = ["version", "confirmed", "milan", "rtmr0", "rtmr1", "rtmr2", "rtmr3", "4", "11"];
        let explained = at > 0 && lines[at - 1].starts_with('#');
        assert!(
            explained || plain.contains(&key) || line.starts_with(' ') || key == "launch" || key == "current",
            "{line}"
        );
    }
}

#[test]
fn a_number_that_toml_cannot_hold_is_not_written_as_another() {
    let mut policy = snp();
    policy.min_mitigations.launch = 1 << 63;
    let document = PolicyDocument::confirmed(PlatformPolicy::only(Profile::Snp(policy)));
    assert!(matches!(document.to_toml(), Err(PolicyError::NotForToml)));
    assert_eq!(PolicyDocument::read(&serde_json::to_vec(&document).unwrap()).unwrap(), document);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_survives_the_written_form(provider in any::<String>(), remark in any::<String>()) {
        let mut policy = snp();
        policy.signing_keys = List::only(SigningKeyRule::Vlek(VlekRule { csp_ids: Accept::only(provider) }));
        let document = PolicyDocument::confirmed(PlatformPolicy::only(Profile::Snp(policy)));
        let remarks = Remarks::from([("accept[0].snp.signing_keys".to_owned(), remark)]);
        let text = document.to_toml_with(&remarks).unwrap();
        prop_assert_eq!(PolicyDocument::read(text.as_bytes()).unwrap(), document);
    }

    #[test]
    fn a_changed_byte_never_confirms_a_draft(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let draft = PolicyDocument::unconfirmed(PlatformPolicy::only(Profile::Snp(snp())));
        let mut text = draft.to_toml().unwrap().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        prop_assert!(PolicyDocument::read(&text).and_then(PolicyDocument::into_policy).is_err());
    }
}

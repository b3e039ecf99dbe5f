mod runner;

use serde_json::{Value, json};

use super::*;
use crate::entropy::SystemEntropy;
use crate::key::{KeyAlgorithm, SigningKey};
use crate::manifest::platform::{Accept, Minimum, Product, Profile, Rtmrs, SnpPolicy, Tcb, TdxPolicy};
use crate::manifest::{Codec, Install, KeyRelease};

const NOW: u64 = 1_800_000_000;

fn written() -> Value {
    json!({
        "title": "COVID-19 chest X-ray",
        "owner": "lab",
        "platform": { "simulated": true },
        "participants": {
            "lab": { "organisation": "Imaging Lab", "key": "keys/lab.pub" },
            "hospital": { "organisation": "Hospital One", "key": "keys/hospital.pub" },
        },
        "algorithm": { "provider": "lab", "file": "code/train.py" },
        "dataset": [{ "provider": "hospital", "file": "h1.zip", "unpack": "h1" }],
        "results": { "consumers": ["lab"] },
    })
}

fn resolved() -> Resolved {
    let key = || SigningKey::generate(KeyAlgorithm::Ed25519, &mut SystemEntropy).unwrap().public().clone();
    let facts = |size, folder| Facts { digest: Digest::sha256(&[7]), size, folder, age: false };
    let products = [(Product::Genoa, Minimum::both(Tcb::default()))].into();
    Resolved {
        keys: [("keys/lab.pub".to_owned(), key()), ("keys/hospital.pub".to_owned(), key())].into(),
        assets: [
            ("code/train.py".to_owned(), facts(10, false)),
            ("h1.zip".to_owned(), facts(20, false)),
            ("wheels/".to_owned(), facts(30, true)),
        ]
        .into(),
        policy: None,
        simulator: Some(SimulatedPolicy::new(Digest::sha256(b"root"), SnpPolicy::strict(products, Accept::Any))),
        simulator_tdx: Some(SimulatedTdxPolicy::new(Digest::sha256(b"root of TDX"), open_tdx())),
    }
}

fn open_tdx() -> TdxPolicy {
    let any = || Accept::Any;
    TdxPolicy::strict(Accept::Any, Rtmrs::new([any(), any(), any(), any()]))
}

fn complete(written: Value) -> Result<Manifest, DraftError> {
    serde_json::from_value::<Draft>(written).unwrap().complete(&resolved(), [3; 16], NOW)
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = written();
    change(&mut value);
    value
}

#[test]
fn a_short_draft_becomes_a_manifest_with_every_default() {
    let manifest = complete(written()).unwrap();
    assert_eq!(manifest.id.as_str(), "covid-19-chest-x-ray");
    assert_eq!((manifest.not_before, manifest.not_after), (NOW, NOW + 30 * 86_400));
    assert_eq!(manifest.algorithm.entry, "train.py");
    assert!(!manifest.algorithm.unpack);
    assert_eq!(manifest.algorithm.limits.memory_bytes, 4 << 30);
    let dataset = &manifest.datasets[0];
    assert_eq!((dataset.name.as_str(), dataset.path.as_str(), dataset.unpack), ("h1.zip", "h1", true));
    assert_eq!(manifest.results.files, ["**"]);
    assert!(manifest.logs.stdout.is_empty() && manifest.accepts_simulation());
    assert_eq!(manifest.max_runs, 1);
}

#[test]
fn a_draft_says_what_has_to_be_read_for_it() {
    let value = with(|draft| draft["algorithm"]["requirements"] = json!("wheels/"));
    let draft: Draft = serde_json::from_value(value).unwrap();
    let sources: Vec<Source> = draft.sources().into_iter().collect();
    let asset = |path: &str| Source::Asset(path.to_owned());
    let key = |path: &str| Source::Key(path.to_owned());
    assert_eq!(
        sources,
        [
            key("keys/hospital.pub"),
            key("keys/lab.pub"),
            asset("code/train.py"),
            asset("h1.zip"),
            asset("wheels/"),
            Source::Simulator(None)
        ]
    );
}

#[test]
fn a_folder_is_unpacked_and_a_folder_of_wheels_is_installed_offline() {
    let manifest = complete(with(|draft| {
        draft["algorithm"]["requirements"] = json!("wheels/");
        draft["dataset"][0] = json!({ "provider": "hospital", "file": "wheels/", "name": "data" });
    }))
    .unwrap();
    assert_eq!(manifest.algorithm.requirements.unwrap().install, Install::Offline);
    let dataset = &manifest.datasets[0];
    assert_eq!((dataset.path.as_str(), dataset.unpack), ("data", true));
}

#[test]
fn a_dataset_that_is_elsewhere_is_written_with_name_digest_and_size() {
    let digest = Digest::sha256(b"elsewhere");
    let elsewhere = json!({ "provider": "hospital", "name": "h1.zip", "digest": digest, "size": 123, "unpack": "h1" });
    let manifest = complete(with(|draft| draft["dataset"][0] = elsewhere)).unwrap();
    assert_eq!((manifest.datasets[0].digest, manifest.datasets[0].size), (digest, 123));
}

#[test]
fn a_key_may_stand_in_the_draft_itself() {
    let key = resolved().keys["keys/lab.pub"].to_string();
    let manifest = complete(with(|draft| draft["participants"]["lab"]["key"] = json!(key))).unwrap();
    assert_eq!(manifest.participant("lab").unwrap().key.to_string(), key);
}

#[test]
fn contradictions_are_named_by_their_field() {
    let digest = Digest::sha256(b"").to_string();
    let cases: [(&str, Value); 9] = [
        ("valid", with(|d| (d["valid"], d["not_after"]) = (json!("1d"), json!("2030-01-01T00:00:00Z")))),
        ("valid", with(|d| d["valid"] = json!(u64::MAX))),
        ("platform", with(|d| d["platform"] = json!({}))),
        ("platform", with(|d| d["platform"] = json!({ "simulated": false }))),
        ("dataset[0].file", with(|d| d["dataset"][0] = json!({ "provider": "hospital" }))),
        ("dataset[0].digest", with(|d| d["dataset"][0]["digest"] = json!(digest))),
        ("algorithm.entry", with(|d| d["algorithm"]["file"] = json!("wheels/"))),
        ("id", with(|d| d["title"] = json!("東京"))),
        ("owner", with(|d| d["owner"] = json!("nobody"))),
    ];
    for (field, value) in cases {
        let error = complete(value).unwrap_err();
        assert!(error.to_string().starts_with(&format!("{field}: expected")), "{field}: {error}");
        assert_eq!(error.code(), Code::ManifestMalformed);
    }
}

#[test]
fn what_was_not_read_is_named() {
    let draft: Draft = serde_json::from_value(written()).unwrap();
    let complete = |resolved: &Resolved| draft.complete(resolved, [0; 16], NOW).unwrap_err().to_string();
    let without = |change: fn(&mut Resolved)| {
        let mut resolved = resolved();
        change(&mut resolved);
        resolved
    };
    assert!(complete(&without(|r| r.keys.clear())).contains("keys/hospital.pub"));
    assert!(complete(&without(|r| r.assets.clear())).contains("code/train.py"));
    assert!(complete(&without(|r| r.simulator = None)).contains("simulator"));
}

#[test]
fn a_simulator_of_tdx_machines_is_accepted_where_it_is_named() {
    let value = with(|draft| draft["platform"] = json!({ "simulated-tdx": true }));
    let draft: Draft = serde_json::from_value(value.clone()).unwrap();
    assert!(draft.sources().contains(&Source::SimulatorTdx(None)));
    let manifest = complete(value).unwrap();
    assert!(manifest.accepts_simulation());
    assert_eq!(manifest.platform.accept.iter().map(Profile::platform).collect::<Vec<_>>(), ["simulated-tdx"]);

    let refused = complete(with(|draft| draft["platform"] = json!({ "simulated-tdx": false }))).unwrap_err();
    assert!(refused.to_string().starts_with("platform: expected"), "{refused}");
    let unread = Resolved { simulator_tdx: None, ..resolved() };
    let error = draft.complete(&unread, [0; 16], NOW).unwrap_err();
    assert!(error.to_string().contains("simulator"), "{error}");
}

#[test]
fn unknown_and_mistyped_fields_are_refused() {
    for value in [
        with(|d| d["tilte"] = json!("x")),
        with(|d| d["algorithm"]["limits"] = json!({ "ram": "1 GiB" })),
        with(|d| d["algorithm"]["limits"] = json!({ "memory": "lots" })),
        with(|d| d["dataset"][0]["unpack"] = json!("../h1")),
        with(|d| d["platform"]["simulated"] = json!("yes")),
        with(|d| d["valid"] = json!([1])),
    ] {
        assert!(serde_json::from_value::<Draft>(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn tdx_and_azure_machines_are_accepted_where_they_are_written_out() {
    use crate::manifest::platform::{AzureSnpPolicy, AzureTdxPolicy, PcrIndex, VtpmPolicy};
    let any = || Accept::Any;
    let tdx = TdxPolicy::strict(any(), Rtmrs::new([any(), any(), any(), any()]));
    let snp = SnpPolicy::strict([(Product::Genoa, Minimum::both(Tcb::default()))].into(), any());
    let vtpm = VtpmPolicy::new([(PcrIndex::try_from(4).unwrap(), Accept::Any)].into());
    let platform = json!({
        "tdx": [tdx.clone()],
        "azure-snp": [AzureSnpPolicy::new(snp.clone(), vtpm.clone())],
        "azure-tdx": [AzureTdxPolicy::new(tdx.clone(), vtpm.clone())],
    });
    let manifest = complete(with(|draft| draft["platform"] = platform.clone())).unwrap();
    let expected = [
        Profile::Tdx(tdx.clone()),
        Profile::AzureSnp(AzureSnpPolicy::new(snp, vtpm.clone())),
        Profile::AzureTdx(AzureTdxPolicy::new(tdx, vtpm)),
    ];
    assert_eq!(manifest.platform.accept[..], expected);
    for platform_kind in ["tdx", "azure-snp", "azure-tdx"] {
        let mut short = platform.clone();
        let first = short[platform_kind][0].as_object_mut().unwrap();
        let name = first.keys().next().unwrap().clone();
        first.remove(&name);
        assert!(serde_json::from_value::<Draft>(with(|draft| draft["platform"] = short)).is_err(), "{platform_kind}");
    }
}

/// A draft whose dataset lies sealed in a store.
fn pulled(source: &Value) -> Value {
    with(|draft| {
        draft["dataset"][0] = json!({ "provider": "hospital", "file": "h1.zip", "unpack": "h1", "source": source });
    })
}

#[test]
fn a_sealed_copy_gives_the_source_its_size_and_digest() {
    let source = json!({ "url": "s3://hospital/h1.zip.age", "sealed": "h1.zip.age" });
    let draft: Draft = serde_json::from_value(pulled(&source)).unwrap();
    assert!(draft.sources().contains(&Source::Asset("h1.zip.age".to_owned())));
    assert!(matches!(draft.complete(&resolved(), [3; 16], NOW), Err(DraftError::NotResolved { .. })));
    let mut found = resolved();
    let sealed = Facts { digest: Digest::sha256(b"sealed"), size: 300, folder: false, age: true };
    found.assets.insert("h1.zip.age".to_owned(), sealed);
    let manifest = draft.complete(&found, [3; 16], NOW).unwrap();
    let source = manifest.datasets[0].source.as_ref().unwrap();
    assert_eq!((source.size, source.digest, source.codec), (300, sealed.digest, Codec::Age));
    assert_eq!(source.release, KeyRelease::Provider {});
    found.assets.insert("h1.zip.age".to_owned(), Facts { folder: true, ..sealed });
    assert!(draft.complete(&found, [3; 16], NOW).is_err());
}

#[test]
fn a_draft_states_the_codec_of_a_sealed_copy_and_the_copy_agrees_with_it() {
    let completed = |codec: Option<&str>, size, age| {
        let mut source = json!({ "url": "s3://hospital/h1.sealed", "sealed": "h1.sealed" });
        source["codec"] = codec.map_or(Value::Null, |codec| json!(codec));
        let draft: Draft = serde_json::from_value(pulled(&source)).unwrap();
        let mut found = resolved();
        let sealed = Facts { digest: Digest::sha256(b"sealed"), size, folder: false, age };
        found.assets.insert("h1.sealed".to_owned(), sealed);
        draft.complete(&found, [3; 16], NOW)
    };
    let exact = crate::seal::cobblestone_len(20).unwrap();
    let manifest = completed(Some("cobblestone-256"), exact, false).unwrap();
    let source = manifest.datasets[0].source.as_ref().unwrap();
    assert_eq!((source.size, source.codec), (exact, Codec::Cobblestone256));
    for size in [exact - 1, exact + 1, 20, 0] {
        let error = completed(Some("cobblestone-256"), size, false).unwrap_err().to_string();
        let found = format!("found {size} for a dataset of 20, which gives {exact}");
        assert!(error.starts_with("datasets[0].source.size: expected exactly") && error.contains(&found), "{error}");
    }
    for (codec, size, age) in [(Some("cobblestone-256"), exact, true), (Some("age"), 300, false), (None, 300, false)] {
        let error = completed(codec, size, age).unwrap_err();
        let named = matches!(&error, DraftError::Field { field, .. } if field == "dataset[0].source.codec");
        assert!(named, "{error}");
    }
    for codec in ["cobblestone", "cobblestone-128", "Age"] {
        let source = json!({ "url": "s3://hospital/h1", "sealed": "h1.sealed", "codec": codec });
        assert!(serde_json::from_value::<Draft>(pulled(&source)).is_err(), "{codec}");
    }
}

#[test]
fn a_source_needs_a_copy_or_size_and_digest_and_not_both() {
    let digest = Digest::sha256(b"sealed");
    let url = "https://store.example/h1.zip.age";
    let kbs = json!({ "url": "https://kbs.example", "resource": "default/key/h1" });
    let whole = json!({ "url": url, "digest": digest, "size": 300, "kbs": kbs });
    let manifest = complete(pulled(&whole)).unwrap();
    let release = manifest.datasets[0].source.as_ref().unwrap().release.clone();
    assert!(matches!(release, KeyRelease::Kbs { resource, .. } if resource.as_str() == "default/key/h1"));
    for incomplete in [
        json!({ "url": url }),
        json!({ "url": url, "digest": digest }),
        json!({ "url": url, "size": 300 }),
        json!({ "url": url, "digest": digest, "size": 300, "sealed": "h1.zip" }),
    ] {
        let error = complete(pulled(&incomplete)).unwrap_err();
        assert!(
            matches!(&error, DraftError::Field { field, .. } if field.starts_with("dataset[0].source.")),
            "{error}"
        );
    }
    assert!(complete(pulled(&json!({ "url": url, "digest": digest, "size": 20 }))).is_err(), "smaller than its data");
}

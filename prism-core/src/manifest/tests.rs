mod runner;

use super::platform::{Accept, Minimum, PlatformPolicy, Product, Profile, SimulatedPolicy, SnpPolicy, Tcb};
use super::*;
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::entropy::SystemEntropy;
use crate::envelope::{Envelope, PayloadType};
use crate::key::{KeyAlgorithm, SigningKey};

/// Five participants with keys, three datasets, a simulated platform.
pub(crate) fn sample() -> (Manifest, Vec<SigningKey>) {
    let names = ["lab", "hospital-1", "hospital-2", "hospital-3", "institute"];
    let key = |_| SigningKey::generate(KeyAlgorithm::Ed25519, &mut SystemEntropy).unwrap();
    let keys: Vec<SigningKey> = names.iter().map(key).collect();
    let participant = |(name, key): (&&str, &SigningKey)| Participant {
        name: name.parse().unwrap(),
        organisation: format!("The {name}"),
        key: key.public().clone(),
    };
    let dataset = |n: u8| Dataset {
        name: format!("h{n}.zip").parse().unwrap(),
        provider: format!("hospital-{n}").parse().unwrap(),
        digest: Digest::sha256(&[n]),
        size: 1,
        unpack: true,
        path: format!("h{n}").parse().unwrap(),
        source: None,
    };
    let manifest = Manifest {
        format: Format::V1,
        id: "covid19".parse().unwrap(),
        title: "COVID-19 chest X-ray classifier".to_owned(),
        salt: HexBytes::new([7; 16]),
        not_before: 1_000,
        not_after: 2_000,
        owner: "lab".parse().unwrap(),
        participants: names.iter().zip(&keys).map(participant).collect(),
        platform: simulated(),
        algorithm: algorithm(),
        datasets: (1..=3).map(dataset).collect(),
        results: Results {
            consumers: vec!["institute".parse().unwrap()],
            max_bytes: 1_000_000,
            files: vec!["**".to_owned()],
            media_types: vec![],
        },
        logs: LogsPolicy { stdout: vec![], stderr: vec![], metrics: vec![] },
        network: Network::None,
        reviewers: vec![],
        auditors: vec![],
        max_runs: 1,
    };
    (manifest, keys)
}

fn simulated() -> PlatformPolicy {
    let lowest = Tcb { fmc: 0, bootloader: 1, tee: 0, snp: 1, microcode: 1 };
    let snp = SnpPolicy::strict([(Product::Genoa, Minimum::both(lowest))].into(), Accept::Any);
    let root = Digest::sha256(b"root");
    PlatformPolicy::new(vec![Profile::Simulated(SimulatedPolicy::new(root, snp))]).unwrap()
}

fn algorithm() -> Algorithm {
    Algorithm {
        name: "train.py".parse().unwrap(),
        provider: "lab".parse().unwrap(),
        digest: Digest::sha256(b"print()"),
        size: 7,
        runtime: Runtime::Python3,
        unpack: false,
        entry: "train.py".to_owned(),
        args: vec!["--epochs".to_owned(), "3".to_owned()],
        environment: vec![Variable { name: "SEED".to_owned(), value: "1".to_owned() }],
        interpreter: None,
        requirements: None,
        auxiliary: vec![],
        devices: vec![],
        limits: Limits {
            memory_bytes: 1 << 30,
            cpu_milli: 2000,
            processes: 64,
            open_files: 256,
            disk_bytes: 1 << 30,
            datasets_bytes: None,
            output_bytes: 1 << 20,
            wall_seconds: 600,
        },
        sandbox: vec![SandboxLayer::Seccomp],
    }
}

/// The sample, approved by everybody.
pub(crate) fn signed() -> (SignedManifest, Vec<SigningKey>) {
    signed_with(|_| {})
}

/// The sample after a change, approved by everybody.
pub(crate) fn signed_with(change: impl FnOnce(&mut Manifest)) -> (SignedManifest, Vec<SigningKey>) {
    let (mut manifest, keys) = sample();
    change(&mut manifest);
    let bytes = manifest.to_bytes().unwrap();
    (SignedManifest::assemble(&bytes, &approvals(&bytes, &keys)).unwrap(), keys)
}

fn approvals(bytes: &[u8], keys: &[SigningKey]) -> Vec<Envelope> {
    keys.iter().map(|key| SignedManifest::approve(bytes, key).unwrap()).collect()
}

#[test]
fn what_everybody_approved_reads_back() {
    let (signed, _) = signed();
    let read = SignedManifest::read(&signed.to_bytes()).unwrap();
    assert_eq!(read.manifest(), signed.manifest());
    assert_eq!(read.digest(), Digest::sha256(signed.bytes()));
}

#[test]
fn a_missing_approval_is_refused_by_name() {
    let (manifest, keys) = sample();
    let bytes = manifest.to_bytes().unwrap();
    for (i, participant) in manifest.participants.iter().enumerate() {
        let mut approvals = approvals(&bytes, &keys);
        approvals.remove(i);
        let error = SignedManifest::assemble(&bytes, &approvals).unwrap_err();
        assert!(matches!(&error, ApprovalError::Missing(names) if *names == [participant.name.clone()]), "{error}");
        assert_eq!(error.code(), Code::ApprovalMissing);
    }
    assert!(matches!(SignedManifest::assemble(&bytes, &[]), Err(ApprovalError::Missing(names)) if names.len() == 5));
}

#[test]
fn terms_without_any_approval_are_refused_as_such() {
    let (manifest, _) = sample();
    let error = SignedManifest::read(&manifest.to_bytes().unwrap()).unwrap_err();
    assert!(matches!(error, ApprovalError::Unapproved), "{error}");
    assert!(matches!(SignedManifest::read(b"{}"), Err(ApprovalError::Envelope(_))));
}

#[test]
fn an_approval_of_other_bytes_is_refused() {
    let (manifest, keys) = sample();
    let bytes = manifest.to_bytes().unwrap();
    let mut other = manifest.clone();
    other.title.push('!');
    let mut approvals = approvals(&bytes, &keys);
    approvals[2] = SignedManifest::approve(&other.to_bytes().unwrap(), &keys[2]).unwrap();
    assert!(matches!(SignedManifest::assemble(&bytes, &approvals), Err(ApprovalError::OtherManifest { .. })));
}

#[test]
fn an_approval_by_an_unnamed_key_is_refused() {
    let (manifest, keys) = sample();
    let bytes = manifest.to_bytes().unwrap();
    let stranger = SigningKey::generate(KeyAlgorithm::EcdsaP256, &mut SystemEntropy).unwrap();
    assert!(matches!(SignedManifest::approve(&bytes, &stranger), Err(ApprovalError::Unnamed(_))));
    let mut approvals = approvals(&bytes, &keys);
    approvals.push(Envelope::sign(PayloadType::Manifest, &bytes, &stranger).unwrap());
    let error = SignedManifest::assemble(&bytes, &approvals).unwrap_err();
    assert!(matches!(error, ApprovalError::Unnamed(_)), "{error}");
}

#[test]
fn an_altered_signature_or_manifest_is_refused() {
    let (signed, _) = signed();
    let mut envelope: serde_json::Value = serde_json::from_slice(&signed.to_bytes()).unwrap();
    let (a, b) = (envelope["signatures"][0]["sig"].take(), envelope["signatures"][1]["sig"].take());
    envelope["signatures"][0]["sig"] = b;
    envelope["signatures"][1]["sig"] = a;
    let error = SignedManifest::read(&serde_json::to_vec(&envelope).unwrap()).unwrap_err();
    assert_eq!(error.code(), Code::ApprovalInvalid, "{error}");
}

/// Edits the JSON of a good manifest and says what reading it gives.
fn read_edited(edit: impl FnOnce(&mut serde_json::Value)) -> Result<Manifest, ManifestError> {
    let (manifest, _) = sample();
    let mut json = serde_json::to_value(&manifest).unwrap();
    edit(&mut json);
    Manifest::read(&serde_json::to_vec(&json).unwrap())
}

#[test]
fn every_missing_field_is_refused() {
    let (manifest, _) = sample();
    let json = serde_json::to_value(&manifest).unwrap();
    for pointer in ["", "/participants/0", "/algorithm", "/algorithm/limits", "/datasets/1", "/results", "/logs"] {
        for key in json.pointer(pointer).unwrap().as_object().unwrap().keys() {
            let removed = read_edited(|json| {
                json.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(key);
            });
            assert!(matches!(removed, Err(ManifestError::Json(_))), "{pointer}/{key}");
        }
    }
}

#[test]
fn every_unknown_or_mistyped_field_is_refused() {
    for pointer in ["", "/participants/0", "/algorithm", "/algorithm/limits", "/datasets/1", "/results", "/logs"] {
        let extra = read_edited(|json| json.pointer_mut(pointer).unwrap()["surprise"] = 1.into());
        assert!(matches!(extra, Err(ManifestError::Json(_))), "{pointer}");
    }
    for pointer in
        ["/title", "/not_after", "/max_runs", "/algorithm/runtime", "/datasets/0/digest", "/datasets/0/unpack"]
    {
        let mistyped = read_edited(|json| *json.pointer_mut(pointer).unwrap() = serde_json::json!([1]));
        assert!(matches!(mistyped, Err(ManifestError::Json(_))), "{pointer}");
    }
}

#[test]
fn a_duplicate_field_is_refused() {
    let (manifest, _) = sample();
    let text = String::from_utf8(manifest.to_bytes().unwrap()).unwrap();
    let twice = text.replacen("\"max_runs\": 1", "\"max_runs\": 1, \"max_runs\": 1", 1);
    assert_ne!(twice, text);
    assert!(matches!(Manifest::read(twice.as_bytes()), Err(ManifestError::Json(_))));
    assert!(Manifest::read(format!("{text}{{}}").as_bytes()).is_err());
}

#[test]
fn terms_that_contradict_themselves_are_refused_at_the_field() {
    let cases: &[(&str, serde_json::Value, &str)] = &[
        ("/title", "two\nlines".into(), "title"),
        ("/title", "".into(), "title"),
        ("/not_after", 1.into(), "not_after"),
        ("/participants/1/name", "lab".into(), "participants"),
        ("/participants/1/name", "LAB".into(), "participants"),
        ("/participants/1/name", "agent".into(), "participants[1].name"),
        ("/participants/1/name", "idle".into(), "datasets[0].provider"),
        ("/datasets/0/provider", "lab".into(), "participants[1]"),
        ("/participants/0/organisation", "\u{202e}evil".into(), "participants[0].organisation"),
        ("/owner", "nobody".into(), "owner"),
        ("/algorithm/provider", "nobody".into(), "algorithm.provider"),
        ("/algorithm/entry", "../etc".into(), "algorithm.entry"),
        ("/algorithm/args", serde_json::json!(["a\u{0}b"]), "algorithm.args"),
        ("/algorithm/environment/0/name", "LD_PRELOAD".into(), "algorithm.environment"),
        ("/algorithm/environment/0/name", "A=B".into(), "algorithm.environment"),
        ("/algorithm/sandbox", serde_json::json!(["seccomp", "seccomp"]), "algorithm.sandbox"),
        ("/algorithm/limits/wall_seconds", 0.into(), "algorithm.limits.wall_seconds"),
        ("/algorithm/limits/memory_bytes", 1.into(), "algorithm.limits.memory_bytes"),
        ("/datasets", serde_json::json!([]), "datasets"),
        ("/datasets/1/name", "h1.ZIP".into(), "datasets and algorithm"),
        ("/datasets/1/path", "h1".into(), "datasets"),
        ("/results/consumers", serde_json::json!([]), "results.consumers"),
        ("/results/consumers", serde_json::json!(["institute", "institute"]), "results.consumers"),
        ("/results/files", serde_json::json!(["/etc"]), "results.files"),
        ("/logs/stdout", serde_json::json!(["nobody"]), "logs.stdout"),
        ("/reviewers", serde_json::json!(["lab"]), "reviewers"),
        ("/max_runs", 0.into(), "max_runs"),
    ];
    for (pointer, value, expected) in cases {
        let read = read_edited(|json| *json.pointer_mut(pointer).unwrap() = value.clone());
        match read {
            Err(ManifestError::Field { field, .. }) => assert!(field.starts_with(expected), "{pointer}: {field}"),
            other => panic!("{pointer}: {other:?}"),
        }
    }
}

#[test]
fn one_key_cannot_be_two_participants() {
    let doubled = read_edited(|json| json["participants"][1]["key"] = json["participants"][0]["key"].clone());
    assert!(matches!(doubled, Err(ManifestError::Field { field, .. }) if field == "participants[1].key"));
}

#[test]
fn roles_follow_from_use() {
    let (manifest, _) = sample();
    assert_eq!(manifest.roles("lab"), [Role::Owner, Role::AlgorithmProvider]);
    assert_eq!(manifest.roles("hospital-2"), [Role::DatasetProvider]);
    assert_eq!(manifest.roles("institute"), [Role::Consumer]);
    assert!(manifest.roles("nobody").is_empty());
}

#[test]
fn terms_hold_only_in_their_time() {
    let (manifest, _) = sample();
    for (now, current) in [(999, false), (1_000, true), (2_000, true), (2_001, false)] {
        assert_eq!(manifest.require_current(now).is_ok(), current, "{now}");
    }
}

//! Terms of what runs that most manifests do without.

use serde_json::{Value, json};

use super::read_edited;
use crate::asset::AssetKind;
use crate::manifest::{Device, Manifest, ManifestError, Runtime};

fn weights(name: &str, path: &str) -> Value {
    let digest = crate::digest::Digest::sha256(name.as_bytes());
    json!({ "name": name, "digest": digest, "size": 3, "unpack": false, "path": path })
}

/// Every optional term at once.
fn full() -> Manifest {
    read_edited(|json| {
        json["algorithm"]["interpreter"] = json!("3.11");
        json["algorithm"]["auxiliary"] = json!([weights("resnet.pth", ".cache/torch/resnet.pth")]);
        json["algorithm"]["devices"] = json!(["nvidia-gpu"]);
        json["algorithm"]["limits"]["datasets_bytes"] = json!(5);
        json["results"]["media_types"] = json!(["image/*", "application/zip"]);
        json["logs"]["metrics"] = json!(["institute"]);
    })
    .unwrap()
}

#[test]
fn optional_terms_read_back_and_are_written_only_when_there_are_any() {
    let manifest = full();
    assert_eq!(Manifest::read(&manifest.to_bytes().unwrap()).unwrap(), manifest);
    assert_eq!(manifest.algorithm.devices, [Device::NvidiaGpu]);
    let (without, _) = super::sample();
    let text = String::from_utf8(without.to_bytes().unwrap()).unwrap();
    for name in ["interpreter", "auxiliary", "devices", "datasets_bytes", "media_types", "metrics"] {
        assert!(!text.contains(name), "{name}");
    }
}

#[test]
fn an_optional_term_that_says_nothing_is_refused() {
    for (pointer, field, nothing) in [
        ("/algorithm", "interpreter", Value::Null),
        ("/algorithm", "auxiliary", json!([])),
        ("/algorithm", "devices", json!([])),
        ("/algorithm/limits", "datasets_bytes", Value::Null),
        ("/results", "media_types", json!([])),
        ("/logs", "metrics", json!([])),
    ] {
        let read = read_edited(|json| json.pointer_mut(pointer).unwrap()[field] = nothing);
        assert!(matches!(read, Err(ManifestError::Json(_))), "{pointer}/{field}");
    }
}

#[test]
fn an_auxiliary_file_is_an_asset_of_the_algorithms_provider() {
    let manifest = full();
    let asset = manifest.asset("resnet.pth").unwrap();
    assert_eq!((asset.kind, asset.provider, asset.size), (AssetKind::Auxiliary, manifest.algorithm.provider, 3));
}

#[test]
fn terms_of_the_runner_that_contradict_themselves_are_refused_at_the_field() {
    let cases: &[(&str, Value, &str)] = &[
        ("/algorithm/auxiliary", json!([weights("a", "../a")]), "algorithm.auxiliary[0].path"),
        ("/algorithm/auxiliary", json!([weights("a", "/a")]), "algorithm.auxiliary[0].path"),
        ("/algorithm/auxiliary", json!([weights("a", &"a".repeat(256))]), "algorithm.auxiliary[0].path"),
        ("/results/files", json!([format!("a/{}", "b".repeat(256))]), "results.files"),
        ("/algorithm/auxiliary", json!([weights("a", "x"), weights("b", "X/b")]), "algorithm.auxiliary[1].path"),
        ("/algorithm/auxiliary", json!([weights("a", "x/y"), weights("b", "x")]), "algorithm.auxiliary[1].path"),
        ("/algorithm/auxiliary", json!([weights("H1.zip", "x")]), "datasets and algorithm"),
        ("/algorithm/auxiliary", json!(vec![weights("a", "x"); 65]), "datasets and algorithm"),
        ("/algorithm/devices", json!(["amd-gpu", "amd-gpu"]), "algorithm.devices"),
        ("/algorithm/limits/datasets_bytes", json!(0), "algorithm.limits.datasets_bytes"),
        ("/results/media_types", json!(["image/png", "image/png"]), "results.media_types"),
        ("/logs/metrics", json!(["nobody"]), "logs.metrics"),
        ("/logs/metrics", json!(["lab", "lab"]), "logs.metrics"),
    ];
    for (pointer, value, expected) in cases {
        let read = read_edited(|json| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            json.pointer_mut(parent).unwrap()[name] = value.clone();
        });
        match read {
            Err(ManifestError::Field { field, .. }) => assert!(field.starts_with(expected), "{pointer}: {field}"),
            other => panic!("{pointer}: {other:?}"),
        }
    }
    let many: Vec<_> = (0..65).map(|i| weights(&format!("w{i}"), &format!("w{i}"))).collect();
    let read = read_edited(|json| json["algorithm"]["auxiliary"] = json!(many));
    assert!(matches!(read, Err(ManifestError::Field { field, .. }) if field == "algorithm.auxiliary"));
}

#[test]
fn only_a_python_program_has_an_interpreter_and_requirements() {
    for runtime in [Runtime::Binary, Runtime::Wasm, Runtime::Image] {
        let edited = |field: &str, value: &Value| {
            read_edited(|json| {
                json["algorithm"]["runtime"] = json!(runtime.to_string());
                json["algorithm"][field] = value.clone();
            })
        };
        assert_eq!(edited("requirements", &Value::Null).unwrap().algorithm.runtime, runtime);
        let digest = crate::digest::Digest::sha256(b"lock");
        let lock = json!({ "name": "requirements.lock", "digest": digest, "size": 1, "install": "index" });
        for (name, value) in [("requirements", &lock), ("interpreter", &json!("3.11"))] {
            let refused = edited(name, value);
            let field = format!("algorithm.{name}");
            assert!(matches!(&refused, Err(ManifestError::Field { field: f, .. }) if *f == field), "{refused:?}");
        }
    }
}

#[test]
fn an_image_is_one_file() {
    let read = read_edited(|json| {
        json["algorithm"]["runtime"] = json!("image");
        json["algorithm"]["unpack"] = json!(true);
    });
    assert!(matches!(&read, Err(ManifestError::Field { field, .. }) if field == "algorithm.unpack"), "{read:?}");
}

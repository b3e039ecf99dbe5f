//! What drafts say of the runner.

use serde_json::json;

use super::*;
use crate::manifest::{Auxiliary, Device};

#[test]
fn a_draft_states_everything_about_the_run() {
    let value = with(|draft| {
        draft["algorithm"]["interpreter"] = json!("3.11");
        draft["algorithm"]["devices"] = json!(["amd-gpu"]);
        draft["algorithm"]["limits"] = json!({ "datasets": "1 KiB" });
        draft["algorithm"]["auxiliary"] =
            json!([{ "file": "wheels/", "path": "models" }, { "file": "h1.zip", "name": "w.bin", "path": "w.bin" }]);
        draft["results"]["media_types"] = json!(["image/png"]);
        draft["logs"] = json!({ "metrics": ["lab"] });
    });
    let draft: Draft = serde_json::from_value(value.clone()).unwrap();
    assert!(draft.sources().contains(&Source::Asset("wheels/".to_owned())));
    let manifest = complete(value).unwrap();
    let algorithm = &manifest.algorithm;
    assert_eq!(algorithm.interpreter.unwrap().to_string(), "3.11");
    assert_eq!((&algorithm.devices[..], algorithm.limits.datasets_bytes), (&[Device::AmdGpu][..], Some(1024)));
    let seen = |file: &Auxiliary| (file.name.to_string(), file.unpack, file.path.clone(), file.size);
    let expected =
        [("wheels".to_owned(), true, "models".to_owned(), 30), ("w.bin".to_owned(), false, "w.bin".to_owned(), 20)];
    assert_eq!(algorithm.auxiliary.iter().map(seen).collect::<Vec<_>>(), expected);
    assert_eq!(manifest.results.media_types, ["image/png".parse().unwrap()]);
    assert_eq!(manifest.logs.metrics, ["lab".parse::<Name>().unwrap()]);
}

#[test]
fn an_auxiliary_folder_is_always_unpacked_and_an_image_is_never_a_folder() {
    let folder = json!([{ "file": "wheels/", "path": "models", "unpack": false }]);
    let error = complete(with(|draft| draft["algorithm"]["auxiliary"] = folder)).unwrap_err();
    assert!(error.to_string().starts_with("algorithm.auxiliary[0].unpack: expected"), "{error}");
    let error = complete(with(|draft| {
        draft["algorithm"]["file"] = json!("wheels/");
        draft["algorithm"]["entry"] = json!("x");
        draft["algorithm"]["runtime"] = json!("image");
    }))
    .unwrap_err();
    assert!(error.to_string().starts_with("algorithm.file: expected"), "{error}");
}

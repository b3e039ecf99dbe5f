//! From a short TOML file to a manifest that everyone has approved.

use serde_json::Value;

use crate::support::{Place, draft, drafted};

const NAMES: [&str; 3] = ["lab", "hospital", "institute"];

fn written() -> Place {
    let place = drafted(&NAMES);
    place.run("manifest new covid19.toml -o manifest.json").ok();
    place
}

fn approved() -> Place {
    let place = written();
    for name in NAMES {
        place.run(&format!("manifest approve manifest.json --key {name}.key")).ok();
    }
    place
}

#[test]
fn a_draft_becomes_a_manifest_with_digests_sizes_keys_and_salt() {
    let place = written();
    let manifest: Value = serde_json::from_slice(&place.read("manifest.json")).unwrap();
    let checksum = place.run("checksum train.py h1 --json").ok().json();
    assert_eq!(manifest["algorithm"]["digest"], checksum["files"][0]["digest"]);
    assert_eq!(manifest["datasets"][0]["digest"], checksum["files"][1]["digest"]);
    assert_eq!(manifest["datasets"][0]["size"], checksum["files"][1]["size"]);
    let keys = place.run("keys show hospital.pub --json").ok().json();
    assert_eq!(manifest["participants"][0]["key"], keys["keys"][0]["key"]);
    assert_eq!(manifest["salt"].as_str().unwrap().len(), 32);
    place.run("manifest new covid19.toml -o other.json").ok();
    assert_ne!(place.read("manifest.json"), place.read("other.json"), "the salt is fresh");
}

#[test]
fn paths_start_at_the_folder_of_the_draft() {
    let place = drafted(&NAMES);
    let draft = place.path("covid19.toml");
    let elsewhere = Place::new();
    elsewhere.prism(&["manifest", "new", draft.to_str().unwrap(), "-o", "manifest.json"]).ok();
}

#[test]
fn an_existing_manifest_is_replaced_only_when_asked() {
    let place = written();
    let before = place.read("manifest.json");
    place.run("manifest new covid19.toml -o manifest.json").refused(2, "file.exists");
    assert_eq!(place.read("manifest.json"), before);
    place.run("manifest new covid19.toml -o manifest.json --force").ok();
    assert_ne!(place.read("manifest.json"), before);
}

#[test]
fn mistakes_in_a_draft_are_named_by_place() {
    let place = drafted(&NAMES);
    for (change, word) in [
        (("title", "tilte"), "tilte"),
        (("owner = \"lab\"", "owner = \"clinic\""), "owner: expected the name of a participant"),
        (("[platform]\npolicy = \"policy.json\"", "[platform]"), "platform"),
        (("file = \"train.py\"", "file = \"train.py\"\n[algorithm.limits]\nmemory = \"lots\""), "2 GiB"),
    ] {
        place.write("wrong.toml", draft(&NAMES).replacen(change.0, change.1, 1));
        let said = place.run("manifest new wrong.toml -o wrong.json");
        said.refused(2, "manifest.malformed");
        assert!(said.err.contains(word), "{}", said.err);
        assert!(!place.path("wrong.json").exists());
    }
}

#[test]
fn a_missing_dataset_of_the_draft_is_not_found() {
    let place = drafted(&NAMES);
    std::fs::remove_dir_all(place.path("h1")).unwrap();
    place.run("manifest new covid19.toml -o manifest.json").refused(5, "file.missing");
}

#[test]
fn a_media_type_that_nothing_is_found_to_have_is_refused() {
    let place = drafted(&NAMES);
    place.write("covid19.toml", draft(&NAMES) + "media_types = [\"image/png\", \"application/x-npz\"]\n");
    let refused = place.run("manifest new covid19.toml -o manifest.json");
    refused.refused(3, "manifest.unsupported");
    assert!(refused.err.contains("application/x-npz"), "{}", refused.err);
    assert!(!place.path("manifest.json").exists());
}

#[test]
fn the_help_of_a_draft_names_every_part_of_it() {
    let help = drafted(&NAMES).run("manifest new --help").ok().out.clone();
    for part in [
        "runtime = ",
        "interpreter = ",
        "[[algorithm.auxiliary]]",
        "devices = ",
        "datasets = ",
        "media_types = ",
        "metrics = ",
    ] {
        assert!(help.contains(part), "{part} is missing in:\n{help}");
    }
    let known = prism_agent::runner::known_media_types();
    assert!(known.iter().all(|media| help.contains(media)), "{help}");
    assert!(help.lines().all(|line| line.len() <= 110), "{help}");
}

#[test]
fn every_term_that_a_draft_can_have_is_in_the_words() {
    let place = drafted(&NAMES);
    place.write("weights.pth", b"weights");
    let more = "\
        media_types = [\"image/png\"]\n\
        [logs]\nmetrics = [\"lab\"]\n\
        [algorithm.limits]\ndatasets = \"5 MiB\"\n\
        [[algorithm.auxiliary]]\nfile = \"weights.pth\"\npath = \".cache/weights.pth\"\n";
    let text = draft(&NAMES).replace("[algorithm]\n", "[algorithm]\ninterpreter = \"3.11\"\ndevices = [\"amd-gpu\"]\n");
    place.write("covid19.toml", text + more);
    place.run("manifest new covid19.toml -o manifest.json").ok();
    let words = place.run("manifest show manifest.json").ok().out.clone();
    for expected in [
        "Python 3.11 and no other",
        "weights.pth, as .cache/weights.pth in the program's HOME",
        "amd-gpu: no run without one",
        "5 MiB more for what it writes in its copy of datasets/",
        "whose content is image/png",
        "figures       while it runs, any number in lines of `metrics`, to lab",
    ] {
        assert!(words.contains(expected), "{expected} is missing in:\n{words}");
    }
}

#[test]
fn the_words_name_everyone_everything_and_what_leaves() {
    let place = written();
    let words = place.run("manifest show manifest.json").ok().out.clone();
    for expected in [
        "COVID-19 chest X-rays",
        "The hospital: dataset provider",
        "python3 train.py",
        "4 GiB memory",
        "to institute, each once: any files, at most 1 GiB",
        "standard output to nobody",
        "network       none",
        "AMD SEV-SNP",
        "Not approved yet, as far as this file shows, by hospital, institute, lab.",
    ] {
        assert!(words.contains(expected), "{expected} is missing in:\n{words}");
    }
    assert!(!words.contains("SIMULATED"));
}

#[test]
fn all_approvals_together_make_a_signed_manifest() {
    let place = approved();
    place.run("manifest assemble manifest.json lab.approval hospital.approval institute.approval -o c.prism").ok();
    let shown = place.run("manifest show c.prism --json").ok().json();
    assert_eq!(shown["approved_by"].as_array().unwrap().len(), 3);
    assert_eq!(shown["not_approved_by"].as_array().unwrap().len(), 0);
    let bare = place.run("manifest show manifest.json --json").ok().json();
    assert_eq!(shown["digest"], bare["digest"]);
}

#[test]
fn a_missing_approval_is_refused_by_name() {
    let place = approved();
    let said = place.run("manifest assemble manifest.json lab.approval hospital.approval -o c.prism");
    said.refused(3, "manifest.approval-missing");
    assert!(said.err.contains("found none of institute"), "{}", said.err);
    assert!(!place.path("c.prism").exists());
}

#[test]
fn an_altered_approval_or_one_of_other_terms_is_refused() {
    let place = approved();
    let text = String::from_utf8(place.read("lab.approval")).unwrap();
    let mut envelope: Value = serde_json::from_str(&text).unwrap();
    let signature = envelope["signatures"][0]["sig"].as_str().unwrap().to_owned();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    envelope["signatures"][0]["sig"] = format!("{flipped}{}", &signature[1..]).into();
    place.write("altered.approval", envelope.to_string());
    let all = "hospital.approval institute.approval -o c.prism";
    place
        .run(&format!("manifest assemble manifest.json altered.approval {all}"))
        .refused(4, "manifest.approval-invalid");

    place.run("manifest new covid19.toml -o other.json").ok();
    place.run("manifest approve other.json --key lab.key -o other.approval").ok();
    place.run(&format!("manifest assemble manifest.json other.approval {all}")).refused(4, "manifest.approval-invalid");
}

#[test]
fn a_key_that_the_manifest_does_not_name_cannot_approve() {
    let place = written();
    place.run("keys new stranger").ok();
    place.run("manifest approve manifest.json --key stranger.key").refused(3, "key.unknown");
    assert!(!place.path("stranger.approval").exists());
}

#[test]
fn approving_twice_changes_nothing_and_other_terms_need_a_word() {
    let place = approved();
    let before = place.read("lab.approval");
    place.run("manifest approve manifest.json --key lab.key").ok();
    assert_eq!(place.read("lab.approval"), before);
    place.run("manifest new covid19.toml -o manifest.json --force").ok();
    place.run("manifest approve manifest.json --key lab.key").refused(2, "file.exists");
    place.run("manifest approve manifest.json --key lab.key --force").ok();
    assert_ne!(place.read("lab.approval"), before);
}

#[test]
fn an_approval_lands_beside_the_manifest() {
    let place = written();
    let elsewhere = Place::new();
    let path = |name: &str| place.path(name).to_str().unwrap().to_owned();
    elsewhere.prism(&["manifest", "approve", &path("manifest.json"), "--key", &path("lab.key")]).ok();
    assert!(place.path("lab.approval").exists());
}

#[test]
fn a_changed_field_is_shown_as_a_difference() {
    let place = written();
    place.write("covid20.toml", draft(&NAMES).replace("The hospital", "The other hospital"));
    place.run("manifest new covid20.toml -o other.json").ok();
    let said = place.run("manifest show manifest.json --diff other.json");
    assert!(said.ok().out.contains("participants.hospital.organisation\n  - The hospital\n  + The other hospital"));
    let same = place.run("manifest show manifest.json --diff manifest.json --json").ok().json();
    assert_eq!(same["differences"].as_array().unwrap().len(), 0);
}

#[test]
fn something_else_is_not_taken_for_a_manifest() {
    let place = written();
    place.run("manifest show train.py").refused(2, "manifest.malformed");
    place.run("manifest show nothing.json").refused(5, "file.missing");
    place.run("manifest show h1").refused(2, "file.malformed");
    place.run("manifest approve manifest.json --key train.py").refused(2, "key.exposed");
}

//! A whole collaboration on real patients' data, through the `prism` command as people use it.

use std::process::Command;

use prism_examples::process::run_well;
use prism_examples::room::{Room, read_json};
use prism_examples::scenario::{BREAST_CANCER, PARTICIPANTS};
use prism_examples::{binary, skipped};

#[test]
fn three_hospitals_train_on_real_patients_and_a_stranger_audits_it() {
    let scenario = BREAST_CANCER;
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let python = match scenario.python(&mut |_| {}) {
        Ok(python) => python,
        Err(failure) => return skipped("the breast cancer collaboration", failure),
    };
    if let Err(failure) = scenario.prepare(&python, &data, &[]) {
        return skipped("the breast cancer collaboration", failure);
    }
    let prism = binary::prism(true).unwrap();
    let mut room = Room::open(&home.path().join("room"), &prism, scenario).unwrap();
    room.hand_out(&data, Some(&python)).unwrap();
    room.make_keys().unwrap();
    let terms = room.draft().unwrap();
    room.write_manifest(&terms).unwrap();
    room.approve().unwrap();
    room.assemble().unwrap();
    let agent = room.wake().unwrap();
    for name in PARTICIPANTS {
        room.attest(name).unwrap();
    }
    let mut watch = room.party("hospital-2").unwrap().follow(&["watch", "--key", "hospital-2.key"]).unwrap();
    for provider in ["institute", "hospital-3", "hospital-1"] {
        room.give_dataset(provider).unwrap();
    }
    room.give_algorithm().unwrap();
    room.give_dataset("hospital-2").unwrap();
    watch.until(|entry| (entry["state"] == "Delivering").then_some(())).unwrap();

    let institute = room.party("institute").unwrap();
    institute.prism(&["result", "--key", "institute.key", "-o", "results.zip"]).unwrap();
    watch.until(|entry| (entry["state"] == "Closed").then_some(())).unwrap();
    let hospital = room.party("hospital-1").unwrap();
    hospital.prism(&["transcript", "-o", "run.transcript", "--key", "hospital-1.key"]).unwrap();
    agent.finish().unwrap();
    let stranger = room.stranger("stranger").unwrap();
    stranger.receive(&hospital.file("run.transcript")).unwrap();
    stranger.prism(&["audit", "run.transcript"]).unwrap();

    let unzip = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let mut unpack = Command::new(&python.interpreter);
    run_well(unpack.args(["-c", unzip]).arg(institute.file("results.zip")).arg(institute.file("results"))).unwrap();
    let metrics = read_json(&institute.file("results/metrics.json")).unwrap();
    let accuracy = |name: &str| metrics["scores"][name]["accuracy"].as_f64().unwrap();
    for hospital in ["h1", "h2", "h3"] {
        assert!(accuracy("pooled") > accuracy(hospital), "{hospital}: {metrics}");
    }
}

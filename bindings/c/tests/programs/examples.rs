//! The examples that people copy: compiled with every warning an error, and run against what a real run leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{build, compiler, here, library, run};
use crate::world::{NOW, honest, report_data, story, world};
use prism_agent::files::write_new_private;
use prism_attest::platform::simulated::{Mutation, Mutations, SimulatedMachine};
use prism_attest::{Endorsements, Evidence};
use prism_core::manifest::SignedManifest;
use prism_core::manifest::platform::PolicyDocument;

/// A folder with the compiled example in it.
struct Scene {
    place: tempfile::TempDir,
    program: PathBuf,
}

impl Scene {
    fn of(example: &str) -> Self {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let program = place.path().join(example);
        let built = build(&here().join(format!("examples/{example}.c")), &program, &[]);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self { place, program }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.place.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn command(&self, arguments: &[&Path]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        command
    }

    fn output(&self, arguments: &[&Path]) -> (Output, String) {
        let output = self.command(arguments).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output, said)
    }
}

fn attest(mutations: Vec<Mutation>) -> (Evidence, Endorsements) {
    world().vendor.attest(&report_data(&honest()), &Mutations::new(mutations)).unwrap()
}

#[test]
fn a_report_is_judged_and_an_altered_one_refused() {
    let scene = Scene::of("verify_report");
    let (evidence, endorsements) = attest(vec![]);
    let policy = PolicyDocument::confirmed(world().vendor.policy_for(&SimulatedMachine::default()));
    let report = scene.file("report.bin", evidence.bytes());
    let endorsements = scene.file("endorsements.json", &endorsements.to_json());
    let policy = scene.file("policy.toml", policy.to_toml().unwrap().as_bytes());
    let (kind, at) = (PathBuf::from("simulated"), PathBuf::from(NOW.to_string()));
    let said = run(&mut scene.command(&[&kind, &report, &endorsements, &policy, &at]));
    assert!(said.contains("SIMULATED, NOT A TEE") && said.contains("genuine and wanted"), "{said}");

    let mut altered = evidence.bytes().to_vec();
    altered[0x90] ^= 1;
    let altered = scene.file("altered.bin", &altered);
    let (output, said) = scene.output(&[&kind, &altered, &endorsements, &policy, &at]);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("FAIL") && said.contains("evidence.refused"), "{said}");

    let (output, said) = scene.output(&[&kind, &report, &endorsements, &policy, &PathBuf::from("1")]);
    assert_eq!(output.status.code(), Some(4), "another time is another verdict: {said}");
    let (output, said) = scene.output(&[&kind, &report, &report, &policy, &at]);
    assert!(!output.status.success() && said.contains("hint:"), "{said}");
}

#[test]
fn a_transcript_is_audited_and_a_rewritten_one_refused() {
    let scene = Scene::of("audit");
    let honest = scene.file("honest.transcript", &story().transcript().to_bytes().unwrap());
    let terms = scene.file("terms.prism", world().signed.bytes());
    let at = PathBuf::from(NOW.to_string());
    let said = run(&mut scene.command(&[&honest, &at, &terms]));
    assert!(said.contains("every rule holds") && said.contains("SIMULATED"), "{said}");
    run(&mut scene.command(&[&honest, &at]));

    let mut lie = story();
    let middle = lie.entries.len() / 2;
    lie.entries.remove(middle);
    let lie = scene.file("lie.transcript", &lie.rewritten().transcript().to_bytes().unwrap());
    let (output, said) = scene.output(&[&lie, &at]);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("BROKEN") && said.contains("audit.failed"), "{said}");

    let other = crate::terms::signed(&world().keys, world().vendor.policy_for(&SimulatedMachine::default()));
    let mut manifest = other.manifest().clone();
    manifest.title.push_str(", another");
    let other = scene.file("other.prism", &manifest.to_bytes().unwrap());
    let (output, said) = scene.output(&[&honest, &at, &other]);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("manifest.expected"), "{said}");
}

#[test]
fn terms_are_shown_approved_and_put_together() {
    let scene = Scene::of("terms");
    let terms = scene.file("terms.prism", world().signed.bytes());
    let said = run(&mut scene.command(&[&terms]));
    assert!(said.contains("SIMULATED, NOT A TEE") && said.contains("hospital-1   -"), "{said}");
    assert!(said.contains(&world().signed.digest().to_string()), "{said}");

    let whole = scene.place.path().join("whole.prism");
    let (approve, assemble) = (Path::new("approve"), Path::new("assemble"));
    let mut approvals = Vec::new();
    for (number, key) in world().keys.iter().enumerate() {
        let (file, approval) =
            (scene.place.path().join(format!("{number}.key")), scene.place.path().join(format!("{number}.approval")));
        write_new_private(&file, key.to_pem().as_bytes()).unwrap();
        run(&mut scene.command(&[&terms, approve, &file, &approval]));
        let (output, said) = scene.output(&[&terms, approve, &file, &approval]);
        assert!(output.status.code() == Some(2) && said.contains("file.exists"), "{said}");
        approvals.push(approval);
    }
    let some: Vec<&Path> =
        [&*terms, assemble, &*whole].into_iter().chain(approvals.iter().skip(1).map(|p| &**p)).collect();
    let (output, said) = scene.output(&some);
    assert!(output.status.code() == Some(3) && said.contains("manifest.approval-missing"), "{said}");
    let all: Vec<&Path> = [&*terms, assemble, &*whole].into_iter().chain(approvals.iter().map(|p| &**p)).collect();
    run(&mut scene.command(&all));
    let signed = SignedManifest::read(&fs::read(&whole).unwrap()).unwrap();
    assert_eq!(signed.digest(), world().signed.digest());
    let said = run(&mut scene.command(&[&whole]));
    assert!(!said.contains("hospital-1   -") && said.contains("hospital-1   approved"), "{said}");
}

#[test]
fn the_static_library_is_enough_too() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (program, terms) = (place.path().join("terms"), place.path().join("terms.prism"));
    let mut command = compiler(false, "c99");
    command.arg(here().join("examples/terms.c")).arg("-o").arg(&program).arg(library().with_extension("a"));
    // What `rustc --print native-static-libs` names.
    run(command.args(["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl"]));
    fs::write(&terms, world().signed.bytes()).unwrap();
    let said = run(Command::new(&program).arg(&terms));
    assert!(said.contains(&world().signed.digest().to_string()), "{said}");
}

#[test]
fn the_code_of_the_page_runs() {
    let page = fs::read_to_string(here().join("README.md")).unwrap();
    let (_, rest) = page.split_once("```c\n").unwrap();
    let (code, _) = rest.split_once("```").unwrap();
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (source, program) = (place.path().join("page.c"), place.path().join("page"));
    fs::write(&source, format!("#include <prism.h>\n#include <stdio.h>\nint main(void) {{\n{code}return 0;\n}}\n"))
        .unwrap();
    let built = build(&source, &program, &[]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let missing = Command::new(&program).current_dir(place.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&missing.stderr).contains("file.missing"));
    fs::write(place.path().join("covid19.prism"), world().signed.bytes()).unwrap();
    let said = run(Command::new(&program).current_dir(place.path()));
    assert!(said.contains(&world().signed.manifest().title), "{said}");
}

//! What nobody should do with the header: an error each time, never a crash, also under sanitizers and valgrind.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use prism_attest::platform::simulated::{Mutations, SimulatedMachine};
use prism_core::manifest::platform::PolicyDocument;

use crate::common::{build, functions, here, run};
use crate::world::{NOW, honest, report_data, world};

fn source() -> std::path::PathBuf {
    here().join("tests/programs/misuse.c")
}

/// When the material is good, for the C program.
fn now() -> String {
    format!("-DNOW={NOW}u")
}

/// What a simulated machine signed, and what belongs to it.
pub(crate) fn material(folder: &Path) {
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    let signed_for = report_data(&honest());
    let (evidence, endorsements) = world().vendor.attest(&signed_for, &Mutations::default()).unwrap();
    let policy = PolicyDocument::confirmed(world().vendor.policy_for(&SimulatedMachine::default()));
    write("terms.prism", world().signed.bytes());
    write("report.bin", evidence.bytes());
    write("report-data.bin", signed_for.as_bytes());
    write("endorsements.json", &endorsements.to_json());
    write("policy.toml", policy.to_toml().unwrap().as_bytes());
}

/// The program run with a new folder, by itself or below another.
fn misuse(program: &Path, below: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    let (empty, given) = (place.path().join("empty"), place.path().join("given"));
    fs::create_dir(&empty).unwrap();
    fs::create_dir(&given).unwrap();
    material(&given);
    let mut words = below.iter().map(|word| (*word).into()).chain([program.as_os_str().to_owned()]);
    let mut command = Command::new(words.next().unwrap());
    let said = run(command.args(words).arg(&empty).arg(&given));
    assert!(said.contains("refusals"), "{said}");
}

#[test]
fn every_misuse_is_an_error_and_none_a_crash() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = place.path().join("misuse");
    let built = build(&source(), &program, &["-g", &now()]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    misuse(&program, &[]);
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return;
    }
    misuse(
        &program,
        &["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"],
    );
}

#[test]
fn every_misuse_is_an_error_under_sanitizers_too() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (probe, program) = (place.path().join("probe"), place.path().join("misuse"));
    let now = now();
    let flags = ["-g", &now, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let empty = place.path().join("probe.c");
    fs::write(&empty, "int main(void) { return 0; }\n").unwrap();
    if !build(&empty, &probe, &flags).status.success() {
        println!("skipped: cc cannot link with -fsanitize=address,undefined");
        return;
    }
    let built = build(&source(), &program, &flags);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    misuse(&program, &[]);
}

#[test]
fn every_function_of_the_header_is_tried() {
    let programs = ["misuse.c", "live.c"].map(|name| here().join("tests/programs").join(name));
    let text = programs.map(|program| fs::read_to_string(program).unwrap()).concat();
    let untried: Vec<String> = functions().into_iter().filter(|name| !text.contains(&format!("{name}("))).collect();
    assert!(untried.is_empty(), "nobody tries {untried:?}");
}

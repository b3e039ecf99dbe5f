//! Calls that need an agent, as nobody should make them and then as one should; and random calls of all kinds.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::common::{build, here, run};
use crate::room::Room;

const SANITIZED: [&str; 4] = ["-g", "-pthread", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// The program compiled, unless `cc` cannot do it in this way.
fn compiled(place: &Path, name: &str, flags: &[&str]) -> Option<PathBuf> {
    let program = place.join(name);
    let built = build(&here().join(format!("tests/programs/{name}.c")), &program, flags);
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(built.status.success() || said.contains("sanitize") || said.contains("asan"), "{said}");
    built.status.success().then_some(program)
}

fn inside(room: &Room, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(room.path()).env("PRISM_STATE", room.file("state")).current_dir(room.path());
    command
}

#[test]
fn every_misuse_of_a_session_is_an_error_and_none_a_crash() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = compiled(place.path(), "live", &["-g", "-pthread"]).unwrap();
    let said = run(&mut inside(&Room::set(), &program));
    assert!(said.contains("refusals"), "{said}");
}

#[test]
fn every_misuse_of_a_session_is_an_error_under_sanitizers_too() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let Some(program) = compiled(place.path(), "live", &SANITIZED) else {
        println!("skipped: cc cannot link with {}", SANITIZED.join(" "));
        return;
    };
    run(&mut inside(&Room::set(), &program));
}

/// How long and with which seed: `PRISM_C_FUZZ_SECONDS`, `PRISM_C_FUZZ_SEED`.
fn wanted() -> (String, String) {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let fresh = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
    let seconds = number("PRISM_C_FUZZ_SECONDS").unwrap_or(5);
    (seconds.to_string(), number("PRISM_C_FUZZ_SEED").unwrap_or_else(fresh).to_string())
}

#[test]
fn random_calls_keep_the_contract() {
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let sanitized = compiled(place.path(), "random", &SANITIZED);
    let program = sanitized.unwrap_or_else(|| compiled(place.path(), "random", &["-g", "-pthread"]).unwrap());
    let (seconds, seed) = wanted();
    println!("random calls for {seconds} s from seed {seed}");
    let said = run(inside(&Room::set(), &program).args([&seconds, &seed]));
    println!("{said}");
}

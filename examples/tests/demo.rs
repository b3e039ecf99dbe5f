//! The demo as a program: what it says about itself, and that it leaves nothing running.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use prism_examples::process::{PATIENCE, run, run_well};
use prism_examples::scenario::COVID19;
use prism_examples::skipped;
use rustix::process::{Pid, Signal, kill_process};

fn demo() -> Command {
    Command::new(env!("CARGO_BIN_EXE_demo"))
}

#[test]
fn the_demo_explains_itself_and_refuses_unknown_options() {
    let help = run_well(demo().arg("--help")).unwrap();
    assert!(help.contains("--tamper") && help.contains("--measure"), "{help}");
    let ended = run(demo().arg("--nonsense"), PATIENCE).unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("expected a known option, found --nonsense"), "{}", ended.stderr);
}

#[test]
fn a_directory_with_files_in_it_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    if let Err(failure) = COVID19.python(&mut |_| {}) {
        return skipped("the demo in a directory that is in use", failure);
    }
    let room = home.path().join("room");
    fs::create_dir(&room).unwrap();
    fs::write(room.join("thesis.txt"), "five years").unwrap();
    let ended = run(demo().arg("--dir").arg(&room).env("PRISM_PROGRAM", "/bin/false"), PATIENCE).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains("expected a new or empty directory"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(room.join("thesis.txt")).unwrap(), "five years");
}

#[test]
fn an_interrupted_demo_ends_what_it_started() {
    let home = tempfile::tempdir().unwrap();
    if let Err(failure) = COVID19.python(&mut |_| {}) {
        return skipped("interrupting the demo", failure);
    }
    // Stands in for `prism`: holds a pipe open until it is asked to end, and says so when nobody asks.
    let (pipe, program) = (home.path().join("pipe"), home.path().join("prism"));
    run_well(Command::new("mkfifo").arg(&pipe)).unwrap();
    let script = format!("#!/bin/sh\nexec 3> '{}'\n{PATIENT}", pipe.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = demo();
    command.arg("--dir").arg(home.path().join("room")).env("PRISM_PROGRAM", &program);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(File::open(&pipe).unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "started");

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(said.next().is_none());
}

/// Runs the whole demo and returns what it printed, or `None` after saying why it cannot run here.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
fn played(option: &str) -> Option<String> {
    let home = tempfile::tempdir().unwrap();
    if let Err(failure) = COVID19.python(&mut |_| {}) {
        skipped("the demo", failure);
        return None;
    }
    Some(run_well(demo().arg(option).arg("--dir").arg(home.path().join("room"))).unwrap())
}

#[test]
fn three_hospitals_train_one_model_and_a_stranger_audits_it() {
    let Some(said) = played("--measure") else { return };
    for state in ["WaitingForAlgorithm", "WaitingForDatasets", "Running", "Delivering", "Closed"] {
        assert!(said.contains(&format!("hospital-1 sees: {state}")), "{state}: {said}");
    }
    assert!(said.contains("once more?   refused [result.gone]"), "{said}");
    let last = said.lines().last().unwrap();
    let rest = last.strip_prefix("demo: 3 hospitals, test accuracy 0.9").expect(last);
    let (accuracy, rest) = rest.split_once(", audit ok (").expect(last);
    let (entries, folder) = rest.split_once(" entries), results in ").expect(last);
    assert!(accuracy.len() == 1 && accuracy.parse::<u8>().is_ok(), "{last}");
    assert!(entries.parse::<u32>().is_ok_and(|entries| entries > 20) && folder.starts_with('/'), "{last}");
}

#[test]
fn everybody_cheats_and_every_cheat_is_refused() {
    let Some(said) = played("--tamper") else { return };
    let (tried, refused) =
        said.lines().last().and_then(|last| last.strip_prefix("demo: ")?.split_once(" cheats, ")).unwrap();
    assert_eq!(format!("{tried} refused"), refused, "{said}");
    assert!(tried.parse::<u32>().unwrap() >= 29, "{said}");
}

const PATIENT: &str = "\
trap 'kill $!; exit' TERM
echo started >&3
sleep 600 3>&- &
wait
echo nobody asked >&3
";

//! Whatever a scenario starts also ends.

use std::process::Command;
use std::time::Duration;

use prism_examples::failure::Failure;
use prism_examples::process::{PATIENCE, Stream, run, run_well};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether a process exists, by the table that the kernel shows.
fn runs(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    state.is_ok_and(|state| !state.contains(") Z "))
}

#[test]
fn what_a_program_says_and_how_it_ends_is_kept() {
    let ended = run(&mut shell("echo out; echo err >&2; exit 3"), PATIENCE).unwrap();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str(), ended.status.code()), ("out\n", "err\n", Some(3)));
    let failure = run_well(&mut shell("echo why >&2; exit 3")).unwrap_err();
    assert!(failure.to_string().contains("why"), "{failure}");
}

#[test]
fn a_program_that_answers_too_late_is_ended() {
    let failure = run(&mut shell("exec sleep 600"), Duration::from_millis(50)).unwrap_err();
    assert!(matches!(failure, Failure::Silent { .. }), "{failure}");
}

#[test]
fn a_program_that_cannot_start_is_named() {
    let failure = run(&mut Command::new("/nonexistent/program"), PATIENCE).unwrap_err();
    assert!(failure.to_string().contains("/nonexistent/program"), "{failure}");
}

#[test]
fn a_followed_program_is_read_line_by_line_and_ended_in_order() {
    let mut stream = Stream::start(&mut shell(r#"echo '{"n":1}'; echo '{"n":2}'; exec sleep 600"#)).unwrap();
    assert_eq!(stream.until(|line| (line["n"] == 2).then_some(())).ok(), Some(()));
    let status = stream.finish(PATIENCE).unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
}

#[test]
fn a_followed_program_that_is_forgotten_is_ended_too() {
    let mut stream = Stream::start(&mut shell(r#"echo "{\"pid\":$$}"; exec sleep 600"#)).unwrap();
    let pid = stream.until(|line| Some(line["pid"].to_string())).unwrap();
    assert!(runs(&pid));
    drop(stream);
    assert!(!runs(&pid));
}

#[test]
fn a_followed_program_that_ends_early_says_why() {
    let mut stream = Stream::start(&mut shell("echo why >&2; exit 3")).unwrap();
    let failure = stream.until(|_| None::<()>).unwrap_err();
    assert!(failure.to_string().contains("why"), "{failure}");
}

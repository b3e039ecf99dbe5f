//! The Python package as its users have it: the native module beside its pure half, in interpreters of this machine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot set its scene fails")]
#![expect(clippy::print_stdout, reason = "a test says what it skips")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Interpreters that are tried, the first that is new enough wins.
const INTERPRETERS: [&str; 5] = ["python3.13", "python3.12", "python3.11", "python3", "python"];

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `PYTHON` names, else the first interpreter on the path that is 3.11 or later.
fn python() -> PathBuf {
    let named = env::var_os("PYTHON").map(PathBuf::from);
    let new_enough = |path: &PathBuf| {
        let check = "import sys; sys.exit(sys.version_info < (3, 11))";
        Command::new(path).args(["-c", check]).output().is_ok_and(|output| output.status.success())
    };
    let found = named.into_iter().chain(INTERPRETERS.map(PathBuf::from)).find(new_enough);
    found.unwrap_or_else(|| panic!("expected Python 3.11 or later, found none; install it, or name it in PYTHON"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() != "__pycache__" => copy(&path, &target),
            true => {}
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

/// The package with its native module, put together once.
fn package() -> &'static Path {
    static PACKAGE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = PACKAGE.get_or_init(|| {
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        copy(&here().join("python"), place.path());
        let module = env::current_exe().unwrap().with_file_name("lib_prism.so");
        fs::copy(&module, place.path().join("prism/_prism.abi3.so")).unwrap();
        place
    });
    made.path()
}

/// Runs the tests of one file.
fn run(file: &str) {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(python());
    command.args(["-W", "error", "-m", "unittest", "-v", file]).current_dir(here().join("tests"));
    command.env("PYTHONPATH", package()).env("PRISM_STATE", state.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let worth_saying = |line: &&str| line.contains("skipped") || line.contains("measured: ");
    said.lines().filter(worth_saying).for_each(|line| println!("{line}"));
    assert!(
        output.status.success(),
        "{file} in {}:\n{said}\n{}",
        python().display(),
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(!said.contains("Ran 0 tests"), "{file} has no tests");
}

#[test]
fn errors_are_the_shared_list() {
    run("test_errors");
}

#[test]
fn keys_and_terms() {
    run("test_terms");
}

#[test]
fn assets_of_every_kind() {
    run("test_assets");
}

#[test]
fn tables_are_what_they_were() {
    run("test_tables");
}

#[test]
fn uploads_take_little_memory() {
    run("test_memory");
}

#[test]
fn a_whole_computation() {
    run("test_run");
}

#[test]
fn programs_are_read_before_they_are_sent() {
    run("test_lint");
}

#[test]
fn programs_are_rehearsed_before_they_are_sent() {
    run("test_rehearsal");
}

#[test]
fn the_notebooks_run() {
    run("test_notebooks");
}

#[test]
fn evidence_without_an_agent() {
    run("test_attest");
}

#[test]
fn watching_in_a_notebook() {
    run("test_watching");
}

#[test]
fn cards_are_fragments_without_markup_from_outside() {
    run("test_cards");
}

#[test]
fn runs_at_a_glance() {
    run("test_plots");
}

#[test]
fn interrupts_and_asyncio() {
    run("test_interrupts");
}

#[test]
fn dead_agents_deadlines_and_callbacks() {
    run("test_waiting");
}

#[test]
fn results_are_taken_once_and_read_with_care() {
    run("test_results");
}

#[test]
fn hostile_inputs_are_errors_of_ours() {
    run("test_hostile");
}

#[test]
fn ten_thousand_objects_leave_nothing() {
    run("test_leaks");
}

#[test]
fn everything_public_is_documented_and_its_examples_hold() {
    run("test_documentation");
}

#[test]
fn the_code_of_the_readme_runs() {
    run("test_readme");
}

#[test]
fn pages_are_built_of_what_is_documented() {
    run("test_pages");
}

#[test]
fn the_stubs_agree_with_the_binary() {
    run("test_stubs");
}

#[test]
fn a_wheel_in_a_fresh_environment() {
    run("test_wheel");
}

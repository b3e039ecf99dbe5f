//! `prism checksum` of directories: the same everywhere, file by file, and as Cocos AI has it.
#![expect(clippy::print_stderr, reason = "a test says what it skips")]

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::agent::rehearsal;
use crate::support::{Place, said};

const TWO: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

/// A folder `h1` and its listing `h1.sha256`.
fn listed() -> Place {
    let place = Place::new();
    for (name, content) in [("h1/COVID/1.png", "one"), ("h1/COVID/2.png", "two"), ("h1/Normal/3.png", "three")] {
        place.write(name, content);
    }
    place.run("checksum h1 --list h1.sha256").ok();
    place
}

#[test]
fn a_folder_has_one_digest_in_every_zone_locale_and_under_every_umask() {
    let place = listed();
    let sums = place.run("checksum h1 --list other.sha256 --json").ok().json();
    let cocos = place.run("checksum h1 --cocos --json").ok().json();
    assert_ne!(sums["files"][0]["digest"], cocos["files"][0]["digest"]);
    for (zone, locale, umask) in
        [("UTC", "C", "0"), ("Asia/Tokyo", "C.UTF-8", "077"), ("EST5EDT", "tr_TR.UTF-8", "777")]
    {
        let prism = |line: &str| {
            let script = format!("umask {umask} && exec \"$PRISM\" {line}");
            let mut shell = Command::new("sh");
            shell.args(["-c", &script]).current_dir(place.path("")).env_clear().env("HOME", place.path("home"));
            shell.env("PRISM", env!("CARGO_BIN_EXE_prism")).env("TZ", zone).env("LC_ALL", locale);
            said(&mut shell).ok().json()
        };
        assert_eq!(prism("checksum h1 --json")["files"], sums["files"], "{zone} {locale} {umask}");
        assert_eq!(prism("checksum h1 --cocos --json"), cocos, "{zone} {locale} {umask}");
    }
}

#[test]
fn a_listing_is_one_that_sha256sum_reads_and_only_its_owner_does() {
    let place = listed();
    let text = String::from_utf8(place.read("h1.sha256")).unwrap();
    assert_eq!(text.lines().nth(1).unwrap(), format!("{TWO}  COVID/2.png"));
    assert_eq!((text.lines().count(), place.mode("h1.sha256")), (3, 0o600));
    let mut sum = Command::new("sha256sum");
    sum.args(["--check", "--strict", "--quiet", "../h1.sha256"]).current_dir(place.path("h1"));
    match sum.output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => eprintln!("skipped: sha256sum does not run: {error}"),
    }
    let plain = place.run("checksum h1 --json").ok().json();
    let with = place.run("checksum h1 --list again.sha256 --json").ok().json();
    assert_eq!(plain["files"], with["files"]);
    assert_eq!(with["listing"], "again.sha256");
}

#[test]
fn a_listing_goes_to_a_new_file_beside_one_directory() {
    let place = listed();
    let before = place.read("h1.sha256");
    place.write("file", "x");
    place.run("checksum h1 --list h1.sha256").refused(2, "file.exists");
    place.run("checksum h1 --list h1/COVID/h1.sha256").refused(2, "usage");
    place.run("checksum h1 h1 --list new.sha256").refused(2, "usage");
    place.run("checksum file --list new.sha256").refused(2, "usage");
    place.run("checksum file --compare h1.sha256").refused(2, "usage");
    place.run("checksum h1 --cocos --list new.sha256").refused(2, "usage");
    assert_eq!(place.read("h1.sha256"), before);
    assert!(!place.path("new.sha256").exists() && !place.path("h1/COVID/h1.sha256").exists());
}

#[test]
fn files_that_differ_from_a_listing_are_named() {
    let place = listed();
    let same = place.run("checksum h1 --compare h1.sha256 --json").ok().json();
    assert_eq!(same["differences"]["changed"]["count"], 0);
    place.write("h1/COVID/2.png", "TWO");
    place.write("h1/COVID/4.png", "four");
    fs::remove_file(place.path("h1/Normal/3.png")).unwrap();
    let found = place.run("checksum h1 --compare h1.sha256");
    found.refused(3, "asset.mismatch");
    assert!(found.err.contains("3 files differ"), "{}", found.err);
    for line in ["changed  \"COVID/2.png\"", "added    \"COVID/4.png\"", "removed  \"Normal/3.png\""] {
        assert!(found.out.lines().any(|found| found == line), "{}", found.out);
    }
    assert!(!found.out.contains("1.png"), "{}", found.out);
    let json = place.run("checksum h1 --compare h1.sha256 --json").json();
    assert_eq!(json["differences"]["removed"]["first"][0], "Normal/3.png");
    for n in 0..25 {
        place.write(&format!("h1/new/{n:02}"), "");
    }
    let many = place.run("checksum h1 --compare h1.sha256");
    assert!(many.out.contains("added    and 6 more"), "{}", many.out);
    place.write("bad.sha256", format!("{TWO}  a\nno digest\n"));
    let bad = place.run("checksum h1 --compare bad.sha256");
    assert!(bad.refused(2, "file.malformed").err.contains("bad.sha256: line 2: "), "{}", bad.err);
    place.run("checksum h1 --compare none.sha256").refused(5, "file.missing");
}

#[test]
fn the_checksum_of_cocos_is_theirs_and_says_what_theirs_depends_on() {
    let place = Place::new();
    place.write("dir/a.csv", "a,b\n1,2\n");
    place.write("dir/sub/b.txt", "hello");
    place.set_mode("dir/a.csv", 0o600);
    let folder = place.run("checksum dir --cocos");
    // As `cocos-cli checksum` prints it in UTC while both files have the mode 0644.
    let theirs = "sha3-256:c467d5e58012e64ca2f888e7abdaf0bacc05108a3eccfb66cc0f5510e718ed50";
    assert!(folder.ok().out.starts_with(theirs), "{}", folder.out);
    assert!(folder.err.starts_with("note: ") && folder.err.contains("time zone"), "{}", folder.err);
    let json = place.run("checksum dir dir/a.csv --cocos --json").ok().json();
    assert!(json["files"][0]["note"].as_str().unwrap().contains("time zone"), "{json}");
    assert_eq!(json["files"][1]["note"], serde_json::Value::Null);
    let file = place.run("checksum dir/a.csv --cocos");
    assert_eq!(file.ok().out, place.run("checksum dir/a.csv --algorithm sha3-256").out);
    assert!(file.err.is_empty(), "{}", file.err);
    place.run("checksum dir --cocos --algorithm sha256").refused(2, "usage");
}

/// Who owns nothing here.
const NOBODY: u32 = 65534;

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let place = listed();
    place.set_mode("h1/COVID/2.png", 0o000);
    let mut command = place.command(&["checksum", "h1"]);
    if fs::File::open(place.path("h1/COVID/2.png")).is_ok() {
        // Root reads everything: somebody else has to ask.
        place.set_mode("", 0o755);
        command.uid(NOBODY);
    }
    match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => {
            let output = child.wait_with_output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(error.starts_with("error[file.io]: ") && error.contains("h1/COVID/2.png"), "{error}");
        }
        Err(error) => eprintln!("skipped: nobody else can run here: {error}"),
    }
}

#[test]
fn data_of_a_folder_that_is_not_the_agreed_one_names_the_files() {
    let place = rehearsal(|draft| draft);
    place.run("checksum h1 --list h1.sha256").ok();
    place.run("checksum h1 --list kept.sha256").ok();
    let agent = place.agent("covid19.prism");
    place.write("h1/COVID/2.png", "not agreed");
    let beside = agent.run("data h1/ --key hospital.key");
    beside.refused(3, "asset.mismatch");
    assert!(beside.err.contains("1 file differs from h1.sha256:\nadded    \"COVID/2.png\""), "{}", beside.err);

    place.write("h1.sha256", "not a listing\n");
    let named = agent.run("data h1 --key hospital.key --list kept.sha256");
    assert!(named.refused(3, "asset.mismatch").err.contains("from kept.sha256:\nadded "), "{}", named.err);
    let malformed = agent.run("data h1 --key hospital.key");
    assert!(malformed.refused(3, "asset.mismatch").err.contains("h1.sha256: line 1: "), "{}", malformed.err);
    agent.run("data h1 --key hospital.key --list h1.sha256").refused(2, "file.malformed");

    fs::remove_file(place.path("h1.sha256")).unwrap();
    let unlisted = agent.run("data h1 --key hospital.key");
    assert!(unlisted.refused(3, "asset.mismatch").err.contains("--list DIR.sha256"), "{}", unlisted.err);
    place.run("checksum h1 --list h1.sha256").ok();
    let wrong = agent.run("data h1 --key hospital.key");
    assert!(wrong.refused(3, "asset.mismatch").err.contains("no listing of what was agreed"), "{}", wrong.err);
    fs::remove_file(place.path("h1/COVID/2.png")).unwrap();
    agent.run("data h1 --key hospital.key --list kept.sha256").ok();
}

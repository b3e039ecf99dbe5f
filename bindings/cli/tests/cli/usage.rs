//! Wrong usage, JSON errors, the table of codes, broken pipes.

use std::process::Stdio;

use crate::support::{Place, said};

#[test]
fn wrong_usage_exits_with_2_and_says_the_usage() {
    let place = Place::new();
    for line in ["", "nonsense", "keys", "keys new", "checksum", "explain no.such-code", "manifest new x.toml"] {
        let said = place.run(line);
        said.refused(2, "usage");
        assert!(said.out.is_empty(), "{line}");
    }
}

#[test]
fn with_json_an_error_is_one_json_object_on_stderr() {
    let place = Place::new();
    for (line, code, exit) in [
        ("--json checksum nothing", "file.missing", 5),
        ("checksum --json", "usage", 2),
        ("--json explain x", "usage", 2),
    ] {
        let said = place.run(line);
        assert_eq!(said.code, exit, "{line}");
        assert!(said.out.is_empty(), "{line}");
        let json: serde_json::Value = serde_json::from_str(&said.err).unwrap_or_else(|e| panic!("{e}: {}", said.err));
        assert_eq!(json["error"]["code"], code, "{line}");
        assert!(!json["error"]["message"].as_str().unwrap().is_empty());
        assert!(!json["error"]["hint"].as_str().unwrap().is_empty());
    }
}

#[test]
fn every_code_is_explained_with_its_exit_code() {
    let place = Place::new();
    let list = place.run("explain --json").ok().json();
    let codes = list["codes"].as_array().unwrap();
    assert!(codes.len() > 40);
    for code in codes {
        let name = code["code"].as_str().unwrap();
        let one = place.prism(&["explain", name]);
        assert!(one.ok().out.contains(&format!("{name} (exit code {}", code["exit_code"])), "{}", one.out);
        assert!(one.out.contains("hint: "), "{name}");
    }
}

#[test]
fn text_from_files_cannot_drive_the_terminal() {
    let place = Place::new();
    place.write("a\u{1b}[2J\u{202e}b", "x");
    let said = place.prism(&["checksum", "a\u{1b}[2J\u{202e}b"]);
    assert!(said.ok().out.contains("a\\u{1b}[2J\\u{202e}b"), "{}", said.out);
    let missing = place.prism(&["checksum", "c\u{1b}[2J"]);
    assert!(!missing.refused(5, "file.missing").err.contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let mut child = place.command(&["explain"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

#[test]
fn a_full_disk_is_an_internal_failure() {
    let place = Place::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let said = said(place.command(&["explain"]).stdout(full));
    assert_eq!(said.code, 1);
    assert!(said.err.starts_with("error[file.io]: "), "{}", said.err);
}

#[test]
fn checksums_do_not_depend_on_times_modes_or_order() {
    let place = Place::new();
    for folder in ["a", "b"] {
        place.write(&format!("{folder}/x/2.png"), "two");
        place.write(&format!("{folder}/1.png"), "one");
    }
    place.set_mode("b/1.png", 0o600);
    let sums = place.run("checksum a b --json").ok().json();
    assert_eq!(sums["files"][0]["digest"], sums["files"][1]["digest"]);
    place.write("b/3.png", "three");
    assert_ne!(place.run("checksum b --json").ok().json()["files"][0]["digest"], sums["files"][0]["digest"]);
    let cocos = place.run("checksum a/1.png --algorithm sha3-256").ok().out.clone();
    assert!(cocos.starts_with("sha3-256:"), "{cocos}");
    let mut pipe = place.command(&["checksum", "/dev/null"]);
    said(&mut pipe).refused(2, "file.malformed");
}

#[test]
fn a_salted_checksum_keeps_its_salt_private_and_is_repeatable() {
    let place = Place::new();
    place.write("small.csv", "1");
    let first = place.run("checksum small.csv --salt small.salt --json").ok().json();
    assert!(first["files"][0]["digest"].as_str().unwrap().starts_with("sha256-salted:"));
    assert_eq!(place.mode("small.salt"), 0o600);
    let again = place.run("checksum small.csv --salt small.salt --json").ok().json();
    assert_eq!(first, again);
    place.run("checksum small.csv --salt other.salt --json").ok();
    assert_ne!(place.read("small.salt"), place.read("other.salt"));
    place.set_mode("small.salt", 0o644);
    place.run("checksum small.csv --salt small.salt").refused(2, "key.exposed");
}

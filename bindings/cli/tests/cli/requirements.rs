//! Locks and wheelhouses: with uv and pip where they are, never from the network.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_core::digest::Digest;

use crate::support::{Place, Said, drafted, said};

/// A wheel that any installer takes; returns its SHA-256.
fn wheel(place: &Place, name: &str, needs: &str) -> String {
    let info = format!("{name}-1.0.dist-info");
    let needs = if needs.is_empty() { String::new() } else { format!("Requires-Dist: {needs}\n") };
    let mut files = vec![
        (format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
        ),
        (format!("{name}.py"), "VALUE = 42\n".to_owned()),
    ];
    let line = |(path, content): &(String, String)| {
        format!(
            "{path},sha256={},{}\n",
            URL_SAFE_NO_PAD.encode(Digest::sha256(content.as_bytes()).as_bytes()),
            content.len()
        )
    };
    let record = files.iter().map(line).collect::<Vec<_>>().concat() + &format!("{info}/RECORD,,\n");
    files.push((format!("{info}/RECORD"), record));
    files.sort();
    // As every tool writes them: some read no archive whose entries say their size behind them.
    let parts = place.path(&format!("index/{name}.parts"));
    for (path, content) in &files {
        place.write(&format!("index/{name}.parts/{path}"), content);
    }
    let wheel = place.path(&format!("index/{name}-1.0-py3-none-any.whl"));
    let mut command = Command::new("python3");
    command.args([
        "-I",
        "-c",
        "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z:\n for name in sys.argv[2:]: z.write(name)",
    ]);
    command.arg(&wheel).args(files.iter().map(|(path, _)| path)).current_dir(&parts);
    assert!(command.status().unwrap().success());
    fs::remove_dir_all(parts).unwrap();
    let bytes = fs::read(wheel).unwrap();
    Digest::sha256(&bytes).to_hex()
}

/// A folder of two wheels in the place of an index, and what a program needs.
fn scene() -> Place {
    let place = Place::new();
    wheel(&place, "alpha", "beta");
    wheel(&place, "beta", "");
    place.write("requirements.txt", "alpha\n");
    place
}

fn is_there(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The interpreter whose pip these tests ask, if it has one.
fn pip() -> bool {
    let there = is_there("/usr/bin/python3", &["-m", "pip", "--version"]);
    if !there {
        println!("SKIPPED: /usr/bin/python3 has no pip");
    }
    there
}

/// `prism` with tools that know no index but the folder; without uv unless `uv`.
fn run(place: &Place, line: &str, uv: bool) -> Said {
    let mut command = place.command(&line.split(' ').collect::<Vec<_>>());
    let index = place.path("index");
    command.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", &index).env("PIP_CONFIG_FILE", "/dev/null");
    // There is no variable that takes uv's index away.
    let config = tempfile::NamedTempFile::new().unwrap();
    fs::write(config.path(), format!("no-index = true\nfind-links = [{:?}]\n", index.to_str().unwrap())).unwrap();
    let cache = tempfile::tempdir().unwrap();
    command.env("UV_CONFIG_FILE", config.path()).env("UV_CACHE_DIR", cache.path());
    if !uv {
        command.env("PATH", "/usr/bin:/bin");
    }
    said(&mut command)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

const LOCK: &str = "requirements lock requirements.txt --python /usr/bin/python3 -o requirements.lock";
const WHEELHOUSE: &str = "requirements wheelhouse requirements.lock --python /usr/bin/python3 -o wheelhouse";

#[test]
fn pip_pins_what_is_needed_and_the_wheelhouse_holds_exactly_that() {
    if !pip() {
        return;
    }
    let place = scene();
    run(&place, LOCK, false).ok();
    let lock = String::from_utf8(place.read("requirements.lock")).unwrap();
    assert!(lock.contains("alpha==1.0") && lock.contains("beta==1.0"), "{lock}");
    let made = run(&place, &format!("{WHEELHOUSE} --json"), false).ok().json();
    assert_eq!(made["wheels"], serde_json::json!(["alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"]));
    let expected = ["alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl", "requirements.lock"];
    assert_eq!(names(&place.path("wheelhouse")), expected);
    assert_eq!(place.read("wheelhouse/requirements.lock"), lock.as_bytes());
    run(&place, &WHEELHOUSE.replace("-o wheelhouse", "-o wheelhouse.zip"), false).ok();
    assert_eq!(
        names(&place.path(".")),
        ["index", "requirements.lock", "requirements.txt", "wheelhouse", "wheelhouse.zip"]
    );
    assert_eq!(
        place.run("checksum wheelhouse").ok().out.split(' ').next(),
        place.run("checksum wheelhouse.zip").ok().out.split(' ').next()
    );
    // What is there is never overwritten.
    run(&place, LOCK, false).refused(2, "file.exists");
    run(&place, WHEELHOUSE, false).refused(2, "file.exists");
}

#[test]
fn uv_pins_what_is_needed() {
    if !is_there("uv", &["--version"]) {
        println!("SKIPPED: uv is not installed here");
        return;
    }
    let place = scene();
    assert!(run(&place, LOCK, true).ok().out.contains("pinned by uv"));
    let lock = String::from_utf8(place.read("requirements.lock")).unwrap();
    assert!(lock.contains("alpha==1.0") && lock.contains("beta==1.0"), "{lock}");
}

#[test]
fn what_cannot_be_had_leaves_nothing_behind() {
    if !pip() {
        return;
    }
    let place = scene();
    place.write("requirements.txt", "gamma\n");
    run(&place, LOCK, false).refused(7, "requirements.failed");
    place.write("requirements.lock", format!("alpha==1.0 --hash=sha256:{}\n", "0".repeat(64)));
    run(&place, WHEELHOUSE, false).refused(7, "requirements.failed");
    assert_eq!(names(&place.path(".")), ["index", "requirements.lock", "requirements.txt"]);
}

#[test]
fn nothing_is_executed_to_learn_what_a_folder_needs() {
    let place = scene();
    place.write("pkg/setup.py", "open('executed', 'w').close()\n");
    for (text, further) in [("./pkg\n", ""), ("alpha\n-r more.txt\n", "pkg/\n"), ("-e pkg\n", "")] {
        place.write("requirements.txt", text);
        place.write("more.txt", further);
        run(&place, "requirements lock requirements.txt -o requirements.lock", false).refused(7, "requirements.failed");
        assert!(!place.path("executed").exists() && !place.path("pkg/executed").exists(), "{text}");
        assert!(!place.path("requirements.lock").exists());
    }
}

#[test]
fn without_uv_pip_and_an_index_it_is_said_what_is_missing() {
    let place = scene();
    place.write("requirements.lock", format!("alpha==1.0 --hash=sha256:{}\n", "0".repeat(64)));
    let bare = |line: &str| {
        let mut command = place.command(&line.split(' ').collect::<Vec<_>>());
        said(command.env("PATH", "/nonexistent"))
    };
    let lock = bare("requirements lock requirements.txt --python /nonexistent/python3 -o new.lock");
    assert!(lock.refused(5, "file.missing").err.contains("expected uv or pip"), "{}", lock.err);
    let wheels = bare("requirements wheelhouse requirements.lock --python /nonexistent/python3 -o new");
    wheels.refused(5, "file.missing");
    place.run("requirements lock absent.txt -o new.lock").refused(5, "file.missing");
    assert_eq!(names(&place.path(".")), ["index", "requirements.lock", "requirements.txt"]);
}

#[test]
fn a_lock_that_is_not_pinned_is_refused_wherever_it_is_given() {
    let place = drafted(&["lab", "hospital-1"]);
    place.write("wheels/requirements.lock", "numpy\n");
    for (name, path) in [("wheels", "wheels/requirements.lock"), ("loose.lock", "loose.lock")] {
        place.write(path, "numpy\n");
        let draft = String::from_utf8(place.read("covid19.toml")).unwrap();
        place.write(
            "with.toml",
            draft.replace("file = \"train.py\"\n", &format!("file = \"train.py\"\nrequirements = \"{name}\"\n")),
        );
        let refused = place.run("manifest new with.toml -o manifest.json");
        refused.refused(2, "file.malformed");
        assert!(refused.err.contains("prism requirements lock"), "{}", refused.err);
        assert!(!place.path("manifest.json").exists());
    }
    place.run("requirements wheelhouse loose.lock -o out").refused(2, "file.malformed");
}

#[cfg(feature = "pull")]
#[test]
fn a_lock_that_asks_for_the_last_number_of_the_version_needs_it() {
    let place = scene();
    let pin = |marker: &str| format!("alpha==1.0 {marker} --hash=sha256:{}\n", "0".repeat(64));
    let line =
        "requirements wheelhouse requirements.lock -o wheelhouse --index https://127.0.0.1:1/simple --python-version";
    place.write("requirements.lock", pin("; python_full_version >= \"3.11.4\""));
    let refused = place.run(&format!("{line} 3.11"));
    refused.refused(2, "usage");
    assert!(refused.err.contains("3.11.7"), "{}", refused.err);
    for version in ["3", "3.11.7.1", "2.7", "3.x", "3.11rc1"] {
        place.run(&format!("{line} {version}")).refused(2, "usage");
    }
    // With the number nothing has to be guessed, and nothing is needed: there is nobody to ask.
    place.run(&format!("{line} 3.11.3")).ok();
    place.write("requirements.lock", pin("; python_version < \"3.11\""));
    let other = line.replace("-o wheelhouse", "-o other");
    place.run(&format!("{other} 3.11")).ok();
}

#[cfg(feature = "pull")]
#[test]
fn an_index_is_asked_over_https_only_and_its_password_is_not_repeated() {
    let place = scene();
    place.write("requirements.lock", format!("alpha==1.0 --hash=sha256:{}\n", "0".repeat(64)));
    let line = "requirements wheelhouse requirements.lock --python /usr/bin/python3 -o wheelhouse";
    for index in ["http://user:hush@127.0.0.1/simple", "https://user:hush@", "https://user:hush@127.0.0.1:1/simple"] {
        let said = place.run(&format!("{line} --index {index}"));
        assert_ne!(said.code, 0);
        assert!(!said.err.contains("hush") && !said.out.contains("hush"), "{}", said.err);
    }
    place.run(&format!("{line} --index-allow files.example")).refused(2, "usage");
    assert_eq!(names(&place.path(".")), ["index", "requirements.lock", "requirements.txt"]);
}

//! What the installer refuses, and what it does with folders of other names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{called, files, have, installer, new_folder, said, stand_in_for_cargo};
use crate::common::{abi, here, run};

/// A folder with files that have the names of the libraries, and something in it that makes them ours.
fn pretended(folder: &Path, contract: u32) -> std::path::PathBuf {
    let from = folder.join("from");
    fs::create_dir(&from).unwrap();
    fs::write(from.join("libprism.so"), format!("\0libprism.so.{contract}\0")).unwrap();
    fs::write(from.join("libprism.a"), "archive").unwrap();
    from
}

/// The command fails, says each of the words, and leaves nothing.
fn refused(command: &mut Command, status: i32, prefix: &Path, words: &[&str]) {
    let output = command.output().unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(status), "{command:?}: {told}");
    for word in words {
        assert!(told.contains(word), "{command:?} does not say {word}: {told}");
    }
    assert!(!prefix.exists(), "{command:?} left {}", prefix.display());
}

#[test]
fn a_library_that_was_not_built_is_told_and_how_it_is_built() {
    let place = new_folder();
    let (empty, prefix) = (place.path().join("empty"), place.path().join("prefix"));
    let words = ["found no libprism.so", "cargo build --release -p prism-c", "--build", "--from"];
    refused(&mut installer(&empty, &prefix), 1, &prefix, &words);
    let from = pretended(place.path(), abi());
    fs::remove_file(from.join("libprism.a")).unwrap();
    refused(&mut installer(&from, &prefix), 1, &prefix, &["found no libprism.a"]);
}

#[test]
fn a_library_with_another_contract_than_the_header_is_refused() {
    let place = new_folder();
    let prefix = place.path().join("prefix");
    let from = pretended(place.path(), abi() + 1);
    let words = ["contract of the header", "build it again"];
    refused(&mut installer(&from, &prefix), 1, &prefix, &words);
}

#[test]
fn a_prefix_that_cannot_be_written_is_told() {
    let place = new_folder();
    let from = pretended(place.path(), abi());
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let below = file.join("prefix");
    refused(&mut installer(&from, &below), 1, &below, &["not a folder", "take another --prefix"]);
    assert!(file.is_file());
    let partly = place.path().join("partly");
    fs::create_dir(&partly).unwrap();
    fs::write(partly.join("include"), "").unwrap();
    let output = installer(&from, &partly).output().unwrap();
    assert!(!output.status.success() && said(&output).contains("include"), "{}", said(&output));
    assert_eq!(files(&partly).into_iter().collect::<Vec<_>>(), ["include"]);

    let closed = place.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        println!("skipped: whoever runs this may write everywhere");
        return;
    }
    let prefix = closed.join("prefix");
    refused(&mut installer(&from, &prefix), 1, &prefix, &["take another --prefix"]);
}

#[test]
fn a_folder_where_a_file_belongs_is_told_and_left() {
    let place = new_folder();
    let from = pretended(place.path(), abi());
    let prefix = place.path().join("prefix");
    fs::create_dir_all(prefix.join("include/prism.h/mine")).unwrap();
    let output = installer(&from, &prefix).output().unwrap();
    assert!(!output.status.success() && said(&output).contains("found a folder"), "{}", said(&output));
    assert!(files(&prefix).is_empty(), "{:?}", files(&prefix));
}

#[test]
fn an_option_that_is_not_known_or_not_whole_is_told() {
    let place = new_folder();
    let prefix = place.path().join("prefix");
    let from = pretended(place.path(), abi());
    refused(installer(&from, &prefix).arg("--prefx"), 2, &prefix, &["found --prefx", "usage:"]);
    refused(installer(&from, &prefix).arg("--libdir"), 2, &prefix, &["a value after --libdir", "usage:"]);
    for libdir in ["", "/lib", "../lib", "a//b", "a b", "a|b"] {
        let words = ["a folder below the prefix"];
        refused(installer(&from, &prefix).args(["--libdir", libdir]), 2, &prefix, &words);
    }
    let mut alone = Command::new("sh");
    refused(alone.arg(here().join("install.sh")), 2, &prefix, &["expected --prefix DIR"]);
    let mut help = Command::new("sh");
    assert!(run(help.arg(here().join("install.sh")).arg("--help")).starts_with("usage:"));
}

#[test]
fn cargo_that_is_missing_is_told_where_it_was_asked_for() {
    let place = new_folder();
    let (prefix, tools) = (place.path().join("prefix"), place.path().join("tools"));
    fs::create_dir(&tools).unwrap();
    for tool in ["dirname", "sed", "sh"] {
        let found = run(Command::new("sh").args(["-c", &format!("command -v {tool}")]));
        std::os::unix::fs::symlink(found.trim(), tools.join(tool)).unwrap();
    }
    let mut command = Command::new(tools.join("sh"));
    command.arg(here().join("install.sh")).arg("--build").arg("--prefix").arg(&prefix).env("PATH", &tools);
    refused(&mut command, 1, &prefix, &["expected cargo"]);
}

#[test]
fn nothing_is_built_unless_it_is_asked_for() {
    let place = new_folder();
    let (prefix, cargo) = (place.path().join("prefix"), stand_in_for_cargo(place.path()));
    let from = pretended(place.path(), abi());
    let path = format!("{}:{}", cargo.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = installer(&from, &prefix);
    command.env("PATH", &path).env("CARGO_TARGET_DIR", place.path().join("target"));
    run(&mut command);
    assert!(!place.path().join("called").exists());
    run(command.arg("--build"));
    assert_eq!(called(place.path())[1..], ["build", "--release", "-p", "prism-c"]);
}

#[test]
fn a_static_library_that_cannot_be_narrowed_is_installed_as_it_is_and_said() {
    let place = new_folder();
    let (prefix, from) = (place.path().join("prefix"), pretended(place.path(), abi()));
    let output = installer(&from, &prefix).output().unwrap();
    assert!(output.status.success() && said(&output).contains("as cargo made it"), "{}", said(&output));
    assert_eq!(fs::read(prefix.join("lib/libprism.a")).unwrap(), b"archive");
}

#[test]
fn installing_again_replaces_what_was_there() {
    let place = new_folder();
    let (prefix, from) = (place.path().join("prefix"), pretended(place.path(), abi()));
    run(&mut installer(&from, &prefix));
    let first = files(&prefix);
    fs::write(prefix.join("include/mine.h"), "mine").unwrap();
    fs::write(from.join("libprism.a"), "another").unwrap();
    run(&mut installer(&from, &prefix));
    assert_eq!(fs::read(prefix.join("lib/libprism.a")).unwrap(), b"another");
    assert_eq!(fs::read(prefix.join("include/mine.h")).unwrap(), b"mine");
    assert_eq!(files(&prefix).len(), first.len() + 1);
}

#[test]
fn a_package_is_staged_below_another_folder_with_libraries_where_the_system_has_them() {
    let place = new_folder();
    let from = pretended(place.path(), abi());
    let (stage, libdir) = (place.path().join("stage"), "lib/x86_64-linux-gnu");
    let mut command = installer(&from, Path::new("/usr"));
    run(command.arg("--destdir").arg(&stage).args(["--libdir", libdir]));
    let usr = stage.join("usr");
    let script = fs::read_to_string(usr.join(libdir).join("cmake/Prism/PrismConfig.cmake")).unwrap();
    assert!(script.contains("${_prism_here}/../../../..\""), "{script}");
    if have("pkg-config") {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", usr.join(libdir).join("pkgconfig")).args(["--variable=libdir", "prism"]);
        let told = run(&mut command);
        assert_eq!(fs::canonicalize(told.trim()).unwrap(), fs::canonicalize(usr.join(libdir)).unwrap());
    }
}

#[test]
fn the_installer_keeps_to_the_plain_shell() {
    run(Command::new("sh").arg("-n").arg(here().join("install.sh")));
    if have("shellcheck") {
        run(Command::new("shellcheck").arg(here().join("install.sh")));
    }
    let mut dash = Command::new("dash");
    match dash.arg("-n").arg(here().join("install.sh")).output() {
        Ok(output) => assert!(output.status.success(), "{}", said(&output)),
        Err(_) => println!("skipped: dash is not installed"),
    }
}

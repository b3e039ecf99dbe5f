use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher};
use tempfile::TempDir;

use super::*;

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_public_half_in_place_of_a_private_key_is_named_as_such() {
    let dir = tempfile::tempdir().unwrap();
    for text in [
        "-----BEGIN PUBLIC KEY-----\nMCow",
        "age1pq1xyz and more than thirty-two bytes",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
    ] {
        let path = dir.path().join("half");
        fs::write(&path, format!("{text}{}", " ".repeat(32))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = read_private(&path).unwrap_err();
        assert!(matches!(error, FileError::PublicHalf { .. }), "{error}");
        assert_eq!(error.code(), Code::KeyMalformed);
    }
}

#[test]
fn a_private_file_comes_back_as_it_was_written_and_only_its_owner_has_access() {
    let dir = place();
    let path = dir.path().join("hospital-1.key");
    write_new_private(&path, b"secret").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(read_private(&path).unwrap().as_str(), "secret");
}

#[test]
fn a_private_file_that_others_can_reach_is_refused_with_the_command_that_mends_it() {
    let dir = place();
    let path = dir.path().join("my key");
    write_new_private(&path, b"secret").unwrap();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
        chmod(&path, mode);
        let error = read_private(&path).unwrap_err();
        assert_eq!(error.code(), Code::KeyExposed, "{mode:o}");
        assert!(error.to_string().contains(&format!("{mode:04o}")), "{error}");
        assert!(error.to_string().ends_with(&format!("chmod 600 '{}'", path.display())), "{error}");
    }
}

#[test]
fn a_private_file_is_never_overwritten_not_even_through_a_dangling_link() {
    let dir = place();
    let path = dir.path().join("key");
    write_new_private(&path, b"first").unwrap();
    assert_eq!(write_new_private(&path, b"second").unwrap_err().code(), Code::FileExists);
    assert_eq!(read_private(&path).unwrap().as_str(), "first");

    let (link, elsewhere) = (dir.path().join("link"), dir.path().join("elsewhere"));
    symlink(&elsewhere, &link).unwrap();
    assert_eq!(write_new_private(&link, b"third").unwrap_err().code(), Code::FileExists);
    assert!(!elsewhere.exists());
}

#[test]
fn what_cannot_be_a_private_file_is_refused() {
    let dir = place();
    assert_eq!(read_private(&dir.path().join("none")).unwrap_err().code(), Code::FileMissing);
    assert!(matches!(read_private(dir.path()), Err(FileError::NotRegular { found: "a directory", .. })));

    let path = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    assert!(matches!(read_private(&path), Err(FileError::NotRegular { found: "a named pipe", .. })));

    let path = dir.path().join("long");
    write_new_private(&path, &vec![b'x'; 64 * 1024 + 1]).unwrap();
    assert!(matches!(read_private(&path), Err(FileError::TooLong { limit: 65_536, found: 65_537, .. })));

    let path = dir.path().join("binary");
    write_new_private(&path, &[0xff, 0xfe]).unwrap();
    assert!(matches!(read_private(&path), Err(FileError::NotText { .. })));
}

#[test]
fn a_draft_is_invisible_until_it_is_published_and_leaves_nothing_when_dropped() {
    let dir = place();
    let path = dir.path().join("out");
    let mut draft = Draft::create(&path).unwrap();
    draft.write_all(b"half").unwrap();
    assert!(!path.exists());
    drop(draft);
    assert!(names_in(dir.path()).is_empty());

    let mut draft = Draft::create(&path).unwrap();
    draft.write_all(b"whole").unwrap();
    draft.publish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    assert_eq!(names_in(dir.path()), ["out"]);
}

#[test]
fn publishing_over_an_existing_file_is_refused_and_replacing_it_is_not() {
    let dir = place();
    let path = dir.path().join("out");
    fs::write(&path, b"old").unwrap();
    let mut draft = Draft::create(&path).unwrap();
    draft.write_all(b"new").unwrap();
    assert_eq!(draft.publish().unwrap_err().code(), Code::FileExists);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names_in(dir.path()), ["out"]);

    write_atomic(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn a_draft_has_no_name_that_a_crash_could_leave_behind() {
    let dir = place();
    let path = dir.path().join("out");
    for draft in [Draft::create(&path), Draft::create_only(&path, "only")] {
        let mut draft = draft.unwrap();
        draft.write_all(b"half").unwrap();
        assert!(names_in(dir.path()).is_empty(), "{:?}", names_in(dir.path()));
        std::mem::forget(draft);
    }
    assert!(names_in(dir.path()).is_empty());
}

#[test]
fn the_only_draft_of_a_target_overwrites_what_a_crash_left_behind() {
    let dir = place();
    let path = dir.path().join("out");
    std::mem::forget(Draft::create_named(&path, "only").unwrap());
    assert_eq!(names_in(dir.path()), [".out.only.draft"]);
    let mut draft = Draft::create_named(&path, "only").unwrap();
    draft.write_all(b"whole").unwrap();
    draft.publish().unwrap();
    assert_eq!(names_in(dir.path()), ["out"]);
    assert_eq!(fs::read(&path).unwrap(), b"whole");
    // Without names for what is being written, one is needed for a moment.
    std::mem::forget(Draft::create_named(&path, "only").unwrap());
    let mut draft = Draft::create_only(&path, "only").unwrap();
    draft.write_all(b"other").unwrap();
    draft.replace().unwrap();
    assert_eq!(names_in(dir.path()), ["out"]);
    assert_eq!(fs::read(&path).unwrap(), b"other");
}

#[test]
fn drafts_with_and_without_a_name_are_alike_to_whoever_reads() {
    let dir = place();
    let path = dir.path().join("out");
    for create in [Draft::create_only, Draft::create_named] {
        let mut draft = create(&path, "a").unwrap();
        draft.write_all(b"new").unwrap();
        assert_eq!(draft.read_back().unwrap(), b"new");
        draft.publish().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(create(&path, "a").unwrap().publish().unwrap_err().code(), Code::FileExists);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        create(&path, "a").unwrap().replace().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert_eq!(create(&folder, "a").unwrap().replace().unwrap_err().code(), Code::FileIo);
        assert_eq!(names_in(dir.path()), ["folder", "out"]);
        fs::remove_dir(folder).unwrap();
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn two_drafts_of_one_target_do_not_disturb_each_other() {
    let dir = place();
    let path = dir.path().join("out");
    let (mut one, mut two) = (Draft::create(&path).unwrap(), Draft::create(&path).unwrap());
    one.write_all(b"one").unwrap();
    two.write_all(b"two").unwrap();
    one.publish().unwrap();
    assert_eq!(two.publish().unwrap_err().code(), Code::FileExists);
    assert_eq!(fs::read(&path).unwrap(), b"one");
}

#[test]
fn what_is_no_file_is_named_and_never_waited_for() {
    let dir = place();
    let path = |name: &str| dir.path().join(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), 0o600.into()).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    symlink(path("pipe"), path("link")).unwrap();
    for (name, kind) in
        [("pipe", "a named pipe"), ("link", "a named pipe"), ("socket", "a socket"), (".", "a directory")]
    {
        let found = measure_file(&path(name), Hasher::sha256(), &mut |_| {}).unwrap_err();
        assert!(matches!(found, FileError::NotRegular { found, .. } if found == kind), "{name}: {found:?}");
    }
    assert_eq!(measure_file(&path("none"), Hasher::sha256(), &mut |_| {}).unwrap_err().code(), Code::FileMissing);
}

#[test]
fn a_folder_that_is_missing_is_said_to_be_what_is_missing() {
    let dir = place();
    fs::write(dir.path().join("file"), "").unwrap();
    for folder in ["none", "file"] {
        let folder = dir.path().join(folder);
        for create in [Draft::create_only, Draft::create_named] {
            let error = create(&folder.join("out"), "a").unwrap_err();
            assert!(matches!(&error, FileError::NoFolder { path } if *path == folder), "{error:?}");
        }
    }
}

#[test]
fn a_file_is_measured_in_one_pass_with_progress() {
    let dir = place();
    let path = dir.path().join("data");
    let content = vec![7; 600 * 1024];
    fs::write(&path, &content).unwrap();
    let mut heard = Vec::new();
    let measured = measure_file(&path, Hasher::sha256(), &mut |n| heard.push(n)).unwrap();
    assert_eq!(measured.digest, Digest::sha256(&content));
    assert_eq!(measured.size, 600 * 1024);
    assert_eq!(heard.last(), Some(&measured.size));
    assert!(heard.is_sorted() && heard.len() > 1);
}

#[test]
fn a_command_for_a_strange_path_is_quoted() {
    assert_eq!(quote(Path::new("/a/b.key")), "/a/b.key");
    assert_eq!(quote(Path::new("-rf")), "'./-rf'");
    assert_eq!(quote(Path::new("it's")), r"'it'\''s'");
}

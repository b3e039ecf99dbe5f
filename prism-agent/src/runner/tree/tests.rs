use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::mkdirat;

use super::*;

/// A chain of directories, each in the one before, made from its end so that no path is ever long.
fn chain(top: &Path, depth: usize) {
    let mut inner = open(CWD, top).unwrap();
    for _ in 0..depth {
        mkdirat(&inner, "d", Mode::RWXU).unwrap();
        inner = open(&inner, "d").unwrap();
    }
}

fn locked(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
}

#[test]
fn a_tree_a_hundred_thousand_deep_is_removed_on_a_small_stack() {
    // In memory where there is some: a disk takes its time for so many directories.
    let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let top = home.path().join("top");
    fs::create_dir(&top).unwrap();
    chain(&top, 100_000);
    let small = std::thread::Builder::new().stack_size(256 << 10);
    small.spawn(move || remove(&top).unwrap()).unwrap().join().unwrap();
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_wide_tree_is_removed_at_every_depth() {
    let home = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let top = home.path().join("top");
    for depth in [0, 1, LEVELS - 1, LEVELS, LEVELS + 1, 2 * LEVELS] {
        let path = top.join(vec!["d"; depth].join("/"));
        for number in 0..300 {
            fs::create_dir_all(path.join(format!("{number}/inner"))).unwrap();
            fs::write(path.join(format!("{number}/file")), "x").unwrap();
        }
    }
    remove(&top).unwrap();
    assert!(!top.exists());
}

#[test]
fn what_a_link_points_to_stays() {
    let home = tempfile::tempdir().unwrap();
    let (top, other) = (home.path().join("top"), home.path().join("other"));
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::create_dir(&other).unwrap();
    fs::write(other.join("kept"), "x").unwrap();
    symlink(&other, top.join("a/link")).unwrap();
    symlink(&other, top.join("a/b/link")).unwrap();
    remove(&top).unwrap();
    assert!(!top.exists());
    assert_eq!(fs::read(other.join("kept")).unwrap(), b"x");
    symlink(&other, &top).unwrap();
    assert!(remove(&top).is_err(), "a link is no tree");
    assert!(other.join("kept").exists());
}

#[test]
fn locked_directories_are_opened_up_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let top = home.path().join("top");
    fs::create_dir_all(top.join("a/b/c")).unwrap();
    fs::write(top.join("a/b/c/file"), "x").unwrap();
    for path in ["a/b/c", "a/b", "a", ""] {
        locked(&top.join(path));
    }
    remove(&top).unwrap();
    assert!(!top.exists());
    remove(&top).unwrap();
}

#[test]
fn everything_is_seen_once_and_no_link_is_followed() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("a/b")).unwrap();
    fs::write(home.path().join("a/b/file"), "x").unwrap();
    symlink(home.path(), home.path().join("a/loop")).unwrap();
    locked(&home.path().join("a/b"));
    let mut seen = Vec::new();
    let top = open(CWD, home.path()).unwrap();
    visit(top, &mut |_, name, _| {
        seen.push(name.to_str().unwrap().to_owned());
        Ok(Next::On)
    })
    .unwrap();
    seen.sort();
    assert_eq!(seen, ["a", "b", "file", "loop"]);
}

#[test]
fn a_tree_deeper_than_files_may_be_open_is_not_visited_to_its_end() {
    let home = tempfile::tempdir().unwrap();
    let seen = |home: &Path| {
        let mut seen = 0;
        let visited = visit(open(CWD, home).unwrap(), &mut |_, _, _| {
            seen += 1;
            Ok(Next::On)
        });
        (visited.is_ok(), seen)
    };
    chain(home.path(), DEPTH_MAX - 1);
    assert_eq!(seen(home.path()), (true, DEPTH_MAX - 1));
    remove(&home.path().join("d")).unwrap();
    chain(home.path(), DEPTH_MAX);
    assert_eq!(seen(home.path()), (false, DEPTH_MAX));
}

#[test]
fn whoever_stops_a_removal_is_heard_at_every_entry() {
    let home = tempfile::tempdir().unwrap();
    let top = home.path().join("top");
    for folder in ["a", "b"] {
        let folder = top.join(folder);
        fs::create_dir_all(&folder).unwrap();
        for number in 0..20 {
            fs::write(folder.join(number.to_string()), "").unwrap();
        }
    }
    let mut left = 10;
    let mut go_on = || {
        left -= 1;
        if left > 0 { Ok(()) } else { Err(io::Error::other("stopped")) }
    };
    let stopped = remove_at(CWD, top.as_path(), &mut go_on).unwrap_err();
    assert_eq!(stopped.to_string(), "stopped");
    let files = |folder: &str| fs::read_dir(top.join(folder)).unwrap().count();
    assert!(files("a") + files("b") >= 30);
}

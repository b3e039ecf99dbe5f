use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;

use super::*;

fn results() -> (tempfile::TempDir, ResultsDir) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(RESULTS)).unwrap();
    let open = ResultsDir::open(dir.path()).unwrap();
    (dir, open)
}

fn names(collected: &Collected) -> Vec<&str> {
    collected.files.iter().map(ResultFile::name).collect()
}

#[test]
fn a_file_of_another_kind_than_allowed_stays_inside() {
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results");
    fs::create_dir(&results).unwrap();
    fs::write(results.join("curve.png"), b"patients, not pixels").unwrap();
    fs::write(results.join("scores.json"), b"{}").unwrap();
    let limits = ResultLimits { media_types: vec!["image/png".parse().unwrap()], ..ResultLimits::default() };
    let collected = collect_results(&ResultsDir::open(dir.path()).unwrap(), &limits).unwrap();
    assert_eq!((collected.files.len(), collected.total_bytes, collected.withheld.mistyped), (0, 0, 2));
    let limits = ResultLimits { media_types: vec!["application/json".parse().unwrap()], ..ResultLimits::default() };
    let collected = collect_results(&ResultsDir::open(dir.path()).unwrap(), &limits).unwrap();
    assert_eq!((collected.files[0].name(), collected.total_bytes, collected.withheld.mistyped), ("scores.json", 2, 1));
}

#[test]
fn regular_files_come_sorted_with_relative_names() {
    let (dir, open) = results();
    let root = dir.path().join(RESULTS);
    fs::create_dir_all(root.join("plots/deep")).unwrap();
    for name in ["z.txt", "plots/b.png", "plots/deep/a.png", "a.txt"] {
        fs::write(root.join(name), name).unwrap();
    }
    let collected = collect_results(&open, &ResultLimits::default()).unwrap();
    assert_eq!(names(&collected), ["a.txt", "plots/b.png", "plots/deep/a.png", "z.txt"]);
    let mut text = String::new();
    collected.files[1].open().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "plots/b.png");
    assert_eq!(collected.withheld, Withheld::default());
}

#[test]
fn links_and_pipes_stay_inside_and_are_not_followed() {
    let (dir, open) = results();
    let root = dir.path().join(RESULTS);
    let secret = tempfile::tempdir().unwrap();
    fs::write(secret.path().join("key"), "secret").unwrap();
    symlink(secret.path().join("key"), root.join("link")).unwrap();
    symlink(secret.path(), root.join("folder")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe"), Mode::RUSR).unwrap();
    fs::write(root.join("ok"), "ok").unwrap();
    let collected = collect_results(&open, &ResultLimits::default()).unwrap();
    assert_eq!(names(&collected), ["ok"]);
    assert_eq!(collected.withheld.special, 3);
}

#[test]
fn a_file_that_became_a_link_after_the_walk_is_not_read() {
    let (dir, open) = results();
    let path = dir.path().join(RESULTS).join("model");
    fs::write(&path, "model").unwrap();
    let collected = collect_results(&open, &ResultLimits::default()).unwrap();
    fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    assert!(collected.files[0].open().is_err());
}

#[test]
fn results_replaced_by_a_link_are_missing() {
    let (dir, open) = results();
    fs::remove_dir(dir.path().join(RESULTS)).unwrap();
    symlink("/etc", dir.path().join(RESULTS)).unwrap();
    assert!(matches!(collect_results(&open, &ResultLimits::default()), Err(CollectError::Missing)));
}

#[test]
fn a_sparse_file_counts_as_long_as_it_says_it_is() {
    let (dir, open) = results();
    let file = File::create(dir.path().join(RESULTS).join("huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    let error = collect_results(&open, &ResultLimits::default()).unwrap_err();
    assert!(matches!(error, CollectError::TooLarge { .. }));
}

#[test]
fn more_entries_than_allowed_or_too_deep_are_refused() {
    let (dir, open) = results();
    let root = dir.path().join(RESULTS);
    for i in 0..5 {
        fs::create_dir(root.join(i.to_string())).unwrap();
    }
    let limits = ResultLimits { entries: 4, ..ResultLimits::default() };
    assert!(matches!(collect_results(&open, &limits), Err(CollectError::TooMany { limit: 4 })));
    fs::create_dir_all(root.join(["d"; 40].join("/"))).unwrap();
    assert!(matches!(collect_results(&open, &ResultLimits::default()), Err(CollectError::TooMany { .. })));
}

#[test]
fn names_that_could_mislead_and_names_that_are_not_listed_stay_inside() {
    use std::os::unix::ffi::OsStrExt;
    let (dir, open) = results();
    let root = dir.path().join(RESULTS);
    for name in [&b"\x1b[31mred"[..], b"\xff\xfe", b"back\\slash", b"new\nline"] {
        fs::write(root.join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    fs::write(root.join("patients.csv"), "x").unwrap();
    fs::write(root.join("model.json"), "x").unwrap();
    let limits = ResultLimits { patterns: vec!["*.json".to_owned()], ..ResultLimits::default() };
    let collected = collect_results(&open, &limits).unwrap();
    assert_eq!(names(&collected), ["model.json"]);
    assert_eq!((collected.withheld.misnamed, collected.withheld.unlisted), (4, 1));
}

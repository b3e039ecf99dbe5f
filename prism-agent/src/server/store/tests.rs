use tempfile::TempDir;

use super::*;

fn private() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

#[test]
fn a_directory_has_one_agent_at_a_time() {
    let dir = private();
    let (store, _) = Store::open(dir.path(), "00", u64::MAX).unwrap();
    assert!(matches!(Store::open(dir.path(), "01", u64::MAX), Err(StoreError::InUse { .. })));
    store.release();
    assert!(Store::open(dir.path(), "01", u64::MAX).is_ok());
}

#[test]
fn everything_but_the_log_of_an_earlier_boot_is_destroyed() {
    let dir = private();
    let (store, lost) = Store::open(dir.path(), "0a", u64::MAX).unwrap();
    assert!(lost.is_empty());
    fs::write(store.asset("h1"), "patients").unwrap();
    fs::write(store.boot.join("log/entries.jsonl"), "{}\n").unwrap();
    drop(store);
    let (_, lost) = Store::open(dir.path(), "0b", u64::MAX).unwrap();
    assert_eq!(lost, [LostBoot { boot: "0a".to_owned(), entries: 0 }]);
    assert!(!dir.path().join("boot/0a").exists());
    assert_eq!(fs::read_to_string(dir.path().join("past/0a/entries.jsonl")).unwrap(), "{}\n");
}

#[test]
fn what_is_made_is_readable_by_its_user_only() {
    let dir = private();
    let (store, _) = Store::open(dir.path(), "0a", u64::MAX).unwrap();
    let file = create_private(&store.partial("h1")).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    for part in CONTENTS {
        assert_eq!(fs::metadata(store.boot.join(part)).unwrap().permissions().mode() & 0o777, 0o700, "{part}");
    }
    assert!(create_private(&store.partial("h1")).is_err(), "an existing file was opened");
}

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
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

/// From now on the kernel has no disk to give ahead to this thread.
fn full_disk() {
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let error = SeccompAction::Errno(libc::ENOSPC.cast_unsigned());
    let refuse = [(libc::SYS_fallocate, vec![])].into();
    let program: BpfProgram =
        SeccompFilter::new(refuse, SeccompAction::Allow, error, arch).unwrap().try_into().unwrap();
    apply_filter(&program).unwrap();
}

fn log(dir: &TempDir) -> LogFile {
    LogFile::over(dir.path().to_owned(), create_private(&dir.path().join(ENTRIES)).unwrap())
}

#[test]
fn a_full_disk_has_room_for_the_last_entries_when_it_has_none_for_others() {
    let dir = private();
    let mut log = log(&dir);
    let entry = vec![b'x'; 30 << 10];
    log.append(&entry, Place::Ordinary).unwrap();
    full_disk();
    let taken = (0..100).take_while(|_| log.append(&entry, Place::Ordinary).is_ok()).count();
    assert!(taken > 10 && taken < 100, "{taken}");
    log.append(&entry, Place::Last).unwrap();
    let error = log.append(&entry, Place::Ordinary).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    log.append(&entry, Place::Last).unwrap();
    let length = fs::metadata(dir.path().join(ENTRIES)).unwrap().len();
    assert_eq!(length, (taken as u64 + 3) * (entry.len() as u64 + 1));
}

#[test]
fn what_a_log_has_ahead_is_given_back_when_it_ends() {
    use std::os::unix::fs::MetadataExt;
    let dir = private();
    let mut log = log(&dir);
    log.append(b"{}", Place::Ordinary).unwrap();
    let taken = || fs::metadata(dir.path().join(ENTRIES)).unwrap().blocks() * 512;
    assert!(taken() >= 1 << 20, "{}", taken());
    drop(log);
    assert!(taken() < 1 << 16, "{}", taken());
    assert_eq!(fs::read(dir.path().join(ENTRIES)).unwrap(), b"{}\n");
}

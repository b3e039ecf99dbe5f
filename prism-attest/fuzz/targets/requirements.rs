//! Locks with their markers, wheels' names, `RECORD`s and entry points: what is read names nothing outside.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::requirements::{
    FileHash, Libc, LibcKind, Lock, Marker, Record, RecordHash, RecordLine, Target, WheelName, entry_points, normalized,
    record_text,
};

fn target() -> Target {
    Target {
        full_version: "3.11.7".to_owned(),
        implementation: "cpython".to_owned(),
        abi: Some("cp311".to_owned()),
        machine: "x86_64".to_owned(),
        libc: Some(Libc { kind: LibcKind::Glibc, major: 2, minor: 36 }),
    }
}

/// The digest of a line that is written as it was read.
fn short(line: &RecordLine) -> Option<FileHash> {
    match line.hash {
        Some(RecordHash::Sha256(hash)) => Some(hash),
        _ => None,
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(lock) = Lock::read(text) {
        assert!(lock.packages().iter().all(|package| !package.hashes().is_empty()));
        let _ = lock.packages_for(&target());
    }
    if let Ok(marker) = Marker::read(text) {
        let _ = marker.holds_for(&target());
    }
    if let Ok(wheel) = WheelName::read(text) {
        assert!(!text.contains(['/', '\\', '\0']), "a name is one file's");
        assert_eq!(normalized(wheel.name()).as_deref(), Some(wheel.name()));
        let _ = wheel.rank(&target());
    }
    if let Ok(record) = Record::read(text) {
        let lines = record.into_lines();
        let written = record_text(lines.iter().map(|line| (line.path.as_str(), short(line).map(|hash| (hash, 1)))));
        let again = Record::read(&written).map(Record::into_lines).unwrap_or_default();
        assert!(lines.iter().map(|line| (&line.path, short(line))).eq(again.iter().map(|line| (&line.path, short(line)))));
    }
    if let Ok(programs) = entry_points::read(text) {
        assert!(programs.iter().all(|program| !program.name.contains('/') && !program.name.starts_with('.')));
    }
});

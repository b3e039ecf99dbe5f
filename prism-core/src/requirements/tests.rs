//! Whatever is read, is read to its end: nothing panics, and nothing that is taken names a place outside.

use proptest::prelude::*;

use super::*;

/// Pieces of real texts, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("numpy==2.4.6".to_owned()),
        Just(" --hash=sha256:".to_owned()),
        Just("ab".repeat(32)),
        Just(" ; python_version >= \"3.11\"".to_owned()),
        Just("sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU".to_owned()),
        Just("-1.0-py3-none-any.whl".to_owned()),
        Just("<a href=\"".to_owned()),
        Just("[console_scripts]\nx = a:b\n".to_owned()),
        "[,\"'()\\\\/.\n\r #;<>=&%-]{1,4}",
        "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in pieces()) {
        let target = Target::example();
        if let Ok(lock) = Lock::read(&text) {
            prop_assert!(lock.packages().iter().all(|package| !package.hashes().is_empty()));
            let _ = lock.packages_for(&target);
        }
        if let Ok(marker) = Marker::read(&text) {
            let _ = marker.holds_for(&target);
        }
        if let Ok(wheel) = WheelName::read(&text) {
            prop_assert!(!text.contains(['/', '\\', '\n']), "a name is one file's");
            let _ = wheel.rank(&target);
        }
        if let Ok(record) = Record::read(&text) {
            let lines = record.into_lines();
            let short = |line: &RecordLine| match line.hash {
                Some(RecordHash::Sha256(hash)) => Some(hash),
                _ => None,
            };
            let written = record_text(lines.iter().map(|line| (line.path.as_str(), short(line).map(|hash| (hash, 1)))));
            let again = Record::read(&written).unwrap().into_lines();
            prop_assert!(lines.iter().map(|line| (&line.path, short(line))).eq(again.iter().map(|line| (&line.path, short(line)))));
        }
        for program in entry_points::read(&text).unwrap_or_default() {
            prop_assert!(!program.name.contains('/') && !program.name.starts_with('.'));
        }
        for form in [PageForm::Json, PageForm::Html] {
            let _ = IndexPage::read(form, text.as_bytes());
        }
    }
}

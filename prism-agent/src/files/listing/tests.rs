#![expect(clippy::print_stderr, reason = "a test says what it skips")]

use std::fs;
use std::process::{Command, Stdio};

use prism_core::code::{Code, Coded};

use super::*;

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn listing(entries: &[(&str, &[u8])]) -> Listing {
    let mut entries: Vec<_> = entries.iter().map(|(name, it)| ((*name).to_owned(), Digest::sha256(it))).collect();
    entries.sort();
    Listing(entries)
}

fn text(listing: &Listing) -> String {
    let mut text = Vec::new();
    listing.write(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    let odd =
        listing(&[("a b", b"1"), (" c ", b"2"), ("d\\e\nf\rg", b"3"), ("*h", b"4"), ("caf\u{e9}/\u{1f600}", b"")]);
    assert_eq!(Listing::read(text(&odd).as_bytes()).unwrap(), odd);
    assert_eq!(Listing::read(&b""[..]).unwrap(), Listing::default());
    assert_eq!(text(&Listing::default()), "");
}

#[test]
fn sha256sum_writes_the_same_and_accepts_it() {
    let there = Command::new("sha256sum").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("skipped: sha256sum is not installed");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let files: [(&str, &[u8]); 5] =
        [("COVID 1.png", b"1"), ("caf\u{e9}", b""), ("back\\slash", b"3"), ("line\nbreak", b"4"), ("return\rs", b"5")];
    for (name, content) in files {
        fs::write(place.path().join(name), content).unwrap();
    }
    let ours = listing(&files);
    let sum = |arguments: &[&str]| {
        let output = Command::new("sha256sum").args(arguments).current_dir(place.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let names: Vec<&str> = ours.iter().map(|(name, _)| name).collect();
    assert_eq!(String::from_utf8(sum(&names)).unwrap(), text(&ours));
    let listed = place.path().join("listing");
    fs::write(&listed, text(&ours)).unwrap();
    sum(&["--check", "--strict", "--quiet", "listing"]);
    for mode in ["--text", "--binary"] {
        let dotted: Vec<String> = names.iter().rev().map(|name| format!("./{name}")).collect();
        let arguments: Vec<&str> = std::iter::once(mode).chain(dotted.iter().map(String::as_str)).collect();
        assert_eq!(Listing::read(sum(&arguments).as_slice()).unwrap(), ours, "{mode}");
    }
}

#[test]
fn a_line_that_is_not_one_of_sha256sum_is_refused_by_its_number() {
    let good = format!("{ABC}  a\n");
    for (bad, expected) in [
        ("\n".to_owned(), LineFault::Form),
        (format!("{ABC}  \n"), LineFault::Form),
        (format!("{ABC} a\n"), LineFault::Form),
        (format!("{ABC}\ta\n"), LineFault::Form),
        (format!("{}  a\n", ABC.to_uppercase()), LineFault::Form),
        (format!("{}  a\n", &ABC[1..]), LineFault::Form),
        (format!("{ABC}0  a\n"), LineFault::Form),
        (format!("sha256:{ABC}  a\n"), LineFault::Form),
        (format!("SHA256 (a) = {ABC}\n"), LineFault::Form),
        (format!("# {ABC}  a\n"), LineFault::Form),
        (format!("{ABC}  a"), LineFault::End),
        (format!("{ABC}  a\r\n"), LineFault::End),
        (format!("{ABC}  {}\n", "a".repeat(9000)), LineFault::End),
        (format!("\\{ABC}  a\\tb\n"), LineFault::Escape),
        (format!("\\{ABC}  a\\\n"), LineFault::Escape),
    ] {
        let error = Listing::read(format!("{good}{bad}").as_bytes()).unwrap_err();
        let named = matches!(&error, ListingError::Line { number: 2, fault } if *fault == expected);
        assert!(named && error.code() == Code::FileMalformed, "{bad:?}: {error}");
    }
    let latin = [ABC.as_bytes(), b"  caf\xe9\n"].concat();
    let error = Listing::read(latin.as_slice()).unwrap_err();
    assert!(matches!(error, ListingError::Line { number: 1, fault: LineFault::NotText }), "{error}");
}

#[test]
fn a_file_that_is_listed_twice_is_refused_and_so_are_more_than_a_folder_holds() {
    let twice = Listing::read(format!("{ABC}  b\n{ABC}  a\n{ABC}  ./b\n").as_bytes()).unwrap_err();
    assert!(matches!(&twice, ListingError::Twice { name } if name == "b"), "{twice}");
    let three = format!("{ABC}  a\n{ABC}  b\n{ABC}  c\n");
    assert_eq!(Listing::read_within(three.as_bytes(), 3).unwrap().iter().len(), 3);
    let many = Listing::read_within(three.as_bytes(), 2).unwrap_err();
    assert!(matches!(many, ListingError::TooMany { limit: 2 }) && many.code() == Code::FileMalformed, "{many}");
}

#[test]
fn files_are_added_removed_or_changed() {
    let agreed = listing(&[("a", b"1"), ("b", b"2"), ("c/d", b"3"), ("e", b"4")]);
    let found = listing(&[("A", b"1"), ("a", b"1"), ("b", b"other"), ("e", b"4"), ("f", b"2")]);
    let differences = agreed.compare(&found);
    assert_eq!(differences.changed.first(), ["b"]);
    assert_eq!(differences.added.first(), ["A", "f"]);
    assert_eq!(differences.removed.first(), ["c/d"]);
    assert_eq!((differences.count(), differences.is_empty()), (4, false));
    let text = "changed  \"b\"\nadded    \"A\"\nadded    \"f\"\nremoved  \"c/d\"";
    assert_eq!(differences.to_string(), text);
    let reverse = found.compare(&agreed);
    assert_eq!((&reverse.added, &reverse.removed), (&differences.removed, &differences.added));
    assert!(agreed.compare(&agreed).is_empty());
}

#[test]
fn of_many_differences_the_first_twenty_are_named_and_none_drives_the_terminal() {
    let names: Vec<String> = (0..23).map(|n| format!("{n:02}\u{1b}[2J\u{202e}\nx")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let differences = Listing::default().compare(&listing(&entries));
    assert_eq!((differences.added.first().len(), differences.added.count(), differences.added.more()), (20, 23, 3));
    let text = differences.to_string();
    assert_eq!(text.lines().count(), 21);
    assert!(text.ends_with("added    and 3 more"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
}

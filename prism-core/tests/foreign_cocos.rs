//! The archives that Cocos AI makes of directories, byte for byte: its own, and those of the Go package that it uses.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise and says what it skips"
)]

use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prism_core::archive::{Hashing, Packer};
use prism_core::digest::{Digest, Hasher};

/// Names and sizes; the content is zeros.
type Files = Vec<(String, u64)>;

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packer = Packer::cocos(Vec::new());
    for (name, mut content) in files.iter().copied() {
        packer.file(name, &mut content).unwrap();
    }
    packer.finish().unwrap()
}

fn vector(name: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let path = std::env::var_os("PRISM_VECTORS").map_or(beside, PathBuf::from).join("cocos").join(name);
    let found = std::fs::read(&path).ok();
    if found.is_none() {
        eprintln!("skipped: {} is not there", path.display());
    }
    found
}

#[test]
fn the_archive_that_cocos_made_in_utc_is_made_again() {
    let files = [("a.csv", b"a,b\n1,2\n".as_slice()), ("sub/b.txt", b"hello")];
    let ours = packed(&files);
    // Their tool's own word for it, so that the test says something where the vectors are not at hand.
    let mut hasher = Hasher::sha3_256();
    hasher.update(&ours);
    assert_eq!(hasher.finish().to_hex(), "c467d5e58012e64ca2f888e7abdaf0bacc05108a3eccfb66cc0f5510e718ed50");
    if let Some(theirs) = vector("dir_utc_0644.zip") {
        assert_eq!(ours, theirs);
    }
    // Another zone or another mode of a file: another archive of the same files.
    for name in ["dir_newyork_0644.zip", "dir_utc_a0600.zip"] {
        if let Some(theirs) = vector(name) {
            assert_ne!(ours, theirs, "{name}");
            assert_eq!(ours.len(), theirs.len(), "{name}");
        }
    }
}

/// Writes an archive as Cocos does of files of zeros, whose sizes and names are the lines of its input, and prints the
/// archive's SHA-256.
const GO: &str = r#"
package main

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	digest := sha256.New()
	archive := zip.NewWriter(digest)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		size, name, _ := strings.Cut(lines.Text(), " ")
		var length int64
		fmt.Sscan(size, &length)
		header := &zip.FileHeader{Name: name, Method: zip.Store, Modified: time.Unix(0, 0)}
		header.SetMode(0o644)
		entry, err := archive.CreateHeader(header)
		check(err)
		_, err = io.CopyN(entry, zeros{}, length)
		check(err)
	}
	check(archive.Close())
	fmt.Printf("%x", digest.Sum(nil))
}
"#;

/// The SHA-256 of what Go makes of the files; nothing where there is no Go.
fn by_go(cases: &[Files]) -> Option<Vec<String>> {
    let there = Command::new("go").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("skipped: go is not installed");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("go-{}-{}", std::process::id(), cases.len()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("zeros.go"), folder.join("zeros"));
    std::fs::write(&source, GO).unwrap();
    let built = Command::new("go").args(["build", "-o"]).args([&program, &source]).env("GOTOOLCHAIN", "local").output();
    let built = built.unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let found = cases.iter().map(|files| digest_by(&program, files)).collect();
    std::fs::remove_dir_all(&folder).unwrap();
    Some(found)
}

fn digest_by(program: &Path, files: &Files) -> String {
    let mut go = Command::new(program);
    let mut go = go.env("TZ", "UTC").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufWriter::new(go.stdin.take().unwrap());
    for (name, size) in files {
        writeln!(lines, "{size} {name}").unwrap();
    }
    drop(lines);
    let output = go.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn by_us(files: &Files) -> Digest {
    let mut packer = Packer::cocos(Hashing::new(io::sink(), Hasher::sha256()));
    for (name, size) in files {
        packer.file(name, &mut io::repeat(0).take(*size)).unwrap();
    }
    packer.finish().unwrap().finish().0
}

fn agree(cases: &[Files]) {
    let Some(theirs) = by_go(cases) else { return };
    for (files, theirs) in cases.iter().zip(theirs) {
        let names: Vec<_> = files.iter().take(20).collect();
        assert_eq!(by_us(files).to_hex(), theirs, "{} files: {names:?}", files.len());
    }
}

#[test]
fn go_makes_the_same_archive() {
    let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), name.len() as u64)).collect::<Files>();
    let numbered = |count: u32| (0..count).map(|n| (format!("{n:06}"), 0)).collect::<Files>();
    agree(&[
        Files::new(),
        named(&["A b", "a-b", "a.txt", "a/b", "a/c/d", "b{}", "caf\u{e9}", "x\u{fffd}", "\u{1f600}.png"]),
        // Go marks a name with a tilde as UTF-8.
        named(&["a", "b~", "c"]),
        vec![("empty".to_owned(), 0), ("large".to_owned(), 3_000_000)],
        // The number of files that no longer fits.
        numbered(0xfffe),
        numbered(0xffff),
    ]);
}

#[test]
#[ignore = "hashes 12 GiB twice"]
fn go_makes_the_same_archive_beyond_four_gibibytes() {
    const NARROW_MAX: u64 = u32::MAX as u64;
    let files = |sizes: &[u64]| sizes.iter().enumerate().map(|(n, size)| (format!("f{n}"), *size)).collect::<Files>();
    agree(&[files(&[NARROW_MAX - 1, 5]), files(&[NARROW_MAX, 5]), files(&[NARROW_MAX - 57, 5])]);
}

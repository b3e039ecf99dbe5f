//! Digests of files and of folders, against the bare digest over the same reads: everything is in the page cache, every
//! figure is processor time, user and system together, as the median of several rounds.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement stops at the first surprise and prints")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{self, Context};
use prism_agent::files::{Source, measure_file};
use prism_benches::Turns;
use prism_core::digest::Hasher;

/// Bytes that the bare digest reads at a time: more or fewer are no faster here.
const STEP: usize = 256 * 1024;
const LARGE: usize = 256 << 20;
const FOLDERS: usize = 20;
const FILES: usize = 1000;
const SMALL: usize = 16 * 1024;

/// What the floor is: open, read to the end, close, and the digest of `aws-lc-rs` over what was read.
fn bare(paths: &[PathBuf]) {
    let (mut context, mut buffer) = (Context::new(&digest::SHA256), vec![0; STEP]);
    for path in paths {
        let mut file = File::open(path).unwrap();
        loop {
            match file.read(&mut buffer).unwrap() {
                0 => break,
                read => context.update(&buffer[..read]),
            }
        }
    }
    black_box(context.finish());
}

fn source(path: &Path) {
    black_box(Source::open(path).unwrap().measure(Hasher::sha256(), &mut |_| {}).unwrap());
}

fn large(place: &Path) {
    let path = place.join("large");
    fs::write(&path, vec![7; LARGE]).unwrap();
    let paths = [path.clone()];
    println!("one file of {} MiB", LARGE >> 20);
    let mut turns = Turns::default();
    turns.add("read and SHA-256, bare", || bare(&paths));
    turns.add("measure_file", || {
        black_box(measure_file(&path, Hasher::sha256(), &mut |_| {}).unwrap());
    });
    turns.add("Source::measure", || source(&path));
    report(turns);
}

fn many(place: &Path) {
    let root = place.join("folder");
    let content: Vec<u8> = (0..SMALL).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let mut paths = Vec::new();
    for folder in 0..FOLDERS {
        let folder = root.join(format!("hospital-1/class-{folder:02}"));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..FILES {
            paths.push(folder.join(format!("patient-{file:05}.png")));
            fs::write(paths.last().unwrap(), &content).unwrap();
        }
    }
    println!("{} files of {} KiB", paths.len(), SMALL >> 10);
    let mut turns = Turns::default();
    turns.add("open, read and SHA-256 of each file, bare", || bare(&paths));
    turns.add("walk, archive and SHA-256 of a folder", || source(&root));
    turns.add("the same, with the SHA-256 of each file besides", || {
        let source = Source::open(&root).unwrap();
        black_box(source.folder().unwrap().measure_and_list(Hasher::sha256(), &mut |_| {}).unwrap());
    });
    report(turns);
}

/// The first way is the floor.
fn report(turns: Turns<'_>) {
    let took = turns.measure();
    print!("{took}");
    println!("  {:.2} and {:.2} of the first\n", took[1].over(took[0]), took[2].over(took[0]));
}

fn main() {
    // `cargo test --benches` only wants to know that it builds and starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    large(place.path());
    many(place.path());
}

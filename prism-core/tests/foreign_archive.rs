//! Other tools read what Prism packs, and Prism unpacks what other tools make.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops at the first surprise and says what it skips"
)]

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read as _, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prism_core::archive::{Limits, Packer, SafePath, Sink, Summary, unpack};

type Files = BTreeMap<String, Vec<u8>>;

fn files() -> Files {
    let large: Vec<u8> = (0..200_000_u32).flat_map(|n| (n % 1000).to_le_bytes()).collect();
    [
        ("a.txt", b"hello\n".to_vec()),
        ("folder/caf\u{e9}.csv", b"1,2,3\n".repeat(50)),
        ("folder/empty", Vec::new()),
        ("folder/large", large),
        ("folder/nested/zeros", vec![0; 5000]),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .into()
}

fn packed(files: &Files) -> Vec<u8> {
    let mut packer = Packer::new(Vec::new());
    for (name, content) in files {
        packer.file(name, &mut content.as_slice()).unwrap();
    }
    packer.finish().unwrap()
}

#[derive(Default)]
struct Memory(Files);

impl Sink for Memory {
    fn directory(&mut self, _: &SafePath) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, path: &SafePath, _: u64) -> io::Result<Box<dyn Write + '_>> {
        Ok(Box::new(self.0.entry(path.to_string()).or_default()))
    }
}

fn unpacked(archive: &[u8]) -> (Summary, Files) {
    let mut memory = Memory::default();
    let summary = unpack(Cursor::new(archive), &Limits::default(), &mut memory).unwrap();
    (summary, memory.0)
}

fn present(tool: &str, argument: &str) -> bool {
    let ran = Command::new(tool).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let present = ran.is_ok_and(|status| status.success());
    if !present {
        eprintln!("skipped: {tool} is not installed");
    }
    present
}

/// A directory of one test, gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes the files and, when asked for, an empty directory.
    fn fill(&self, files: &Files) -> PathBuf {
        let root = self.path("in");
        for (name, content) in files {
            std::fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
            std::fs::write(root.join(name), content).unwrap();
        }
        std::fs::create_dir_all(root.join("folder/no files")).unwrap();
        root
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn unzip_reads_what_was_packed() {
    if !present("unzip", "-v") {
        return;
    }
    let scratch = Scratch::new("unzip");
    let archive = scratch.path("packed.zip");
    std::fs::write(&archive, packed(&files())).unwrap();
    run(Command::new("unzip").arg("-tq").arg(&archive));
    run(Command::new("unzip").arg("-q").arg(&archive).arg("-d").arg(scratch.path("out")));
    for (name, content) in files() {
        let mut found = Vec::new();
        // Opening also shows that files without a mode come out readable.
        std::fs::File::open(scratch.path("out").join(&name)).unwrap().read_to_end(&mut found).unwrap();
        assert_eq!(found, content, "{name}");
    }
}

/// A file that leaves holes for zeros, so that gigabytes of them take no room.
struct Holes(std::fs::File);

impl Write for Holes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > 4096 && bytes.iter().all(|byte| *byte == 0) {
            self.0.seek_relative(i64::try_from(bytes.len()).unwrap())?;
            return Ok(bytes.len());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
#[ignore = "reads more than 4 GiB twice"]
fn unzip_and_python_read_what_is_beyond_four_gibibytes() {
    let scratch = Scratch::new("large");
    let archive = scratch.path("packed.zip");
    let mut packer = Packer::new(Holes(std::fs::File::create(&archive).unwrap()));
    packer.file("large", &mut io::repeat(0).take((1 << 32) + 5)).unwrap();
    packer.file("small", &mut b"after it".as_slice()).unwrap();
    packer.finish().unwrap();
    run(Command::new("unzip").arg("-tq").arg(&archive));
    run(Command::new("python3").args(["-c", PYTHON_READ_SMALL]).arg(&archive));
}

const PYTHON_READ_SMALL: &str = "
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    assert archive.read('small') == b'after it'
    assert archive.getinfo('large').file_size == 2**32 + 5
";

const PYTHON_READ: &str = "
import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    for entry in archive.infolist():
        print(hashlib.sha256(archive.read(entry)).hexdigest(), entry.filename)
";

#[test]
fn python_reads_what_was_packed() {
    if !present("python3", "--version") {
        return;
    }
    let scratch = Scratch::new("python-read");
    let archive = scratch.path("packed.zip");
    std::fs::write(&archive, packed(&files())).unwrap();
    let found = run(Command::new("python3").env("PYTHONUTF8", "1").args(["-c", PYTHON_READ]).arg(&archive));
    let line = |(name, content): (&String, &Vec<u8>)| {
        format!("{} {name}\n", prism_core::digest::Digest::sha256(content).to_hex())
    };
    assert_eq!(String::from_utf8(found).unwrap(), files().iter().map(line).collect::<String>());
}

/// Writes a file with every method, in every way in which the module can; argument: archive, then folder.
const PYTHON_WRITE: &str = "
import os, sys, zipfile
target, root = sys.argv[1:]
with zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as archive:
    for here, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(here, name)
            if name == 'large':
                with archive.open(os.path.relpath(path, root), 'w', force_zip64=True) as entry:
                    entry.write(open(path, 'rb').read())
            else:
                archive.write(path, os.path.relpath(path, root))
    archive.comment = b'made by a test'
";

const PYTHON_STREAM: &str = "
import os, sys, zipfile
target, root = sys.argv[1:]
class Pipe:
    def __init__(self, file): self.file = file
    def write(self, data): return self.file.write(data)
    def flush(self): self.file.flush()
with open(target, 'wb') as file, zipfile.ZipFile(Pipe(file), 'w', zipfile.ZIP_DEFLATED) as archive:
    for here, folders, names in os.walk(root):
        for name in names:
            path = os.path.join(here, name)
            archive.write(path, os.path.relpath(path, root))
";

#[test]
fn what_python_packed_is_unpacked() {
    if !present("python3", "--version") {
        return;
    }
    for (program, directories) in [(PYTHON_WRITE, 3), (PYTHON_STREAM, 2)] {
        let scratch = Scratch::new("python-write");
        let (root, target) = (scratch.fill(&files()), scratch.path("made.zip"));
        run(Command::new("python3").env("PYTHONUTF8", "1").args(["-c", program]).arg(&target).arg(&root));
        let (summary, found) = unpacked(&std::fs::read(&target).unwrap());
        assert_eq!((found, summary.directories), (files(), directories));
    }
}

#[test]
fn what_info_zip_packed_is_unpacked() {
    if !present("zip", "-v") {
        return;
    }
    for options in
        [["-r", "-q"].as_slice(), &["-r", "-q", "-0"], &["-r", "-q", "-fd"], &["-r", "-q", "-fz"], &["-r", "-q", "-X"]]
    {
        let scratch = Scratch::new("info-zip");
        let (root, target) = (scratch.fill(&files()), scratch.path("made.zip"));
        run(Command::new("zip").current_dir(&root).args(options).arg(&target).arg("."));
        let (_, found) = unpacked(&std::fs::read(&target).unwrap());
        assert_eq!(found, files(), "{options:?}");
        // To a pipe, where nothing can be mended afterwards; there Info-ZIP itself forgets ZIP64 end records.
        if options.contains(&"-fz") {
            continue;
        }
        let streamed = run(Command::new("zip").current_dir(&root).args(options).args(["-", "."]));
        assert_eq!(unpacked(&streamed).1, files(), "{options:?} to a pipe");
    }
}

#[test]
fn what_java_packed_is_unpacked() {
    if !present("jar", "--version") {
        return;
    }
    for options in ["cfM", "cf0M"] {
        let scratch = Scratch::new("java");
        let (root, target) = (scratch.fill(&files()), scratch.path("made.jar"));
        run(Command::new("jar").current_dir(&root).arg(options).arg(&target).arg("."));
        assert_eq!(unpacked(&std::fs::read(&target).unwrap()).1, files(), "{options}");
    }
}

/// Reads archives in hex, one a line, and prints each one's names and contents, or an empty line.
const PYTHON_JUDGE: &str = "
import io, sys, zipfile
for line in sys.stdin:
    try:
        with zipfile.ZipFile(io.BytesIO(bytes.fromhex(line))) as archive:
            print(' '.join(e.filename.encode().hex() + ':' + archive.read(e).hex() for e in archive.infolist()))
    except Exception:
        print('refused')
";

#[test]
fn whatever_is_unpacked_has_only_one_meaning() {
    if !present("python3", "--version") {
        return;
    }
    let files: Files = [("a", b"first".to_vec()), ("b/c", b"second".to_vec())].map(|(n, c)| (n.to_owned(), c)).into();
    let good = packed(&files);
    let mutants = (0..good.len()).flat_map(|at| {
        let good = &good;
        [0x01, 0x08, 0x80, 0xff].map(move |bits| {
            let mut mutant = good.clone();
            mutant[at] ^= bits;
            mutant
        })
    });
    let mut accepted = Vec::new();
    for mutant in mutants {
        let mut memory = Memory::default();
        if unpack(Cursor::new(&mutant), &Limits::default(), &mut memory).is_ok() {
            accepted.push((mutant, memory.0));
        }
    }
    assert!(!accepted.is_empty(), "times and attributes do not matter");
    let mut python = Command::new("python3")
        .args(["-c", PYTHON_JUDGE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    let lines: String = accepted.iter().map(|(mutant, _)| hex::encode(mutant) + "\n").collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap();
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(theirs.lines().count(), accepted.len());
    for ((mutant, ours), theirs) in accepted.iter().zip(theirs.lines()) {
        let text: Vec<String> = ours.iter().map(|(n, c)| format!("{}:{}", hex::encode(n), hex::encode(c))).collect();
        assert!(theirs == text.join(" ") || theirs == "refused", "{}: {theirs}", hex::encode(mutant));
    }
}

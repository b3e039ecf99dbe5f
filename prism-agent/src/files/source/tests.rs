use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use prism_core::digest::{Digest, Hasher};
use tempfile::TempDir;

use super::super::{FileError, Folder, ReadAt, Source, pipe, write_atomic};

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn sample(root: &Path) {
    for (name, text) in [("a/b.txt", "one"), ("a-b.txt", "two"), ("a/c/d.txt", "three"), ("z.txt", "")] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn a_folder_packs_the_same_whatever_its_times_modes_and_empty_directories() {
    let (one, two) = (place(), place());
    sample(one.path());
    sample(two.path());
    chmod(&two.path().join("z.txt"), 0o755);
    fs::File::open(two.path().join("z.txt")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::create_dir(two.path().join("empty")).unwrap();
    let digest = |dir: &TempDir| Source::open(dir.path()).unwrap().measure(Hasher::sha256(), &mut |_| {}).unwrap();
    assert_eq!(digest(&one), digest(&two));
    assert_eq!(Folder::open(one.path()).unwrap().names(), ["a-b.txt", "a/b.txt", "a/c/d.txt", "z.txt"]);

    fs::write(two.path().join("z.txt"), "x").unwrap();
    assert_ne!(digest(&one), digest(&two));
}

#[test]
fn a_link_in_a_folder_is_refused_by_name() {
    let dir = place();
    sample(dir.path());
    symlink("/etc/passwd", dir.path().join("a/link")).unwrap();
    let error = Folder::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("a/link") && error.to_string().contains("symbolic link"), "{error}");
}

/// What a host program holds.
struct Shelf(Vec<u8>);

impl ReadAt for Shelf {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = &self.0[usize::try_from(offset).unwrap().min(self.0.len())..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

#[test]
fn every_kind_of_source_gives_the_same_bytes_from_any_offset() {
    let dir = place();
    let folder = dir.path().join("folder");
    sample(&folder);
    fs::write(folder.join("large"), vec![3; 3 << 20]).unwrap();
    let packed = Folder::open(&folder).unwrap().pack(Vec::new()).unwrap();
    let file = dir.path().join("packed.zip");
    fs::write(&file, &packed).unwrap();
    let sources = [
        Source::open(&folder).unwrap(),
        Source::open(&file).unwrap(),
        Source::from_bytes(packed.clone()),
        Source::from_host(Arc::new(Shelf(packed.clone()))),
    ];
    for source in sources {
        let measured = source.measure(Hasher::sha256(), &mut |_| {}).unwrap();
        assert_eq!((measured.digest, measured.size), (Digest::sha256(&packed), packed.len() as u64));
        for offset in [0, 1, packed.len() / 2, packed.len()] {
            let mut tail = Vec::new();
            source.reader(offset as u64).unwrap().read_to_end(&mut tail).unwrap();
            assert!(tail == packed[offset..], "offset {offset} of {source:?}");
        }
    }
}

#[test]
fn a_folder_that_loses_a_file_while_it_is_read_is_an_error_and_not_a_short_stream() {
    let dir = place();
    sample(dir.path());
    let source = Source::open(dir.path()).unwrap();
    fs::remove_file(dir.path().join("z.txt")).unwrap();
    let error = source.reader(0).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("z.txt"), "{error}");
}

#[test]
fn a_writer_that_vanishes_is_an_error_at_the_reading_end() {
    let (mut writer, mut reader) = pipe::pipe();
    writer.write_all(b"half").unwrap();
    writer.flush().unwrap();
    drop(writer);
    let mut got = Vec::new();
    assert_eq!(reader.read_to_end(&mut got).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(got, b"half");
}

#[test]
fn an_open_file_is_what_is_sent_even_when_its_name_goes_to_another() {
    let dir = place();
    let path = dir.path().join("data");
    fs::write(&path, b"agreed").unwrap();
    let source = Source::open(&path).unwrap();
    write_atomic(&path, b"forged").unwrap();
    let mut sent = String::new();
    source.reader(0).unwrap().read_to_string(&mut sent).unwrap();
    assert_eq!(sent, "agreed");
}

#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    let dir = place();
    let path = dir.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    assert!(matches!(Source::open(&path), Err(FileError::NotRegular { found: "a named pipe", .. })));
    assert!(matches!(Folder::open(dir.path()), Err(FileError::NotRegular { found: "a named pipe", .. })));
}

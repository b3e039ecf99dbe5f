use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use prism_core::archive::{PackError, PathError};
use prism_core::code::{Code, Coded};
use prism_core::digest::{Digest, Hasher};
use tempfile::TempDir;

use super::super::{Change, FileError, Folder, Measured};

/// More than is read at a time, so that a file can change while it is read.
const LARGE: usize = 1 << 20;

/// What is done to the file at a path.
type Deed = fn(&Path);

fn large(byte: u8) -> Vec<u8> {
    vec![byte; LARGE]
}

fn place(files: &[(&str, &[u8])]) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    for (name, content) in files {
        put(place.path(), name, content);
    }
    place
}

fn put(root: &Path, name: &str, content: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn measured(root: &Path) -> Measured {
    Folder::open(root).unwrap().measure(Hasher::sha256(), &mut |_| {}).unwrap()
}

/// Takes everything, and does something when the first bytes have come that contain what it waits for.
struct Meddler<'a> {
    signal: &'a [u8],
    deed: Option<Box<dyn FnOnce() + 'a>>,
}

impl<'a> Meddler<'a> {
    fn new(signal: &'a str, deed: impl FnOnce() + 'a) -> Self {
        Self { signal: signal.as_bytes(), deed: Some(Box::new(deed)) }
    }
}

impl Write for Meddler<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.windows(self.signal.len()).any(|window| window == self.signal)
            && let Some(deed) = self.deed.take()
        {
            deed();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        assert!(self.deed.is_none(), "nothing was done");
        Ok(())
    }
}

/// What becomes of packing `place` if `deed` is done as soon as the header of the file `at` is written.
fn meddled<'a>(place: &'a Path, at: &'a str, deed: impl FnOnce() + 'a) -> FileError {
    let folder = Folder::open(place).unwrap();
    let Err(error) = folder.pack(Meddler::new(at, deed)) else { panic!("the change was not noticed") };
    error
}

#[test]
fn a_file_that_grows_or_shrinks_while_it_is_read_is_refused_by_name() {
    let place = place(&[("a", b"1"), ("b", &large(7)), ("c", b"3")]);
    let path = place.path().join("b");
    let resize = |length: usize| File::options().write(true).open(&path).unwrap().set_len(length as u64).unwrap();
    for now in [2 * LARGE, LARGE + 1, LARGE / 2, 0] {
        resize(LARGE);
        let error = meddled(place.path(), "b", || resize(now));
        let FileError::Changed { path: named, change: Change::Size { before, .. } } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((named, *before), (&path, LARGE as u64));
        assert_eq!(error.code(), Code::FileChanged);
    }
}

#[test]
fn what_takes_the_place_of_a_file_is_refused_by_name_and_nothing_waits_for_it() {
    let deeds: [(&str, Deed); 4] = [
        ("a symbolic link", |path| symlink("/etc/passwd", path).unwrap()),
        ("a named pipe", |path| rustix::fs::mkfifoat(rustix::fs::CWD, path, 0o600.into()).unwrap()),
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a socket", |path| drop(UnixListener::bind(path).unwrap())),
    ];
    for (what, deed) in deeds {
        let place = place(&[("a", b"1"), ("f/b", b"2")]);
        let path = place.path().join("f/b");
        let error = meddled(place.path(), "a", || {
            fs::remove_file(&path).unwrap();
            deed(&path);
        });
        let FileError::NotRegular { path: named, found } = &error else { panic!("{what}: {error:?}") };
        assert_eq!((named, *found), (&path, what));
    }
    let place = place(&[("a", b"1"), ("f/b", b"2")]);
    let error = meddled(place.path(), "a", || fs::remove_file(place.path().join("f/b")).unwrap());
    assert!(matches!(&error, FileError::Missing { path } if *path == place.path().join("f/b")), "{error:?}");
}

#[test]
fn nothing_is_read_through_a_link_that_takes_the_place_of_a_folder() {
    let elsewhere = place(&[("f/b", b"2")]);
    let place = place(&[("a", b"1"), ("f/b", b"2"), ("g/c", b"3")]);
    let folder = place.path().join("f");
    let error = meddled(place.path(), "a", || {
        fs::rename(&folder, place.path().join("moved")).unwrap();
        symlink(elsewhere.path().join("f"), &folder).unwrap();
    });
    let FileError::NotRegular { path, found } = &error else { panic!("{error:?}") };
    assert_eq!((path, *found), (&folder, "a symbolic link"));
}

#[test]
fn a_folder_is_itself_whatever_takes_its_name() {
    let place = place(&[("in/a", b"agreed")]);
    let (folder, other) = (place.path().join("in"), place.path().join("other"));
    let expected = measured(&folder);
    let open = Folder::open(&folder).unwrap();
    fs::rename(&folder, &other).unwrap();
    put(place.path(), "in/a", b"forged");
    assert_eq!(open.measure(Hasher::sha256(), &mut |_| {}).unwrap(), expected);
}

#[test]
fn what_the_first_pass_found_the_next_one_has_to_find() {
    let changes: [(&str, Deed); 3] = [
        ("content of the same size at the same time", |path| {
            let before = fs::metadata(path).unwrap().modified().unwrap();
            fs::write(path, b"TWO").unwrap();
            File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
        }),
        ("more", |path| fs::write(path, b"two and more").unwrap()),
        ("less", |path| fs::write(path, b"2").unwrap()),
    ];
    for (what, change) in changes {
        let place = place(&[("a", b"one"), ("f/b", b"two"), ("z", b"three")]);
        let folder = Folder::open(place.path()).unwrap();
        folder.measure(Hasher::sha256(), &mut |_| {}).unwrap();
        change(&place.path().join("f/b"));
        let error = folder.reader(0).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        let error = FileError::io("read", place.path())(error);
        let named = matches!(&error, FileError::Changed { path, .. } if path.ends_with("f/b"));
        assert!(named && error.code() == Code::FileChanged, "{what}: {error:?}");
        assert!(folder.measure(Hasher::sha256(), &mut |_| {}).is_err(), "{what}");
        assert!(Folder::open(place.path()).unwrap().measure(Hasher::sha256(), &mut |_| {}).is_ok(), "{what}");
    }
}

#[test]
fn what_is_the_same_again_has_not_changed() {
    let place = place(&[("a", b"one"), ("f/b", b"two")]);
    let folder = Folder::open(place.path()).unwrap();
    let before = folder.measure(Hasher::sha256(), &mut |_| {}).unwrap();
    let path = place.path().join("f/b");
    fs::remove_file(&path).unwrap();
    put(place.path(), "f/b", b"two");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    put(place.path(), "new", b"not there when the folder was opened");
    assert_eq!(folder.measure(Hasher::sha256(), &mut |_| {}).unwrap(), before);
    assert_eq!(folder.pack(Vec::new()).unwrap().len() as u64, before.size);
}

#[test]
fn what_lies_before_the_offset_is_not_read_again() {
    let place = place(&[("a", &large(1)), ("f/b", b"two"), ("z", &large(3))]);
    let folder = Folder::open(place.path()).unwrap();
    let mut rest = Vec::new();
    folder.reader(LARGE as u64).unwrap().read_to_end(&mut rest).unwrap();
    let whole = folder.pack(Vec::new()).unwrap();
    assert!(rest == whole[LARGE..], "without an earlier pass");
    // What was there already cannot be needed again.
    fs::remove_file(place.path().join("a")).unwrap();
    for offset in [LARGE + 100, LARGE + LARGE / 2, whole.len() - 1, whole.len()] {
        let mut rest = Vec::new();
        folder.reader(offset as u64).unwrap().read_to_end(&mut rest).unwrap();
        assert!(rest == whole[offset..], "{offset}");
    }
    assert!(folder.reader(LARGE as u64).unwrap().read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn only_names_and_contents_count() {
    let holes = large(0);
    let files: [(&str, &[u8]); 4] = [("D/x", b"1"), ("a", b"same"), ("b", b"same"), ("holes", &holes)];
    let one = place(&files);
    let two = place(&[]);
    for (name, content) in files.iter().rev().filter(|(name, _)| !matches!(*name, "b" | "holes")) {
        put(two.path(), name, content);
    }
    fs::hard_link(two.path().join("a"), two.path().join("b")).unwrap();
    let mut sparse = File::create(two.path().join("holes")).unwrap();
    sparse.seek(SeekFrom::Start(LARGE as u64 - 1)).unwrap();
    sparse.write_all(&[0]).unwrap();
    fs::create_dir_all(two.path().join("empty/in/empty")).unwrap();
    for (name, mode) in [("D", 0o700), ("D/x", 0o755), ("a", 0o4711)] {
        fs::set_permissions(two.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    File::open(two.path().join("D/x")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(measured(one.path()), measured(two.path()));
    let cocos = |root: &Path| Folder::open(root).unwrap().measure_cocos(&mut |_| {}).unwrap();
    assert_eq!(cocos(one.path()), cocos(two.path()));
    assert_ne!(cocos(one.path()).size, measured(one.path()).size);
}

#[test]
fn names_that_no_archive_holds_are_refused_before_anything_is_read() {
    let deep = vec!["d"; 33].join("/");
    for (name, rule) in
        [(deep.as_str(), PathError::TooDeep), ("f/a\\b", PathError::Backslash), ("f/a\nb", PathError::Control)]
    {
        let place = place(&[(name, b"1")]);
        let error = Folder::open(place.path()).unwrap_err();
        let FileError::Pack { path, source } = &error else { panic!("{error:?}") };
        assert!(matches!(&**source, PackError::Path { source, .. } if *source == rule), "{name:?}: {source:?}");
        assert!(path.ends_with(name) && error.code() == Code::ArchiveUnsafe);
    }
    let place = place(&[]);
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    fs::write(place.path().join(name), "1").unwrap();
    let error = Folder::open(place.path()).unwrap_err();
    assert!(matches!(&error, FileError::NotText { path } if path.ends_with(name)), "{error:?}");
}

#[test]
fn names_that_some_file_system_takes_for_one_are_refused_with_both() {
    for (one, other) in [("A/x", "a/y"), ("CT.png", "ct.png"), ("cafe\u{301}", "caf\u{e9}")] {
        let place = place(&[(one, b"1"), (other, b"2")]);
        let names = place.path().read_dir().unwrap().count();
        assert_eq!(names, 2, "this file system cannot hold both");
        let error = Folder::open(place.path()).unwrap_err();
        let FileError::Pack { source, .. } = &error else { panic!("{error:?}") };
        let both = matches!(&**source, PackError::Clash { name, other: found } if name == other && found == one);
        assert!(both && error.code() == Code::ArchiveUnsafe, "{source:?}");
    }
}

#[test]
fn files_and_folders_are_counted_together() {
    let place = place(&[("a/b/c", b"1"), ("d", b"2")]);
    assert!(Folder::open_within(place.path(), 4).is_ok());
    let error = Folder::open_within(place.path(), 3).unwrap_err();
    assert!(matches!(&error, FileError::TooMany { limit: 3, .. }), "{error:?}");
    assert_eq!(error.code(), Code::ArchiveTooLarge);
}

#[test]
fn a_listing_is_made_in_the_pass_that_measures() {
    let place = place(&[("a/b", b"one"), ("a-b", b"two"), ("large", &large(9))]);
    let folder = Folder::open(place.path()).unwrap();
    let (sum, listing) = folder.measure_and_list(Hasher::sha256(), &mut |_| {}).unwrap();
    assert_eq!(sum, measured(place.path()));
    let expected = [("a-b", Digest::sha256(b"two")), ("a/b", Digest::sha256(b"one"))];
    assert!(listing.iter().zip(expected).all(|((name, digest), expected)| (name, *digest) == expected));
    assert_eq!(listing.iter().len(), 3);
    assert_eq!(folder.list().unwrap(), listing);
}

#[test]
fn progress_grows_to_the_size_and_is_not_told_every_few_bytes() {
    let place = place(&[("a", &large(1).repeat(3)), ("b", b"2")]);
    let mut heard = Vec::new();
    let sum = Folder::open(place.path()).unwrap().measure(Hasher::sha256(), &mut |n| heard.push(n)).unwrap();
    assert!(heard.is_sorted() && heard.last() == Some(&sum.size), "{heard:?}");
    assert!((3..20).contains(&heard.len()), "{heard:?}");
}

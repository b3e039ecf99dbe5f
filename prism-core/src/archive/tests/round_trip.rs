//! What was packed comes out again; what other tools make is read; what is damaged at random never escapes.

use std::io::{Read, Seek, SeekFrom};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::forge::{Tail, Wide, archive, archive_with, deflated, descriptor, extra, stored, streamed, wide};
use super::*;
use crate::code::{Code, Coded as _};

#[test]
fn the_canonical_form_has_these_bytes() {
    let crc = crc32fast::hash(b"hi").to_le_bytes();
    let head = [45, 0, 8, 8, 0, 0, 0, 0, 33, 0];
    let expected = [
        b"PK\x03\x04".as_slice(),
        &head,
        &[0; 12],
        &[3, 0, 0, 0],
        b"a/b",
        b"hi",
        b"PK\x07\x08",
        &crc,
        &[2, 0, 0, 0, 2, 0, 0, 0],
        b"PK\x01\x02",
        &[45, 3],
        &head,
        &crc,
        &[2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0],
        &[0; 6],
        &[0, 0, 0xa4, 0x81],
        &[0; 4],
        b"a/b",
        b"PK\x05\x06",
        &[0, 0, 0, 0, 1, 0, 1, 0, 49, 0, 0, 0, 51, 0, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(packed(&[("a/b", b"hi")]), expected);
    assert_eq!(packed(&[]), [b"PK\x05\x06".as_slice(), &[0; 18]].concat());
}

#[test]
fn an_empty_archive_is_an_archive() {
    let (result, memory) = unpacked(&packed(&[]));
    assert_eq!((result.unwrap(), memory), (Summary::default(), Memory::default()));
}

#[test]
fn names_are_packed_in_one_order_only() {
    let mut packer = Packer::new(Vec::new());
    for name in ["B", "a-b", "a.txt", "a/b", "ab", "\u{e9}"] {
        packer.file(name, &mut b"".as_slice()).unwrap();
    }
    assert!(unpacked(&packer.finish().unwrap()).0.is_ok());
    for (first, second) in [("b", "a"), ("a", "a"), ("a/b", "a-b"), ("\u{e9}", "e")] {
        let mut packer = Packer::new(Vec::new());
        packer.file(first, &mut b"".as_slice()).unwrap();
        let refused = packer.file(second, &mut b"".as_slice());
        assert!(matches!(&refused, Err(PackError::Order { .. })), "{second}: {refused:?}");
        assert!(matches!(packer.file("z", &mut b"".as_slice()), Err(PackError::Broken)));
        assert!(matches!(packer.finish(), Err(PackError::Broken)));
    }
}

#[test]
fn what_could_not_be_unpacked_is_not_packed() {
    for (first, second) in [("A", "a"), ("a", "a/b"), ("cafe\u{301}", "caf\u{e9}"), ("A/x", "a/y")] {
        let mut packer = Packer::new(Vec::new());
        packer.file(first, &mut b"".as_slice()).unwrap();
        let refused = packer.file(second, &mut b"".as_slice());
        assert!(matches!(&refused, Err(PackError::Clash { other, .. }) if other == first), "{second}: {refused:?}");
        assert!(matches!(check_names([first, second]), Err(PackError::Clash { other, .. }) if other == first));
        assert!(check_names([first]).is_ok() && matches!(check_names([second, "0"]), Err(PackError::Order { .. })));
    }
    for name in ["", "/a", "../a", "a/", "C:a", "a\\b", "a\0"] {
        let refused = Packer::new(Vec::new()).file(name, &mut b"".as_slice());
        assert!(matches!(&refused, Err(PackError::Path { .. })), "{name:?}: {refused:?}");
        assert!(matches!(check_names([name]), Err(PackError::Path { .. })));
        assert_eq!(refused.unwrap_err().code(), Code::ArchiveUnsafe);
    }
}

#[test]
fn the_form_of_cocos_is_held_to_the_same_rules_and_can_be_unpacked() {
    let pack = |names: &[&str]| {
        let mut packer = Packer::cocos(Vec::new());
        names.iter().try_for_each(|name| packer.file(name, &mut b"x".as_slice()).map(|_| ()))?;
        packer.finish()
    };
    let (result, memory) = unpacked(&pack(&["a", "b/c~", "b/\u{e9}"]).unwrap());
    assert_eq!((result.unwrap().files, memory.files.len()), (3, 3));
    assert!(matches!(pack(&["b", "a"]), Err(PackError::Order { .. })));
    assert!(matches!(pack(&["A", "a"]), Err(PackError::Clash { .. })));
    assert!(matches!(pack(&["../a"]), Err(PackError::Path { .. })));
}

#[test]
fn a_name_is_said_to_clash_with_the_right_one_of_many() {
    for form in [Packer::new, Packer::cocos] {
        let mut packer = form(Vec::new());
        for name in ["A", "B/long name", "C"] {
            packer.file(name, &mut b"content".as_slice()).unwrap();
        }
        let refused = packer.file("b/x", &mut b"".as_slice());
        assert!(matches!(&refused, Err(PackError::Clash { other, .. }) if other == "B/long name"), "{refused:?}");
    }
}

#[test]
fn an_archive_goes_on_from_any_offset_without_what_lies_before() {
    let files: [(&str, &[u8]); 4] = [("a", b"first"), ("b/c", b""), ("b/d", &[7; 3000]), ("e", b"last")];
    let whole = packed(&files);
    let mut packer = Packer::new(Vec::new());
    let contents = files.map(|(name, content)| packer.file(name, &mut &*content).unwrap());
    for offset in 0..=whole.len() as u64 + 1 {
        let (mut packer, mut passed) = (Packer::new(Vec::new()), 0);
        for ((name, content), known) in files.iter().zip(contents) {
            let length = packer.pass(name, known, offset).unwrap();
            passed += length;
            if length == 0 {
                packer.file(name, &mut &**content).unwrap();
            }
        }
        assert!(passed <= offset);
        assert!(packer.finish().unwrap() == whole[usize::try_from(passed).unwrap()..], "{offset}");
    }
    let mut packer = Packer::new(Vec::new());
    packer.pass("b", contents[0], u64::MAX).unwrap();
    assert!(matches!(packer.pass("a", contents[0], u64::MAX), Err(PackError::Order { .. })));
    assert!(matches!(packer.pass("c", contents[0], u64::MAX), Err(PackError::Broken)));
}

/// Fails after some bytes.
struct Broken(u64);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = io::repeat(7).take(self.0).read(buffer)?;
        self.0 -= read as u64;
        if read == 0 { Err(io::Error::other("disk gone")) } else { Ok(read) }
    }
}

#[test]
fn an_archive_with_half_a_file_is_never_finished() {
    let mut packer = Packer::new(Vec::new());
    let refused = packer.file("a", &mut Broken(1000));
    assert!(matches!(&refused, Err(PackError::Read { name, .. }) if name == "a"), "{refused:?}");
    assert!(matches!(packer.finish(), Err(PackError::Broken)));
    let mut full = Packer::new(Cursor::new([0; 40]));
    assert!(matches!(full.file("a", &mut [0; 100].as_slice()), Err(PackError::Write(_))));
    assert!(matches!(full.finish(), Err(PackError::Broken)));
}

/// Takes nothing.
struct Full;

impl Sink for Full {
    fn directory(&mut self, _: &SafePath) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn file(&mut self, _: &SafePath, _: u64) -> io::Result<Box<dyn Write + '_>> {
        Ok(Box::new([0_u8; 0].as_mut_slice()))
    }
}

#[test]
fn errors_of_the_sink_name_the_path() {
    for (name, path) in [("a/b", "a"), ("b", "b")] {
        let result = unpack(Cursor::new(packed(&[(name, b"x")])), &Limits::default(), &mut Full);
        assert!(matches!(&result, Err(UnpackError::Write { path: found, .. }) if found == path), "{result:?}");
        assert_eq!(result.unwrap_err().code(), Code::FileIo);
    }
}

#[test]
fn the_archives_that_people_have_are_read() {
    let text = b"content content content content".as_slice();
    let crc = crc32fast::hash(text);
    let len = text.len() as u64;
    let form = |signed, wide| streamed("a", text).with(|item| item.after = descriptor(crc, len, signed, wide));
    for (what, item) in [
        ("stored", stored("a", text)),
        ("deflated", deflated("a", text)),
        ("effort bits in one header only", deflated("a", text).with(|item| item.central.flags = 2)),
        ("unix mode and set-uid bit", stored("a", text).with(|item| item.set_mode(0o104_755))),
        ("mode without type", stored("a", text).with(|item| item.set_mode(0o600))),
        ("dos attributes", stored("a", text).with(|item| item.attributes = 0x21)),
        ("times and owners", stored("a", text).with(|item| item.central.extra = extra(0x5455, &[1, 0, 0, 0, 0]))),
        ("comment", stored("a", text).with(|item| item.comment = b"PK\x01\x02 what a file".to_vec())),
        ("utf-8 flag", stored("a", text).with(|item| item.set_flags(1 << 11))),
        ("descriptor", form(true, false)),
        ("descriptor without signature", form(false, false)),
        ("wide descriptor", form(true, true)),
        ("wide descriptor without signature", form(false, true)),
        ("descriptor and true header", form(true, false).with(|item| item.local.crc = crc)),
        (
            "zip64 in both headers",
            stored("a", text).with(|item| {
                item.set_size(u32::MAX);
                item.set_packed(u32::MAX);
                (item.local.extra, item.central.extra) = (wide(&[len, len]), wide(&[len, len]));
            }),
        ),
        (
            "zip64 in the local header just in case",
            form(true, true).with(|item| {
                (item.local.size, item.local.packed) = (u32::MAX, u32::MAX);
                item.local.extra = wide(&[0, 0]);
            }),
        ),
    ] {
        let items = [stored("folder/", b""), item, deflated("folder/caf\u{e9}", b"")];
        for tail in [
            Tail::default(),
            Tail { comment: b"8f3c2a51d0".to_vec(), ..Tail::default() },
            Tail { wide: Some(Wide::default()), ..Tail::default() },
        ] {
            let (result, memory) = unpacked(&archive_with(&items, &tail));
            assert_eq!(result.unwrap(), Summary { files: 2, directories: 1, bytes: len }, "{what}");
            assert_eq!(memory.files["a"], text, "{what}");
        }
    }
}

#[test]
fn entries_listed_in_another_order_than_they_lie_in_are_read() {
    let good = archive(&[stored("b/c", b"1"), stored("a", b"2")]);
    let list = good.len() - 22 - 49 - 47;
    let swapped = [&good[..list], &good[list + 49..list + 96], &good[list..list + 49], &good[list + 96..]].concat();
    let (result, memory) = unpacked(&swapped);
    assert_eq!(result.unwrap().files, 2);
    assert_eq!((memory.files["a"].as_slice(), memory.files["b/c"].as_slice()), (b"2".as_slice(), b"1".as_slice()));
}

#[test]
fn more_entries_than_a_short_number_counts_are_packed_and_read() {
    let mut packer = Packer::new(Vec::new());
    for n in 0..0x1_0001 {
        packer.file(&format!("{n:06}"), &mut b"".as_slice()).unwrap();
    }
    let (result, memory) = unpacked(&packer.finish().unwrap());
    assert_eq!(result.unwrap().files, 0x1_0001);
    assert_eq!(memory.files.len(), 0x1_0001);
}

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// A file mostly of zeros, of which only the other pieces take memory.
#[derive(Default)]
struct Sparse {
    pieces: BTreeMap<u64, Vec<u8>>,
    len: u64,
    at: u64,
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(ZEROS.len())];
        if bytes != &ZEROS[..bytes.len()] {
            self.pieces.insert(self.len, bytes.to_vec());
        }
        self.len += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let before = self.pieces.range(..=self.at).next_back();
        let inside = before.and_then(|(start, piece)| piece.get(usize::try_from(self.at - start).ok()?..));
        let read = match inside {
            Some(rest) if !rest.is_empty() => rest.take(buffer.len() as u64).read(buffer)?,
            _ => {
                let next = self.pieces.range(self.at..).next().map_or(self.len, |(start, _)| *start);
                io::repeat(0).take(next.saturating_sub(self.at)).read(buffer)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(back) => self.len.checked_add_signed(back).unwrap(),
            SeekFrom::Current(on) => self.at.checked_add_signed(on).unwrap(),
        };
        Ok(self.at)
    }
}

/// Only counts.
#[derive(Default)]
struct Sizes(BTreeMap<String, u64>);

impl Sink for Sizes {
    fn directory(&mut self, _: &SafePath) -> io::Result<()> {
        Ok(())
    }

    fn file(&mut self, path: &SafePath, size: u64) -> io::Result<Box<dyn Write + '_>> {
        self.0.insert(path.to_string(), size);
        Ok(Box::new(io::sink()))
    }
}

#[test]
fn files_beyond_four_gibibytes_are_packed_and_read() {
    let large = (1_u64 << 32) + 5;
    let mut packer = Packer::new(Sparse::default());
    assert_eq!(packer.file("large", &mut io::repeat(0).take(large)).unwrap().size, large);
    packer.file("small", &mut b"after it".as_slice()).unwrap();
    let sparse = packer.finish().unwrap();
    let mut sizes = Sizes::default();
    let summary = unpack(sparse, &Limits::default(), &mut sizes).unwrap();
    assert_eq!(summary, Summary { files: 2, directories: 0, bytes: large + 8 });
    assert_eq!(sizes.0, BTreeMap::from([("large".to_owned(), large), ("small".to_owned(), 8)]));
}

/// Names that are often near one another: shared folders, upper case, composed letters.
fn names() -> impl Strategy<Value = String> {
    vec("[abA]{1,2}|\u{e9}|e\u{301}|x\\.(csv|CSV)", 1..4).prop_map(|parts| parts.join("/"))
}

fn files() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    btree_map(names(), vec(any::<u8>(), 0..200), 0..8)
}

/// The files of a map that can be packed beside those before them.
fn packable(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let mut names = names::Names::default();
    let mut fits = |name: &str| names.add(&SafePath::new(name).unwrap(), names::Kind::File).is_ok();
    files.into_iter().filter(|(name, _)| fits(name)).collect()
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked(files in files()) {
        let files = packable(files);
        let entries: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        let archive = packed(&entries);
        prop_assert_eq!(&archive, &packed(&entries));
        let (result, memory) = unpacked(&archive);
        prop_assert_eq!(result.unwrap().files, files.len() as u64);
        prop_assert_eq!(memory.files, files);
    }

    #[test]
    fn every_set_of_names_is_packed_or_refused_but_never_packed_so_that_it_is_refused_later(files in files()) {
        let mut packer = Packer::new(Vec::new());
        let refused = files.iter().any(|(name, content)| packer.file(name, &mut content.as_slice()).is_err());
        if !refused {
            prop_assert!(unpacked(&packer.finish().unwrap()).0.is_ok());
        }
    }

    #[test]
    fn a_damaged_archive_never_escapes_its_limits(
        files in files(),
        flips in vec((any::<Index>(), any::<u8>()), 0..6),
        splice in proptest::option::of((any::<Index>(), any::<Index>(), any::<Index>())),
        compressed: bool,
    ) {
        let make = if compressed { deflated } else { streamed };
        let items: Vec<_> = files.iter().map(|(name, content)| make(name, content)).collect();
        let mut bytes = archive(&items);
        for (at, byte) in flips {
            *at.get_mut(&mut bytes) = byte;
        }
        if let Some((from, to, at)) = splice {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let piece = bytes[from.min(to)..from.max(to)].to_vec();
            let at = at.index(bytes.len());
            bytes.splice(at..at, piece);
        }
        let limits = Limits { total_bytes: 500, entry_bytes: 150, entries: 6, path_bytes: 60, ratio: 10 };
        let (result, memory) = unpacked_within(&bytes, &limits);
        let total: usize = memory.files.values().map(Vec::len).sum();
        prop_assert!(total <= 500 && memory.files.len() + memory.directories.len() <= 6);
        if let Ok(summary) = result {
            prop_assert_eq!(summary.bytes, total as u64);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in vec(any::<u8>(), 1..300)) {
        prop_assert!(unpacked(&bytes).0.is_err());
        let ended = [bytes.as_slice(), b"PK\x05\x06", &bytes, &[0; 18]].concat();
        prop_assert!(unpacked(&ended).0.is_err());
    }

    #[test]
    fn any_text_is_a_safe_path_or_refused(text in "\\PC{0,20}|[a./\\\\:\\x00-\\x1f]{0,12}") {
        if let Ok(path) = SafePath::new(&text) {
            prop_assert_eq!(path.as_str(), text.as_str());
            prop_assert!(!text.starts_with('/') && !text.contains('\\') && !text.contains('\0'));
            prop_assert!(path.components().all(|part| !matches!(part, "" | "." | "..")));
        }
    }
}

//! What an archive may cost.

use super::forge::{archive, deflated, stored, wide};
use super::*;
use crate::code::{Code, Coded as _};

const TIGHT: Limits = Limits { total_bytes: 100, entry_bytes: 60, entries: 4, path_bytes: 30, ratio: 100 };

#[track_caller]
fn too_large(archive: &[u8], limits: &Limits, bound: Bound, found: u64) {
    let (result, memory) = unpacked_within(archive, limits);
    let right = matches!(result, Err(UnpackError::TooLarge { bound: b, found: f, .. }) if b == bound && f == found);
    assert!(right, "{result:?}");
    assert_eq!(memory, Memory::default());
    assert_eq!(result.unwrap_err().code(), Code::ArchiveTooLarge);
}

#[test]
fn an_archive_at_every_limit_is_unpacked() {
    let items = [stored("a/b", &[1; 60]), stored("a/c", &[2; 40]), stored("d", b"")];
    let (result, memory) = unpacked_within(&archive(&items), &TIGHT);
    assert_eq!(result.unwrap(), Summary { files: 3, directories: 1, bytes: 100 });
    assert_eq!(memory.directories, ["a"]);
}

#[test]
fn an_archive_beyond_a_limit_is_refused_before_anything_is_written() {
    too_large(&archive(&[stored("a", &[0; 61])]), &TIGHT, Bound::EntryBytes, 61);
    too_large(&archive(&[stored("a", &[0; 60]), stored("b", &[0; 41])]), &TIGHT, Bound::TotalBytes, 101);
    let five: Vec<_> = ["a", "b", "c", "d", "e"].iter().map(|name| stored(name, b"")).collect();
    too_large(&archive(&five), &TIGHT, Bound::Entries, 5);
}

#[test]
fn directories_count_whether_named_or_implied() {
    too_large(&archive(&[stored("a/b/c/d/e", b"")]), &TIGHT, Bound::Entries, 5);
    let named = ["a/", "a/b/", "a/b/c/", "a/b/c/d"].iter().map(|name| stored(name, b"")).collect::<Vec<_>>();
    assert!(unpacked_within(&archive(&named), &TIGHT).0.is_ok());
}

#[test]
fn a_few_entries_imply_a_few_folders_only() {
    // Each file at the end of 31 folders that it shares with nobody.
    let nested =
        |files: usize| -> Vec<_> { (0..files).map(|n| stored(&format!("{n:03}{}", "/d".repeat(31)), b"")).collect() };
    assert!(unpacked(&archive(&nested(33))).0.is_ok());
    too_large(&archive(&nested(34)), &Limits::default(), Bound::Implied, 34 * 31);
    // Many of them imply more, though not so many.
    too_large(&archive(&nested(200)), &Limits::default(), Bound::Implied, 52 * 31);
    let plain = (0..2000).map(|n| stored(&format!("n{n}"), b""));
    assert!(unpacked(&archive(&nested(200).into_iter().chain(plain).collect::<Vec<_>>())).0.is_ok());
}

#[test]
fn paths_count_with_those_of_every_folder() {
    // "aa", "aa/bb", "aa/bb/c": 14 bytes; the second file adds 9.
    let items = [stored("aa/bb/c", b""), stored("aa/bb/ddd", b"")];
    let limits = |path_bytes| Limits { path_bytes, ..Limits::default() };
    assert!(unpacked_within(&archive(&items), &limits(23)).0.is_ok());
    too_large(&archive(&items), &limits(22), Bound::PathBytes, 23);
}

#[test]
fn an_archive_says_what_it_holds_before_anything_is_written() {
    let items = [stored("a/b/c", b"12345"), deflated("a/d", b"678"), stored("e/", b"")];
    let checked = Archive::open(Cursor::new(archive(&items)), &Limits::default()).unwrap();
    let contents = checked.contents();
    assert_eq!(contents, Summary { files: 2, directories: 3, bytes: 8 });
    let mut memory = Memory::default();
    assert_eq!(checked.unpack(&mut memory).unwrap(), contents);
    assert_eq!(memory.files.len(), 2);
}

#[test]
fn a_bomb_is_refused_and_a_small_page_of_zeros_is_not() {
    let small = deflated("zeros", &vec![0; 1 << 20]);
    assert!(small.data.len() * 900 < 1 << 20);
    assert!(unpacked(&archive(&[small])).0.is_ok());
    let bomb = deflated("zeros", &vec![0; (1 << 20) + 1]);
    let ratio = ((1_u64 << 20) + 1).div_ceil(bomb.data.len() as u64);
    too_large(&archive(std::slice::from_ref(&bomb)), &Limits::default(), Bound::Ratio, ratio);
    let generous = Limits { ratio, ..Limits::default() };
    assert!(unpacked_within(&archive(&[bomb]), &generous).0.is_ok());
}

#[test]
fn many_small_bombs_are_one_bomb() {
    let zeros = deflated("zeros", &vec![0; 1 << 20]);
    let mebibytes = |count: usize| -> Vec<_> {
        (0..count).map(|n| zeros.clone().with(|item| item.set_name(format!("{n:03}").as_bytes()))).collect()
    };
    let ratio = (257_u64 << 20).div_ceil(257 * zeros.data.len() as u64);
    too_large(&archive(&mebibytes(257)), &Limits::default(), Bound::Ratio, ratio);
}

#[test]
fn sizes_that_add_up_to_more_than_a_number_holds_are_refused() {
    let items: Vec<_> = ["a", "b"]
        .iter()
        .map(|name| {
            deflated(name, b"x").with(|item| {
                item.central.size = u32::MAX;
                item.central.extra = wide(&[u64::MAX]);
            })
        })
        .collect();
    let most = u64::MAX;
    let limitless = Limits { total_bytes: most - 1, entry_bytes: most, entries: 10, path_bytes: most, ratio: most };
    too_large(&archive(&items), &limitless, Bound::TotalBytes, u64::MAX);
}

#[test]
fn a_list_too_long_for_memory_is_refused_unread() {
    // 2,100 comments of the greatest length.
    let item = stored("a", b"").with(|item| item.comment = vec![b'c'; 0xffff]);
    let items: Vec<_> = (0..2100).map(|n| item.clone().with(|item| item.set_name(format!("{n}").as_bytes()))).collect();
    let (result, memory) = unpacked(&archive(&items));
    assert!(matches!(result, Err(UnpackError::TooLarge { bound: Bound::DirectoryBytes, .. })), "{result:?}");
    assert_eq!(memory, Memory::default());
}

#[test]
fn one_file_is_read_by_its_name_within_a_bound() {
    let script = deflated("bin/run", b"hello").with(|item| item.set_mode(0o100_755));
    let bytes = archive(&[script, stored("plain", b"x")]);
    let mut archive = Archive::open(Cursor::new(&bytes), &Limits::default()).unwrap();
    let files: Vec<_> = archive.files().map(|file| (file.path.to_string(), file.size, file.is_executable)).collect();
    assert_eq!(files, [("bin/run".to_owned(), 5, true), ("plain".to_owned(), 1, false)]);
    assert_eq!(archive.read("bin/run", 5).unwrap().as_deref(), Some(b"hello".as_slice()));
    assert_eq!(archive.read("bin", 5).unwrap(), None);
    let refused = archive.read("bin/run", 4);
    assert!(
        matches!(refused, Err(UnpackError::TooLarge { bound: Bound::EntryBytes, limit: 4, found: 5 })),
        "{refused:?}"
    );
}

#[test]
fn a_file_that_is_not_what_the_list_says_is_not_read() {
    let bytes = archive(&[stored("a", b"hello").with(|item| item.set_crc(7))]);
    let read = Archive::open(Cursor::new(&bytes), &Limits::default()).unwrap().read("a", 9);
    assert!(matches!(read, Err(UnpackError::Entry { fault: EntryFault::Crc, .. })), "{read:?}");
}

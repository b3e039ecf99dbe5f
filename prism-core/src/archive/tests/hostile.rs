//! Archives that must not be unpacked: each with the one reason that it is refused for, and nothing written.

use super::forge::{Tail, Wide, archive, archive_with, deflate, deflated, descriptor, extra, stored, streamed, wide};
use super::*;

const MANY: &str = "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z/1/2/3/4/5/6/7";

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "reads better where it is called, again and again")]
fn refused_entry(what: &str, archive: &[u8], fault: EntryFault) {
    let (result, memory) = unpacked(archive);
    assert!(matches!(&result, Err(UnpackError::Entry { fault: found, .. }) if *found == fault), "{what}: {result:?}");
    assert_eq!(memory, Memory::default(), "{what}: something was written");
}

#[track_caller]
fn refused_archive(what: &str, archive: &[u8], fault: ArchiveFault) {
    let (result, memory) = unpacked(archive);
    assert!(matches!(result, Err(UnpackError::Archive(found)) if found == fault), "{what}: {result:?}");
    assert_eq!(memory, Memory::default(), "{what}: something was written");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let long_part = "a".repeat(COMPONENT_MAX + 1);
    let long_path = ["a".repeat(200).as_str(); 6].join("/");
    for (name, error) in [
        ("/etc/passwd", PathError::Absolute),
        ("a/exe.\u{202e}gpj", PathError::Direction),
        ("\u{2066}a\u{2069}", PathError::Direction),
        ("a\u{2028}b", PathError::Direction),
        ("//server/share", PathError::Absolute),
        ("/", PathError::Empty),
        ("../up", PathError::Dots),
        ("a/../../up", PathError::Dots),
        ("a/..", PathError::Dots),
        ("..", PathError::Dots),
        (".", PathError::Dots),
        ("./a", PathError::Dots),
        ("a/./b", PathError::Dots),
        ("C:/windows", PathError::Drive),
        ("c:a", PathError::Drive),
        ("a\\b", PathError::Backslash),
        ("..\\up", PathError::Backslash),
        ("a\0.txt", PathError::Control),
        ("a\nb", PathError::Control),
        ("a\u{1b}[2J", PathError::Control),
        ("a\u{7f}", PathError::Control),
        ("a\u{85}b", PathError::Control),
        ("", PathError::Empty),
        ("a//b", PathError::Empty),
        ("a//", PathError::Empty),
        (long_part.as_str(), PathError::TooLong),
        (long_path.as_str(), PathError::TooLong),
        (MANY, PathError::TooDeep),
    ] {
        refused_entry(name, &archive(&[stored("ok", b""), stored(name, b"x")]), EntryFault::Path(error));
    }
    let latin1 = stored("x", b"").with(|item| item.set_name(b"caf\xe9"));
    refused_entry("latin-1", &archive(&[latin1]), EntryFault::NotUtf8);
    let overlong = stored("x", b"").with(|item| item.set_name(b"a\xc0\xafb"));
    refused_entry("overlong slash", &archive(&[overlong]), EntryFault::NotUtf8);
    let surrogate = stored("x", b"").with(|item| item.set_name(b"\xed\xa0\x80"));
    refused_entry("lone surrogate", &archive(&[surrogate]), EntryFault::NotUtf8);
}

#[test]
fn a_second_name_in_an_extra_field_is_refused() {
    let second = extra(0x7075, b"\x01\0\0\0\0../up");
    let central = stored("ok", b"").with(|item| item.central.extra = second.clone());
    refused_entry("central", &archive(&[central]), EntryFault::TwoNames);
    let local = stored("ok", b"").with(|item| item.local.extra = second);
    refused_entry("local", &archive(&[local]), EntryFault::TwoNames);
    let short = stored("ok", b"").with(|item| item.central.extra = extra(0x7075, b"\x01"));
    refused_entry("short", &archive(&[short]), EntryFault::TwoNames);
    let same = extra(0x7075, b"\x01\0\0\0\0ok");
    let same = stored("ok", b"").with(|item| (item.central.extra, item.local.extra) = (same.clone(), same));
    assert!(unpacked(&archive(&[same])).0.is_ok());
}

#[test]
fn names_that_some_file_system_takes_for_one_are_refused() {
    for (first, second) in [
        ("a", "a"),
        ("a/", "a/"),
        ("readme.txt", "README.TXT"),
        ("caf\u{e9}", "cafe\u{301}"),
        ("CAF\u{c9}", "cafe\u{301}"),
        ("stra\u{df}e", "STRASSE"),
        ("\u{3c3}", "\u{3c2}"),
        ("\u{212a}elvin", "kelvin"),
        ("\u{fb01}le", "FILE"),
        ("A/x", "a/y"),
        ("A/x", "a/"),
        ("A/", "a/x"),
        ("caf\u{e9}/x", "cafe\u{301}/y"),
    ] {
        let archive = archive(&[stored(first, b""), stored("ok", b""), stored(second, b"")]);
        let other = first.trim_end_matches('/').to_owned();
        refused_entry(second, &archive, EntryFault::Duplicate { other });
    }
}

#[test]
fn a_directory_is_named_once_however_often_it_is_implied() {
    let names = ["a/b", "a/", "a/c"];
    let good: Vec<_> = names.iter().map(|name| stored(name, b"")).collect();
    assert_eq!(unpacked(&archive(&good)).0.unwrap().directories, 1);
    let twice: Vec<_> = names.iter().chain(&["a/"]).map(|name| stored(name, b"")).collect();
    refused_entry("a/", &archive(&twice), EntryFault::Duplicate { other: "a/b".to_owned() });
}

#[test]
fn a_path_that_is_both_file_and_directory_is_refused() {
    for (first, second) in [("a", "a/b"), ("a/b", "a"), ("a", "a/"), ("a/", "a"), ("A", "a/b/c"), ("a/b", "a/b/c/d")] {
        let archive = archive(&[stored(first, b""), stored("ok", b""), stored(second, b"")]);
        let other = first.trim_end_matches('/').to_owned();
        refused_entry(second, &archive, EntryFault::FileAndDirectory { other });
    }
}

#[test]
fn everything_but_files_and_directories_is_refused() {
    for (mode, fault) in [
        (0o120_777, EntryFault::Symlink),
        (0o010_644, EntryFault::Special),
        (0o020_644, EntryFault::Special),
        (0o060_644, EntryFault::Special),
        (0o140_644, EntryFault::Special),
        (0o160_644, EntryFault::Special),
        (0o040_755, EntryFault::TypeContradiction),
    ] {
        let item = stored("a", b"/etc/passwd").with(|item| item.set_mode(mode));
        refused_entry(&format!("{mode:o}"), &archive(&[item]), fault);
    }
    for (name, attributes, fault) in [
        ("a", 0x08, EntryFault::Special),
        ("a", 0x10, EntryFault::TypeContradiction),
        ("a", 0x400, EntryFault::Symlink),
        ("a/", 0o100_644 << 16, EntryFault::TypeContradiction),
        ("a/", 0o120_777 << 16, EntryFault::Symlink),
    ] {
        let item = stored(name, b"").with(|item| item.attributes = attributes);
        refused_entry(&format!("{name} {attributes:#x}"), &archive(&[item]), fault);
    }
    refused_entry("directory with content", &archive(&[stored("a/", b"x")]), EntryFault::TypeContradiction);
    let hiding = deflated("a/", b"").with(|item| {
        item.data.extend(b"hidden");
        item.set_packed(8);
    });
    refused_entry("directory hiding bytes", &archive(&[hiding]), EntryFault::TypeContradiction);
}

#[test]
fn encrypted_and_unknown_entries_are_refused() {
    for (flags, fault) in [
        (1 << 0, EntryFault::Encrypted),
        (1 << 6, EntryFault::Encrypted),
        (1 << 13, EntryFault::Encrypted),
        (1 << 4, EntryFault::Flags { flags: 1 << 4 }),
        (1 << 5, EntryFault::Flags { flags: 1 << 5 }),
        (1 << 15, EntryFault::Flags { flags: 1 << 15 }),
    ] {
        let item = stored("a", b"x").with(|item| item.set_flags(flags));
        refused_entry(&format!("flags {flags:#x}"), &archive(&[item]), fault);
    }
    for method in [1, 6, 9, 12, 14, 93, 95, 97, 98, 99, u16::MAX] {
        let item = stored("a", b"x").with(|item| item.set_method(method));
        refused_entry(&format!("method {method}"), &archive(&[item]), EntryFault::Method { method });
    }
}

#[test]
fn headers_that_disagree_are_refused() {
    let good = || stored("a", b"content");
    for (what, item) in [
        ("name", good().with(|item| item.local.name = b"b".to_vec())),
        ("longer name", good().with(|item| item.local.name = b"a/b".to_vec())),
        ("directory", good().with(|item| item.local.name = b"a/".to_vec())),
        ("method", good().with(|item| item.local.method = 8)),
        ("crc", good().with(|item| item.local.crc ^= 1)),
        ("zero crc", good().with(|item| item.local.crc = 0)),
        ("size", good().with(|item| item.local.size += 1)),
        ("zero size", good().with(|item| item.local.size = 0)),
        ("packed", good().with(|item| item.local.packed -= 1)),
        ("utf-8 flag", good().with(|item| item.local.flags = 1 << 11)),
        ("encrypted flag", good().with(|item| item.local.flags = 1)),
        ("descriptor flag", good().with(|item| item.local.flags = 1 << 3)),
        ("signature", good().with(|item| item.local.signature = *b"PK\x03\x05")),
        ("central for local", good().with(|item| item.local.signature = *b"PK\x01\x02")),
        ("streamed size", streamed("a", b"content").with(|item| item.local.size = 6)),
        ("streamed crc", streamed("a", b"content").with(|item| item.local.crc = 1)),
        (
            "wide size",
            good().with(|item| {
                (item.local.size, item.local.packed) = (u32::MAX, u32::MAX);
                item.local.extra = wide(&[7, 8]);
            }),
        ),
    ] {
        refused_entry(what, &archive(&[item]), EntryFault::HeadersDiffer);
    }
}

#[test]
fn descriptors_that_disagree_are_refused() {
    let crc = crc32fast::hash(b"content");
    for (what, after) in [
        ("missing", Vec::new()),
        ("crc", descriptor(crc ^ 1, 7, true, false)),
        ("size", descriptor(crc, 8, true, false)),
        ("wide size", descriptor(crc, 8, false, true)),
        ("no signature but its length", [&[0; 4], descriptor(crc, 7, false, false).as_slice()].concat()),
        ("longer", [descriptor(crc, 7, true, true).as_slice(), b"x"].concat()),
        ("shorter", descriptor(crc, 7, true, false)[..15].to_vec()),
        ("much longer", vec![0; 5000]),
    ] {
        let item = streamed("a", b"content").with(|item| item.after = after);
        refused_entry(what, &archive(&[item]), EntryFault::Descriptor);
    }
}

#[test]
fn malformed_extra_fields_are_refused() {
    let wide_sizes = |values: &[u64]| {
        let extra = wide(values);
        stored("a", b"content").with(|item| {
            (item.central.size, item.central.packed) = (u32::MAX, u32::MAX);
            item.central.extra = extra;
        })
    };
    for (what, item) in [
        ("truncated", stored("a", b"").with(|item| item.central.extra = vec![9, 9, 9])),
        ("too long", stored("a", b"").with(|item| item.central.extra = vec![9, 9, 5, 0, 1])),
        ("local truncated", stored("a", b"").with(|item| item.local.extra = vec![9])),
        ("zip64 missing", wide_sizes(&[]).with(|item| item.central.extra = Vec::new())),
        ("zip64 too short", wide_sizes(&[7])),
        ("zip64 too long", wide_sizes(&[7, 7, 7])),
        ("zip64 twice", wide_sizes(&[7, 7]).with(|item| item.central.extra.extend(wide(&[8, 8])))),
        ("zip64 not needed", stored("a", b"").with(|item| item.central.extra = wide(&[7]))),
        ("another volume", stored("a", b"").with(|item| item.disk = 1)),
        ("local zip64 missing", stored("a", b"").with(|item| item.local.size = u32::MAX)),
    ] {
        refused_entry(what, &archive(&[item]), EntryFault::Extra);
    }
    let far = wide_sizes(&[u64::MAX, u64::MAX]).with(|item| item.set_method(8));
    let (result, memory) = unpacked(&archive(&[far]));
    assert!(matches!(result, Err(UnpackError::TooLarge { bound: Bound::EntryBytes, .. })), "{result:?}");
    assert_eq!(memory, Memory::default());
    let endless = wide_sizes(&[7, u64::MAX]).with(|item| item.set_method(8));
    refused_entry("packed size beyond everything", &archive(&[endless]), EntryFault::Outside);
}

#[test]
fn entries_that_share_or_leave_the_archive_are_refused() {
    let at = |name: &str, offset: u32| stored(name, b"x").with(|item| item.offset = Some(offset));
    refused_entry("same header twice", &archive(&[stored("a", b"x"), at("b", 0)]), EntryFault::Overlap);
    let inner = stored("b", b"x").with(|item| item.offset = Some(31));
    let nested = archive(&[stored("a", &archive(&[stored("b", b"x")])), inner]);
    refused_entry("entry inside another's data", &nested, EntryFault::Overlap);
    refused_entry("header beyond the end", &archive(&[at("a", 1 << 30)]), EntryFault::Outside);
    let long = stored("a", b"x").with(|item| {
        item.set_packed(1000);
        item.set_size(1000);
    });
    refused_entry("data beyond the end", &archive(std::slice::from_ref(&long)), EntryFault::Outside);
    let quilt = archive(&[long, stored("b", &[b'z'; 2000])]);
    refused_entry("data over the next header", &quilt, EntryFault::Overlap);
    let streamed_over = streamed("a", b"xyz").with(|item| (item.after, item.data) = (Vec::new(), b"x".to_vec()));
    refused_entry(
        "streamed data over the next header",
        &archive(&[streamed_over, stored("b", b"")]),
        EntryFault::Overlap,
    );
    let in_list = archive(&[stored("a", b"x")]);
    let list_at = u32::try_from(in_list.len() - 22 - 47).unwrap();
    refused_entry("header in the list", &archive(&[at("a", list_at)]), EntryFault::Outside);
    let header_cut = archive_with(&[at("a", 0).with(|item| item.local.name = vec![b'a'; 60_000])], &Tail::default());
    refused_entry("another name length", &header_cut, EntryFault::HeadersDiffer);
}

#[test]
fn hidden_bytes_are_refused() {
    let after_first = stored("b", b"x").with(|item| item.before = b"hidden".to_vec());
    refused_entry("between entries", &archive(&[stored("a", b"x"), after_first]), EntryFault::Hidden);
    let unlisted = stored("secret", b"x").with(|item| item.listed = false);
    refused_entry("unlisted entry", &archive(&[unlisted.clone(), stored("a", b"x")]), EntryFault::Hidden);
    refused_archive("unlisted last entry", &archive(&[stored("a", b"x"), unlisted]), ArchiveFault::Hidden);
    let tail = Tail { before_directory: b"hidden".to_vec(), ..Tail::default() };
    refused_archive("before the list", &archive_with(&[stored("a", b"x")], &tail), ArchiveFault::Hidden);
    let tail = Tail { after_directory: b"hidden".to_vec(), ..Tail::default() };
    refused_archive("after the list", &archive_with(&[stored("a", b"x")], &tail), ArchiveFault::DirectoryMisplaced);
    let signature = Tail { after_directory: b"PK\x05\x05\0\0".to_vec(), ..Tail::default() };
    refused_archive("signed list", &archive_with(&[], &signature), ArchiveFault::DirectoryMisplaced);
    let prefix = Tail { prefix: b"#!/bin/sh\n".to_vec(), ..Tail::default() };
    refused_entry("prepended, offsets mended", &archive_with(&[stored("a", b"x")], &prefix), EntryFault::Hidden);
    let prefix = Tail { offsets_ignore_prefix: true, ..prefix };
    refused_archive("prepended", &archive_with(&[stored("a", b"x")], &prefix), ArchiveFault::DirectoryMisplaced);
    let two = [archive(&[stored("a", b"x")]), archive(&[stored("b", b"y")])].concat();
    refused_archive("two archives in a row", &two, ArchiveFault::DirectoryMisplaced);
    let padded = deflated("a", b"content").with(|item| {
        item.data.extend(b"hidden");
        item.set_packed(u32::try_from(item.data.len()).unwrap());
    });
    let (result, _) = unpacked(&archive(&[padded]));
    assert!(matches!(result, Err(UnpackError::Entry { fault: EntryFault::Deflate, .. })), "after deflate: {result:?}");
}

#[test]
fn an_end_that_is_missing_doubled_or_followed_is_refused() {
    let good = archive(&[stored("a", b"content")]);
    for bytes in [b"".as_slice(), b"PK", b"not a zip file at all, but long enough to be one", &good[..good.len() - 22]]
    {
        refused_archive("no end", bytes, ArchiveFault::NoEnd);
    }
    for len in good.len() - 22..good.len() {
        let (result, memory) = unpacked(&good[..len]);
        assert!(matches!(result, Err(UnpackError::Archive(_))), "{len} bytes: {result:?}");
        assert_eq!(memory, Memory::default());
    }
    let tail = Tail { trailing: b"x".to_vec(), ..Tail::default() };
    refused_archive("trailing byte", &archive_with(&[], &tail), ArchiveFault::Trailing);
    let tail = Tail { comment_len: Some(5), ..Tail::default() };
    refused_archive("comment cut off", &archive_with(&[], &tail), ArchiveFault::Trailing);
    let tail = Tail { comment: b"text".to_vec(), comment_len: Some(3), ..Tail::default() };
    refused_archive("comment too long", &archive_with(&[], &tail), ArchiveFault::Trailing);
    // A careless reader takes the first of these ends, another one the last.
    let inner = archive(&[]);
    let tail = Tail { comment: inner.clone(), ..Tail::default() };
    refused_archive("end in the comment", &archive_with(&[stored("a", b"x")], &tail), ArchiveFault::TwoEnds);
    let tail = Tail { comment: b"PK\x05\x06".to_vec(), ..Tail::default() };
    refused_archive("signature in the comment", &archive_with(&[], &tail), ArchiveFault::Trailing);
    // An archive stored inside another one is content, not a second end.
    assert!(unpacked(&archive(&[stored("inner.zip", &good)])).0.is_ok());
}

#[test]
fn a_list_that_is_not_what_the_end_says_is_refused() {
    let items = [stored("a", b"x"), stored("b", b"y")];
    let list_len = 2 * 47;
    for (what, tail, fault) in [
        (
            "fewer entries",
            Tail { entries: Some(1), entries_here: Some(1), ..Tail::default() },
            ArchiveFault::DirectoryMalformed,
        ),
        (
            "more entries",
            Tail { entries: Some(3), entries_here: Some(3), ..Tail::default() },
            ArchiveFault::DirectoryMalformed,
        ),
        (
            "shorter list",
            Tail { directory_len: Some(list_len - 1), ..Tail::default() },
            ArchiveFault::DirectoryMisplaced,
        ),
        ("list elsewhere", Tail { directory: Some(0), ..Tail::default() }, ArchiveFault::DirectoryMisplaced),
        ("list beyond the end", Tail { directory: Some(1 << 30), ..Tail::default() }, ArchiveFault::DirectoryMisplaced),
        ("second volume", Tail { disk: 1, ..Tail::default() }, ArchiveFault::Volumes),
        ("list on another volume", Tail { directory_disk: 1, ..Tail::default() }, ArchiveFault::Volumes),
        ("entries on another volume", Tail { entries_here: Some(1), ..Tail::default() }, ArchiveFault::Volumes),
        (
            "wide count without zip64",
            Tail { entries: Some(0xffff), entries_here: Some(0xffff), ..Tail::default() },
            ArchiveFault::Zip64,
        ),
        ("wide list without zip64", Tail { directory_len: Some(u32::MAX), ..Tail::default() }, ArchiveFault::Zip64),
        ("wide offset without zip64", Tail { directory: Some(u32::MAX), ..Tail::default() }, ArchiveFault::Zip64),
    ] {
        refused_archive(what, &archive_with(&items, &tail), fault);
    }
    let wrong = stored("a", b"x").with(|item| item.central.signature = *b"PK\x01\x03");
    refused_archive("wrong signature", &archive(&[wrong]), ArchiveFault::DirectoryMalformed);
    let cut = archive(&[stored("a", b"x").with(|item| item.comment = b"four".to_vec())]);
    let comment_len_at = cut.len() - 22 - 4 - 1 - 14;
    let lying = [&cut[..comment_len_at], &[5], &cut[comment_len_at + 1..]].concat();
    refused_archive("comment beyond the list", &lying, ArchiveFault::DirectoryMalformed);
}

#[test]
fn zip64_records_that_lie_are_refused() {
    let items = [stored("a", b"x")];
    let good = Tail { wide: Some(Wide::default()), ..Tail::default() };
    assert!(unpacked(&archive_with(&items, &good)).0.is_ok());
    for (what, wide) in [
        ("length", Wide { len: Some(45), ..Wide::default() }),
        ("entries", Wide { entries: Some(2), entries_here: Some(2), ..Wide::default() }),
        ("entries here", Wide { entries_here: Some(0), ..Wide::default() }),
        ("list length", Wide { directory_len: Some(48), ..Wide::default() }),
        ("list offset", Wide { directory: Some(1), ..Wide::default() }),
        ("volume", Wide { disk: 1, ..Wide::default() }),
        ("volumes", Wide { disks: Some(2), ..Wide::default() }),
        ("place", Wide { at: Some(0), ..Wide::default() }),
        ("bytes between", Wide { between: b"hidden".to_vec(), ..Wide::default() }),
        ("signature", Wide { signature: Some(*b"PK\x06\x05"), ..Wide::default() }),
    ] {
        let tail = Tail { wide: Some(wide), ..Tail::default() };
        refused_archive(what, &archive_with(&items, &tail), ArchiveFault::Zip64);
    }
    let only_wide = |wide: Wide| Tail {
        wide: Some(wide),
        entries: Some(0xffff),
        entries_here: Some(0xffff),
        directory_len: Some(u32::MAX),
        directory: Some(u32::MAX),
        ..Tail::default()
    };
    assert!(unpacked(&archive_with(&items, &only_wide(Wide::default()))).0.is_ok());
    let beyond = Wide { directory: Some(u64::MAX), directory_len: Some(u64::MAX), ..Wide::default() };
    refused_archive("overflow", &archive_with(&items, &only_wide(beyond)), ArchiveFault::DirectoryMisplaced);
    let many = Wide { entries: Some(u64::MAX), entries_here: Some(u64::MAX), ..Wide::default() };
    let (result, _) = unpacked(&archive_with(&items, &only_wide(many)));
    assert!(matches!(result, Err(UnpackError::TooLarge { bound: Bound::Entries, .. })), "{result:?}");
    refused_archive(
        "locator alone",
        &[b"PK\x06\x07".as_slice(), &[0; 16], &archive(&[])].concat(),
        ArchiveFault::Zip64,
    );
}

#[test]
fn damaged_content_is_refused_and_never_longer_than_declared() {
    let content = b"content content content content".as_slice();
    let stored_size = stored("a", content).with(|item| item.set_size(5));
    refused_entry("stored sizes", &archive(&[stored_size]), EntryFault::StoredSize);
    let len = u32::try_from(content.len()).unwrap();
    for (what, item, fault) in [
        ("crc", stored("a", content).with(|item| item.set_crc(7)), EntryFault::Crc),
        ("byte", stored("a", content).with(|item| item.data[3] ^= 1), EntryFault::Crc),
        ("deflated crc", deflated("a", content).with(|item| item.set_crc(7)), EntryFault::Crc),
        ("longer", deflated("a", content).with(|item| item.set_size(len - 1)), EntryFault::Size { expected: 30 }),
        ("shorter", deflated("a", content).with(|item| item.set_size(len + 1)), EntryFault::Size { expected: 32 }),
        ("empty", deflated("a", content).with(|item| item.set_size(0)), EntryFault::Size { expected: 0 }),
        ("not deflated", stored("a", content).with(|item| item.set_method(8)), EntryFault::Deflate),
        ("no data", stored("a", b"").with(|item| item.set_method(8)), EntryFault::Deflate),
        (
            "cut short",
            deflated("a", content).with(|item| {
                item.data.truncate(4);
                item.set_packed(4);
            }),
            EntryFault::Deflate,
        ),
    ] {
        let (result, memory) = unpacked(&archive(&[item]));
        assert!(
            matches!(&result, Err(UnpackError::Entry { fault: found, .. }) if *found == fault),
            "{what}: {result:?}"
        );
        assert!(memory.files.values().all(|written| written.len() <= content.len() + 1), "{what}");
    }
    let bomb = deflated("a", &vec![0; 900_000]).with(|item| item.set_size(10));
    let (result, memory) = unpacked(&archive(&[bomb]));
    assert!(matches!(result, Err(UnpackError::Entry { fault: EntryFault::Size { expected: 10 }, .. })), "{result:?}");
    assert!(memory.files.values().all(|written| written.len() <= 10));
    assert!(deflate(&[0; 10]).len() < 10);
}

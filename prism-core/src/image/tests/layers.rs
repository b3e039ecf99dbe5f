//! What entries of a layer ask for, and what they may not.

use tar::{EntryType, Header};

use super::forge::{Blob, Forge, LayerForge, gzip, zstandard};
use super::*;

fn layer() -> LayerForge {
    LayerForge::default()
}

fn entry_fault(layer: LayerForge) -> EntryFault {
    match refusal(&Forge::of(layer)) {
        ImageError::Entry { layer: 1, fault, .. } => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_with_two_dots_are_refused() {
    for name in ["../x", "a/../../x", "a/..", ".."] {
        assert_eq!(entry_fault(layer().file(name, "x")), PathFault::Upwards.into(), "{name}");
        assert_eq!(entry_fault(layer().link(EntryType::Link, "x", name)), PathFault::Upwards.into(), "{name}");
    }
}

#[test]
fn an_absolute_name_lies_below_the_images_root() {
    let forge = Forge::of(layer().file("/etc/passwd", "x").file("./a//b", "y").folder("/").folder("./"));
    assert_eq!(lines(&forge), ["etc/passwd 644 7 x", "a/b 644 7 y"]);
    let old = layer().entry(b"old/", (EntryType::Regular, 0o755), b"", b"");
    assert_eq!(lines(&Forge::of(old)), ["old/ 755"]);
    let linked = Forge::of(layer().file("a", "x").link(EntryType::Link, "b", "/a"));
    assert_eq!(lines(&linked), ["a 644 7 x", "b = a"]);
}

#[test]
fn a_symbolic_link_may_say_anything() {
    let forge = Forge::of(layer().link(EntryType::Symlink, "l", "../../../etc/passwd"));
    assert_eq!(lines(&forge), ["l -> ../../../etc/passwd"]);
    assert_eq!(entry_fault(layer().link(EntryType::Symlink, "l", "")), EntryFault::Target);
    assert_eq!(entry_fault(layer().link(EntryType::Link, "l", "/")), EntryFault::Target);
}

#[test]
fn special_modes_are_dropped_and_devices_left_out() {
    let forge = Forge::of(
        layer()
            .entry(b"su", (EntryType::Regular, 0o6755), b"", b"x")
            .entry(b"tmp", (EntryType::Directory, 0o1777), b"", b"")
            .entry(b"dev/kmem", (EntryType::Char, 0o666), b"", b"")
            .entry(b"dev/vda", (EntryType::Block, 0o666), b"", b"")
            .entry(b"pipe", (EntryType::Fifo, 0o666), b"", b""),
    );
    assert_eq!(lines(&forge), ["su 755 7 x", "tmp/ 777", "- dev/kmem", "- dev/vda", "- pipe"]);
}

#[test]
fn whiteouts_speak_of_the_layers_below_whatever_their_place() {
    let upper = layer().file("a/new", "n").file("a/.wh..wh..opq", "").file("x", "kept").file(".wh.x", "");
    let forge = Forge::of(layer().file("a/old", "o")).and(upper);
    assert_eq!(lines(&forge), ["a/old 644 7 o", "-- a", "- x", "a/new 644 7 n", "x 644 7 kept"]);
    let root = Forge::of(layer().file("old", "o")).and(layer().file(".wh..wh..opq", ""));
    assert_eq!(lines(&root), ["old 644 7 o", "-- /"]);
}

#[test]
fn whiteouts_of_nothing_that_can_be_hidden_are_refused() {
    for name in [".wh.", ".wh..", "a/.wh...", ".wh.a/b", ".wh.a/.wh..wh..opq"] {
        assert_eq!(entry_fault(layer().file(name, "")), EntryFault::Whiteout, "{name}");
    }
    assert!(lines(&Forge::of(layer().file(".wh..wh.plnk/1", "").folder(".wh..wh.aufs"))).is_empty());
}

/// A record of an extended header.
fn record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let length = (0..1000).find(|n: &usize| n.to_string().len() + rest.len() == *n).unwrap();
    format!("{length}{rest}")
}

#[test]
fn a_size_beyond_all_numbers_is_the_images_fault_where_nothing_else_bounds_it() {
    let size = record("size", &(u64::MAX - 511).to_string());
    let layer = layer().file("a", &"x".repeat(512)).extended(size.as_bytes()).file("b", "");
    let limits = Limits { total_bytes: u64::MAX, entry_bytes: u64::MAX, ..Limits::default() };
    let error = unpack_with(Forge::of(layer).oci(), &limits).map(drop).unwrap_err();
    assert!(matches!(error.code(), Code::ArchiveUnsafe | Code::ArchiveTooLarge), "{error}");
}

#[test]
fn long_names_come_in_both_ways() {
    let long = format!("{}/f", "d".repeat(200));
    let gnu = layer().entry(b"././@LongLink", (EntryType::GNULongName, 0o644), b"", format!("{long}\0").as_bytes());
    assert_eq!(lines(&Forge::of(gnu.file("short", "x"))), [format!("{long} 644 7 x")]);
    // Values may hold any byte, line feeds too; lengths count.
    let records =
        [record("SCHILY.xattr.user.x", "a\nb\n"), record("path", &long), record("linkpath", "target")].concat();
    let pax = layer().extended(records.as_bytes()).link(EntryType::Symlink, "short", "other");
    assert_eq!(lines(&Forge::of(pax)), [format!("{long} -> target")]);
    let zero = layer().extended(record("path", "a\0b").as_bytes()).file("x", "");
    assert_eq!(entry_fault(zero), PathFault::Zero.into());
    for broken in ["7 path", "x path=y\n", "99 path=y\n", "10 path=yy", "3 \n"] {
        assert_eq!(entry_fault(layer().extended(broken.as_bytes()).file("x", "")), EntryFault::Extended, "{broken:?}");
    }
}

#[test]
fn names_need_not_be_text() {
    let forge = Forge::of(layer().entry(b"caf\xe9", (EntryType::Regular, 0o644), b"", b"x"));
    assert_eq!(lines(&forge), ["caf\u{fffd} 644 7 x"]);
}

#[test]
fn names_that_no_system_of_files_holds_are_refused() {
    let named = |name: String| layer().entry(b"@", (EntryType::GNULongName, 0o644), b"", name.as_bytes()).file("x", "");
    assert_eq!(entry_fault(named("d".repeat(256))), PathFault::TooLong.into());
    assert_eq!(entry_fault(named("d/".repeat(2100))), PathFault::TooLong.into());
    assert_eq!(entry_fault(named("d/".repeat(129))), PathFault::TooDeep.into());
}

#[test]
fn an_extended_header_is_not_kept_when_it_is_long() {
    let long = layer().entry(b"@", (EntryType::GNULongName, 0o644), b"", &[b'a'].repeat((1 << 20) + 1)).file("x", "");
    assert_eq!(entry_fault(long), EntryFault::Extended);
    // A length that is not there does not reserve memory.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::XHeader);
    header.set_size(u64::MAX / 2);
    header.set_cksum();
    assert_eq!(entry_fault(layer().raw(&header, b"")), EntryFault::Extended);
}

#[test]
fn sparse_files_and_unknown_kinds_are_refused() {
    assert_eq!(entry_fault(layer().entry(b"s", (EntryType::GNUSparse, 0o644), b"", b"")), EntryFault::Sparse);
    assert_eq!(entry_fault(layer().extended(b"22 GNU.sparse.major=1\n").file("s", "")), EntryFault::Sparse);
    assert_eq!(
        entry_fault(layer().entry(b"v", (EntryType::new(b'V'), 0o644), b"", b"")),
        EntryFault::Kind { kind: 'V' }
    );
}

#[test]
fn a_broken_or_cut_tar_is_refused() {
    let mut broken = layer().file("a", "x");
    broken.tar[0] ^= 1;
    assert_eq!(entry_fault(broken), EntryFault::Header);
    let cut = |length: usize| {
        let mut tar = layer().file("a", "some content").end();
        tar.truncate(length);
        Forge::of_blobs(vec![Blob::plain(tar)])
    };
    for length in [100, 511, 515] {
        let refused = refusal(&cut(length));
        assert!(matches!(refused, ImageError::Entry { fault: EntryFault::Truncated, .. }), "{length}: {refused:?}");
    }
    // Some writers end a tar without its last blocks.
    for length in [524, 1024, 1536] {
        assert_eq!(lines(&cut(length)), ["a 644 7 some content"], "{length}");
    }
}

#[test]
fn compressed_data_that_is_cut_or_broken_is_refused() {
    let tar = layer().file("a", &"content ".repeat(1000)).end();
    for (pack, media_type) in [
        (gzip as fn(&[u8]) -> Vec<u8>, "application/vnd.oci.image.layer.v1.tar+gzip"),
        (zstandard, "application/vnd.oci.image.layer.v1.tar+zstd"),
    ] {
        let good = Blob::packed(&tar, pack, media_type);
        let mut cut = good.clone();
        cut.bytes.truncate(good.bytes.len() - 5);
        let mut no_such_data = good.clone();
        no_such_data.bytes = vec![7; 1000];
        for blob in [cut, no_such_data] {
            let refused = refusal(&Forge::of_blobs(vec![blob]));
            let broken = matches!(
                &refused,
                ImageError::Layer { fault: LayerFault::Compression | LayerFault::DiffId { .. }, .. }
            );
            assert!(broken, "{media_type}: {refused:?}");
        }
    }
}

#[test]
fn a_layer_that_is_not_the_configurations_is_refused() {
    let mut blob = Blob::plain(layer().file("a", "x").end());
    blob.diff_id = crate::digest::Digest::sha256(b"another");
    let refused = refusal(&Forge::of_blobs(vec![blob]));
    assert!(matches!(refused, ImageError::Layer { layer: 1, fault: LayerFault::DiffId { .. } }), "{refused:?}");
}

#[test]
fn a_small_layer_that_becomes_a_large_one_is_refused() {
    let bomb = layer().entry(b"zeros", (EntryType::Regular, 0o644), b"", &vec![0; 300 << 20]).end();
    let blob = Blob::packed(&bomb, gzip, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert!(matches!(
        refusal(&Forge::of_blobs(vec![blob])),
        ImageError::TooLarge { bound: crate::archive::Bound::Ratio, .. }
    ));
}

#[test]
fn a_layer_that_is_there_many_times_makes_an_image_no_larger() {
    let zeros = layer().entry(b"zeros", (EntryType::Regular, 0o644), b"", &vec![0; 40 << 20]).end();
    let blob = Blob::packed(&zeros, gzip, "application/vnd.oci.image.layer.v1.tar+gzip");
    let times = |count| Forge::of_blobs(vec![blob.clone(); count]);
    assert!(unpack(times(3).oci()).is_ok());
    let refused = refusal(&times(8));
    assert!(matches!(refused, ImageError::TooLarge { bound: crate::archive::Bound::Ratio, .. }), "{refused:?}");
}

#[test]
fn nothing_but_zeros_follows_the_end_of_a_tar() {
    let with = |rest: &[u8]| Forge::of_blobs(vec![Blob::plain([&layer().file("a", "x").end(), rest].concat())]);
    assert_eq!(lines(&with(&vec![0; 300_000])), ["a 644 7 x"]);
    let refused = refusal(&with(&[vec![0; 300_000], b"x".to_vec()].concat()));
    assert!(matches!(refused, ImageError::Layer { layer: 1, fault: LayerFault::Trailing }), "{refused:?}");
}

#[test]
fn all_layers_together_keep_to_the_limits() {
    let forge = Forge::of(layer().file("a", &"x".repeat(1000))).and(layer().file("b", &"x".repeat(1000)).folder("c"));
    let with = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        match unpack_with(forge.oci(), &limits).map(drop) {
            Ok(()) => None,
            Err(ImageError::TooLarge { bound, .. }) => Some(bound),
            Err(other) => panic!("{other:?}"),
        }
    };
    // Headers and the blocks at the end count: they have to be read.
    assert_eq!(with(|limits| limits.total_bytes = 2560 + 3072), None);
    assert_eq!(with(|limits| limits.total_bytes = 2560 + 3071), Some(crate::archive::Bound::TotalBytes));
    assert_eq!(with(|limits| limits.entries = 3), None);
    assert_eq!(with(|limits| limits.entries = 2), Some(crate::archive::Bound::Entries));
    assert_eq!(with(|limits| limits.entry_bytes = 1000), None);
    assert_eq!(with(|limits| limits.entry_bytes = 999), Some(crate::archive::Bound::EntryBytes));
}

#[test]
fn a_size_of_eight_exbibytes_is_no_size() {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[0] = b'a';
    header.set_size(u64::MAX);
    header.set_cksum();
    let refused = refusal(&Forge::of(layer().raw(&header, b"")));
    assert!(matches!(refused, ImageError::Entry { fault: EntryFault::Header, .. }), "{refused:?}");
    header.set_size(1 << 40);
    header.set_cksum();
    let refused = refusal(&Forge::of(layer().raw(&header, b"")));
    assert!(matches!(refused, ImageError::TooLarge { .. }), "{refused:?}");
}

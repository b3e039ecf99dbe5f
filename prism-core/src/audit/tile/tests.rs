use proptest::prelude::*;

use super::*;
use crate::audit::tree::{leaf_hash, node_hash};

fn tree(size: u64) -> Tree {
    let mut tree = Tree::new();
    for index in 0..size {
        tree.append(leaf_hash(&index.to_be_bytes()));
    }
    tree
}

fn hash_tile(path: &str) -> HashTile {
    match path.parse() {
        Ok(Tile::Hashes(tile)) => tile,
        other => panic!("{path}: {other:?}"),
    }
}

fn bundle(path: &str) -> Bundle {
    match path.parse() {
        Ok(Tile::Entries(bundle)) => bundle,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn paths_have_the_spelling_of_the_standard() {
    for path in [
        "tile/0/000",
        "tile/0/x001/x234/067",
        "tile/63/x001/000.p/255",
        "tile/entries/067.p/1",
        "tile/0/x072/x057/x594/x037/x927/934",
    ] {
        assert_eq!(path.parse::<Tile>().unwrap().to_string(), path);
    }
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/001/",
        "tile/0//001",
        "tile/00/001",
        "tile/64/001",
        "tile/256/001",
        "tile/+1/001",
        "tile/-1/001",
        "tile/entries/001.p/0",
        "tile/entries/001.p/256",
        "tile/entries/001.p/01",
        "tile/entries/001.p/",
        "tile/entries/001.p/1/",
        "tile/entries/001.p/1.p/1",
        "tile/Entries/001",
        "/tile/0/001",
        "tile/0/../001",
        "tile/0/x072/x057/x594/x037/x927/935",
    ] {
        assert_eq!(path.parse::<Tile>(), Err(TileError::Path), "{path}");
    }
}

#[test]
fn a_tree_has_the_tiles_that_the_standard_counts() {
    let tiles: Vec<String> = Tile::covering(70_000).map(|tile| tile.to_string()).collect();
    let of = |prefix: &str| tiles.iter().filter(|tile| tile.starts_with(prefix)).count();
    assert_eq!((of("tile/entries/"), of("tile/0/"), of("tile/1/"), of("tile/2/")), (274, 274, 2, 1));
    for partial in ["tile/entries/273.p/112", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"] {
        assert!(tiles.contains(&partial.to_owned()), "{partial}");
    }
    assert_eq!(tiles.len(), 274 + 274 + 2 + 1);
    let full: Vec<String> = Tile::covering(256).map(|tile| tile.to_string()).collect();
    assert_eq!(full, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    assert_eq!(Tile::covering(0).count(), 0);
    assert!(Tile::covering(u64::MAX).nth(2).is_some());
}

#[test]
fn a_tile_above_is_made_of_the_tiles_below() {
    let tree = tree(70_000);
    let above = hash_tile("tile/1/001.p/17");
    let hashes = above.read(&above.write(&tree).unwrap()).unwrap();
    assert_eq!(hashes.len(), 17);
    for (index, hash) in (256..).zip(hashes) {
        let below = hash_tile(&format!("tile/0/{index}"));
        let mut row = below.read(&below.write(&tree).unwrap()).unwrap();
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        assert_eq!(row, [hash], "tile {index}");
    }
}

#[test]
fn tiles_beyond_the_tree_are_not_made() {
    let tree = tree(300);
    assert_eq!(hash_tile("tile/0/001.p/44").write(&tree).map(|bytes| bytes.len()), Ok(44 * 32));
    for path in [
        "tile/0/001.p/45",
        "tile/0/002.p/1",
        "tile/1/000.p/2",
        "tile/63/000.p/1",
        "tile/0/x072/x057/x594/x037/x927/934",
    ] {
        assert_eq!(hash_tile(path).write(&tree), Err(TileError::NotThere(hash_tile(path))), "{path}");
    }
}

#[test]
fn tiles_and_bundles_of_the_wrong_length_are_refused() {
    let tile = hash_tile("tile/0/000.p/2");
    assert_eq!(tile.read(&[0; 64]).unwrap().len(), 2);
    for len in [0, 32, 63, 65, 96] {
        assert_eq!(tile.read(&vec![0; len]), Err(TileError::Content { expected: 2 }), "{len} bytes");
    }
    let bundle = bundle("tile/entries/000.p/2");
    let bytes = bundle.write([b"ab".as_slice(), b""]).unwrap();
    assert_eq!(bytes, b"\x00\x02ab\x00\x00");
    assert_eq!(bundle.read(&bytes).unwrap(), [b"ab".as_slice(), b""]);
    for end in 0..bytes.len() {
        assert_eq!(bundle.read(&bytes[..end]), Err(TileError::Content { expected: 2 }), "{end} bytes");
    }
    assert_eq!(bundle.read(b"\x00\x02ab\x00\x00\x00"), Err(TileError::Content { expected: 2 }));
    assert_eq!(bundle.write([b"ab".as_slice()]), Err(TileError::Content { expected: 2 }));
    assert_eq!(bundle.write([b"".as_slice(); 3]), Err(TileError::Content { expected: 2 }));
}

#[test]
fn an_entry_fits_a_bundle_or_is_refused() {
    let bundle = bundle("tile/entries/000.p/1");
    let longest = vec![7; ENTRY_MAX];
    assert_eq!(bundle.read(&bundle.write([longest.as_slice()]).unwrap()).unwrap(), [longest]);
    let longer = vec![7; ENTRY_MAX + 1];
    assert_eq!(bundle.write([longer.as_slice()]), Err(TileError::EntryTooLong { found: ENTRY_MAX + 1 }));
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_without_a_panic(bytes: Vec<u8>, width in 1_u16..=255) {
        if let Ok(entries) = bundle(&format!("tile/entries/000.p/{width}")).read(&bytes) {
            prop_assert_eq!(bundle(&format!("tile/entries/000.p/{width}")).write(entries).unwrap(), bytes);
        }
    }
}

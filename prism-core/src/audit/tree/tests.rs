use proptest::prelude::*;

use super::*;

/// The entries and roots that Certificate Transparency implementations share.
const ENTRIES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const N01: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";

fn known() -> Tree {
    let mut tree = Tree::new();
    for entry in ENTRIES {
        tree.append(leaf_hash(&hex::decode(entry).unwrap()));
    }
    tree
}

/// A tree whose entries are all different.
fn tree_of(size: u64) -> Tree {
    let mut tree = Tree::new();
    for index in 0..size {
        assert_eq!(tree.append(leaf(index)), index);
    }
    tree
}

fn leaf(index: u64) -> TreeHash {
    leaf_hash(&index.to_be_bytes())
}

fn texts(path: &[TreeHash]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

/// The definition of RFC 6962, section 2.1, word for word.
fn by_definition(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&by_definition(left), &by_definition(right))
        }
    }
}

#[test]
fn roots_and_paths_have_their_published_values() {
    let tree = known();
    for (size, root) in (0..).zip(ROOTS) {
        assert_eq!(tree.root_at(size).unwrap().to_string(), root, "size {size}");
    }
    assert_eq!(tree.root_at(9), None);
    assert_eq!(tree.root(), tree.root_at(8).unwrap());
    assert_eq!(Tree::new().root(), empty_root());

    let first = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        N01,
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(texts(&tree.inclusion_path(0, 8).unwrap()), first);
    assert_eq!(texts(&tree.consistency_path(1, 8).unwrap()), first);
    assert_eq!(
        texts(&tree.consistency_path(6, 8).unwrap()),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            ROOTS[4],
        ]
    );
    assert_eq!(
        texts(&tree.consistency_path(2, 5).unwrap()),
        [N01, "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]
    );
}

#[test]
fn every_small_tree_proves_every_entry_and_every_beginning() {
    let tree = tree_of(40);
    let leaves: Vec<_> = (0..40).map(leaf).collect();
    for size in 0..=40 {
        let root = tree.root_at(size).unwrap();
        assert_eq!(root, by_definition(&leaves[..usize::try_from(size).unwrap()]), "size {size}");
        for index in 0..size {
            let path = tree.inclusion_path(index, size).unwrap();
            verify_inclusion(leaf(index), index, size, &path, &root).unwrap();
        }
        for old in 0..=size {
            let path = tree.consistency_path(old, size).unwrap();
            let old_root = tree.root_at(old).unwrap();
            verify_consistency((old, &old_root), (size, &root), &path).unwrap();
        }
    }
}

#[test]
fn proofs_beyond_the_tree_are_not_made() {
    let tree = tree_of(5);
    assert_eq!(tree.inclusion_path(5, 5), Err(TreeError::IndexOutOfRange { index: 5, size: 5 }));
    assert_eq!(tree.inclusion_path(0, 0), Err(TreeError::IndexOutOfRange { index: 0, size: 0 }));
    assert_eq!(tree.inclusion_path(0, 6), Err(TreeError::SizeOutOfRange { asked: 6, has: 5 }));
    assert_eq!(tree.consistency_path(1, 6), Err(TreeError::SizeOutOfRange { asked: 6, has: 5 }));
    assert_eq!(tree.consistency_path(4, 3), Err(TreeError::Truncated { old: 4, new: 3 }));
}

#[test]
fn an_index_outside_the_signed_size_is_refused() {
    let root = leaf(0);
    verify_inclusion(leaf(0), 0, 1, &[], &root).unwrap();
    assert_eq!(verify_inclusion(leaf(0), 1, 1, &[], &root), Err(TreeError::IndexOutOfRange { index: 1, size: 1 }));
    assert_eq!(verify_inclusion(leaf(0), 0, 0, &[], &root), Err(TreeError::IndexOutOfRange { index: 0, size: 0 }));
}

#[test]
fn paths_of_any_length_and_the_largest_sizes_are_only_refused() {
    let path = [leaf(1); 70];
    for len in 0..path.len() {
        let found = verify_inclusion(leaf(0), u64::MAX - 1, u64::MAX, &path[..len], &leaf(2));
        assert!(matches!(found, Err(TreeError::PathLength { .. } | TreeError::NotIncluded)), "{len}: {found:?}");
        let found = verify_consistency((u64::MAX - 1, &leaf(3)), (u64::MAX, &leaf(2)), &path[..len]);
        assert!(matches!(found, Err(TreeError::PathLength { .. } | TreeError::Forked)), "{len}: {found:?}");
    }
}

#[test]
fn truncation_is_refused() {
    let tree = tree_of(9);
    let (seven, nine) = (tree.root_at(7).unwrap(), tree.root());
    assert_eq!(verify_consistency((9, &nine), (7, &seven), &[]), Err(TreeError::Truncated { old: 9, new: 7 }));
}

#[test]
fn two_roots_for_one_size_are_a_fork() {
    assert_eq!(verify_consistency((3, &leaf(1)), (3, &leaf(2)), &[]), Err(TreeError::Forked));
    assert_eq!(verify_consistency((0, &leaf(1)), (3, &leaf(2)), &[]), Err(TreeError::Forked));
    assert_eq!(verify_consistency((0, &leaf(1)), (0, &leaf(1)), &[]), Err(TreeError::Forked));
    verify_consistency((0, &empty_root()), (3, &leaf(2)), &[]).unwrap();
    let padded = verify_consistency((3, &leaf(1)), (3, &leaf(1)), &[leaf(0)]);
    assert_eq!(padded, Err(TreeError::PathLength { found: 1 }));
}

proptest! {
    #[test]
    fn an_altered_inclusion_proof_is_refused(size in 2_u64..600, pick: u64, bit in 0_usize..256, spot: usize) {
        let tree = tree_of(size);
        let (index, root) = (pick % size, tree.root());
        let path = tree.inclusion_path(index, size).unwrap();
        prop_assert!(verify_inclusion(leaf(index), index, size, &path, &root).is_ok());
        for wrong in (0..size).filter(|&wrong| wrong != index) {
            prop_assert!(verify_inclusion(leaf(index), wrong, size, &path, &root).is_err(), "index {wrong}");
            prop_assert!(verify_inclusion(leaf(wrong), index, size, &path, &root).is_err(), "entry {wrong}");
        }
        prop_assert!(verify_inclusion(leaf(index), index, size, &path, &flip(root, bit)).is_err());
        prop_assert!(verify_inclusion(flip(leaf(index), bit), index, size, &path, &root).is_err());
        for altered in alterations(&path, spot, bit) {
            prop_assert!(verify_inclusion(leaf(index), index, size, &altered, &root).is_err());
        }
    }

    #[test]
    fn an_altered_consistency_proof_is_refused(size in 2_u64..600, pick: u64, bit in 0_usize..256, spot: usize) {
        let tree = tree_of(size);
        let (old, root) = (1 + pick % (size - 1), tree.root());
        let old_root = tree.root_at(old).unwrap();
        let path = tree.consistency_path(old, size).unwrap();
        prop_assert!(verify_consistency((old, &old_root), (size, &root), &path).is_ok());
        for wrong in (1..=size).filter(|&wrong| wrong != old) {
            let wrong_root = tree.root_at(wrong).unwrap();
            prop_assert!(verify_consistency((wrong, &wrong_root), (size, &root), &path).is_err(), "size {wrong}");
        }
        prop_assert!(verify_consistency((old, &flip(old_root, bit)), (size, &root), &path).is_err());
        prop_assert!(verify_consistency((old, &old_root), (size, &flip(root, bit)), &path).is_err());
        for altered in alterations(&path, spot, bit) {
            prop_assert!(verify_consistency((old, &old_root), (size, &root), &altered).is_err());
        }
    }

    #[test]
    fn a_changed_past_cannot_be_proven_consistent(size in 2_u64..200, pick: u64, changed: u64) {
        let tree = tree_of(size);
        let old = 1 + pick % (size - 1);
        let mut fork = Tree::new();
        for index in 0..size {
            fork.append(if index == changed % old { leaf(u64::MAX) } else { leaf(index) });
        }
        let path = fork.consistency_path(old, size).unwrap();
        let (seen, new) = (tree.root_at(old).unwrap(), fork.root());
        prop_assert_eq!(verify_consistency((old, &seen), (size, &new), &path), Err(TreeError::Forked));
    }
}

fn flip(hash: TreeHash, bit: usize) -> TreeHash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    TreeHash::from_bytes(bytes)
}

/// The path with one bit flipped, one hash missing, doubled or added, and all hashes reversed.
fn alterations(path: &[TreeHash], spot: usize, bit: usize) -> Vec<Vec<TreeHash>> {
    let spot = spot % path.len();
    let (mut flipped, mut shorter, mut doubled, mut longer) =
        (path.to_vec(), path.to_vec(), path.to_vec(), path.to_vec());
    flipped[spot] = flip(flipped[spot], bit);
    shorter.remove(spot);
    doubled.insert(spot, path[spot]);
    longer.push(leaf(0));
    let mut altered = vec![flipped, shorter, doubled, longer, Vec::new()];
    if path.len() > 1 {
        altered.push(path.iter().rev().copied().collect());
    }
    altered
}

use proptest::prelude::*;

use super::*;
use crate::audit::checkpoint::LogKey;
use crate::audit::tree::Tree;
use crate::entropy::SystemEntropy;

const ORIGIN: &str = "prism.log/1ee04b8f/000102030405060708090a0b0c0d0e0f";

/// A log of `size` entries and the receipt of one of them.
fn log(size: u64, index: u64) -> (LogKey, Tree, Receipt) {
    let key = LogKey::generate(ORIGIN, &mut SystemEntropy).unwrap();
    let mut tree = Tree::new();
    for index in 0..size {
        tree.append(leaf_hash(&entry(index)));
    }
    let head = key.sign(&Checkpoint::new(ORIGIN, &tree)).unwrap();
    let receipt = Receipt::new(index, tree.inclusion_path(index, size).unwrap(), head);
    (key, tree, receipt)
}

fn entry(index: u64) -> Vec<u8> {
    format!(r#"{{"v":1,"seq":{index}}}"#).into_bytes()
}

fn believed(text: &str, key: &LogKey, entry: &[u8]) -> Result<Checkpoint, ReceiptError> {
    Receipt::read(text.as_bytes())?.verify(key.verifier(), entry)
}

#[test]
fn a_receipt_has_the_text_of_the_standard() {
    let (key, tree, receipt) = log(3, 1);
    let text = receipt.to_text();
    let path = tree.inclusion_path(1, 3).unwrap();
    let head =
        format!("c2sp.org/tlog-proof@v1\nindex 1\n{}\n{}\n\n{ORIGIN}\n3\n", path[0].to_base64(), path[1].to_base64());
    assert!(text.starts_with(&head), "{text}");
    assert_eq!(Receipt::read(text.as_bytes()).unwrap(), receipt);
    let head = believed(&text, &key, &entry(1)).unwrap();
    assert_eq!((head.size(), receipt.index()), (3, 1));
}

#[test]
fn the_receipt_of_a_single_entry_has_no_path() {
    let (key, _, receipt) = log(1, 0);
    let text = receipt.to_text();
    assert!(text.starts_with(&format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{ORIGIN}\n1\n")), "{text}");
    believed(&text, &key, &entry(0)).unwrap();
}

#[test]
fn only_the_one_spelling_is_read() {
    let (_, _, receipt) = log(3, 1);
    let text = receipt.to_text();
    let path_line = text.lines().nth(2).unwrap();
    let path_65 = format!("{path_line}\n").repeat(65);
    for altered in [
        text.replace("@v1", "@v2"),
        text.replace("index 1\n", "extra AA==\nindex 1\n"),
        text.replace("index 1\n", "index 01\n"),
        text.replace("index 1\n", "index  1\n"),
        text.replace("index 1\n", "index -1\n"),
        text.replace("index 1\n", "index\n"),
        text.replace("index 1\n", ""),
        text.replace(path_line, path_line.trim_end_matches('=')),
        text.replace(path_line, &format!("{path_line} ")),
        text.replacen(&format!("{path_line}\n"), &path_65, 1),
        text.replacen("\n\n", "\n", 1),
        text.replacen("\n\n", "\n\n\n", 1),
        text.replace('\n', "\r\n"),
        format!("\n{text}"),
        format!("{text}\n"),
    ] {
        let read = Receipt::read(altered.as_bytes());
        let refused = matches!(
            read,
            Err(ReceiptError::Malformed { .. } | ReceiptError::Checkpoint(CheckpointError::Malformed { .. }))
        );
        assert!(refused, "{altered:?}: {read:?}");
    }
    let long = vec![b'a'; RECEIPT_MAX + 1];
    assert_eq!(Receipt::read(&long), Err(ReceiptError::TooLong { found: RECEIPT_MAX + 1 }));
}

#[test]
fn no_flipped_bit_of_a_receipt_is_believed() {
    let (key, _, receipt) = log(6, 4);
    let text = receipt.to_text().into_bytes();
    for bit in 0..text.len() * 8 {
        let mut altered = text.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let found = Receipt::read(&altered).and_then(|receipt| receipt.verify(key.verifier(), &entry(4)));
        assert!(found.is_err(), "bit {bit}");
    }
}

#[test]
fn a_good_path_under_a_forged_head_and_a_good_head_with_a_wrong_path_are_refused() {
    let (key, tree, receipt) = log(6, 4);
    let (other_key, _, _) = log(6, 4);
    let wrong_key = receipt.verify(other_key.verifier(), &entry(4));
    assert_eq!(wrong_key, Err(ReceiptError::Checkpoint(CheckpointError::OtherKey)));

    let wrong_path = Receipt::new(4, tree.inclusion_path(5, 6).unwrap(), receipt.checkpoint().clone());
    assert!(matches!(wrong_path.verify(key.verifier(), &entry(4)), Err(ReceiptError::Path(_))));
    assert_eq!(receipt.verify(key.verifier(), b"another entry"), Err(ReceiptError::Path(TreeError::NotIncluded)));
}

#[test]
fn the_size_is_only_what_the_log_signed() {
    // The bare path is good for other sizes too, as RFC 6962 has it; the signature is what fixes the size.
    let (key, tree, receipt) = log(1000, 333);
    let path = tree.inclusion_path(333, 1000).unwrap();
    let fits = |size: &u64| verify_inclusion(leaf_hash(&entry(333)), 333, *size, &path, &tree.root()).is_ok();
    let other_sizes: Vec<u64> = (1..2000).filter(|&size| size != 1000).filter(fits).collect();
    assert!(!other_sizes.is_empty());
    for size in other_sizes {
        let text = receipt.to_text().replace("\n1000\n", &format!("\n{size}\n"));
        let refused = believed(&text, &key, &entry(333));
        assert_eq!(refused, Err(ReceiptError::Checkpoint(CheckpointError::Forged)), "size {size}");
    }
}

proptest! {
    #[test]
    fn every_entry_has_a_receipt_that_is_only_its_own(size in 1_u64..300, pick: u64, other: u64) {
        let index = pick % size;
        let (key, _, receipt) = log(size, index);
        let text = receipt.to_text();
        prop_assert_eq!(believed(&text, &key, &entry(index)).unwrap().size(), size);
        let other = other % 400;
        if other != index {
            prop_assert!(believed(&text, &key, &entry(other)).is_err());
            let moved = text.replace(&format!("index {index}\n"), &format!("index {other}\n"));
            prop_assert!(believed(&moved, &key, &entry(index)).is_err());
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes: Vec<u8>, text: String) {
        prop_assert!(Receipt::read(&bytes).is_err());
        prop_assert!(SignedCheckpoint::read(&bytes).is_err());
        let text = format!("{HEADER}\nindex 1\n\n{text}");
        prop_assert!(Receipt::read(text.as_bytes()).is_err());
    }
}

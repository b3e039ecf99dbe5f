use std::path::PathBuf;

use super::*;
use crate::audit::tree::leaf_hash;
use crate::entropy::SystemEntropy;

const ORIGIN: &str = "prism.log/1ee04b8f/000102030405060708090a0b0c0d0e0f";

fn key() -> LogKey {
    LogKey::generate(ORIGIN, &mut SystemEntropy).unwrap()
}

fn tree(size: u64) -> Tree {
    let mut tree = Tree::new();
    for index in 0..size {
        tree.append(leaf_hash(&index.to_be_bytes()));
    }
    tree
}

fn signed(key: &LogKey, size: u64) -> SignedCheckpoint {
    key.sign(&Checkpoint::new(ORIGIN, &tree(size))).unwrap()
}

fn believed(text: &[u8], key: &VerifierKey) -> Result<Checkpoint, CheckpointError> {
    SignedCheckpoint::read(text)?.verify(key)
}

#[test]
fn a_checkpoint_has_the_text_of_the_standard() {
    let key = key();
    let text = signed(&key, 5).as_str().to_owned();
    let start = format!("{ORIGIN}\n5\n{}\n\n— {ORIGIN} ", tree(5).root().to_base64());
    let encoded = text.strip_prefix(&start).unwrap().strip_suffix('\n').unwrap();
    let bytes = STANDARD.decode(encoded).unwrap();
    assert_eq!(bytes[..4], key.verifier().id());
    assert_eq!(bytes.len(), 68);

    let head = believed(text.as_bytes(), key.verifier()).unwrap();
    assert_eq!((head.origin(), head.size(), *head.root()), (ORIGIN, 5, tree(5).root()));
    assert_eq!(SignedCheckpoint::read(text.as_bytes()).unwrap().to_string(), text);
}

#[test]
fn no_flipped_bit_of_a_checkpoint_is_believed() {
    let key = key();
    let text = signed(&key, 5).as_str().as_bytes().to_vec();
    for bit in 0..text.len() * 8 {
        let mut altered = text.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(believed(&altered, key.verifier()).is_err(), "bit {bit}");
    }
}

#[test]
fn no_shortened_or_lengthened_checkpoint_is_read() {
    let text = signed(&key(), 5).as_str().to_owned();
    for end in 0..text.len() {
        assert!(SignedCheckpoint::read(&text.as_bytes()[..end]).is_err(), "{end} bytes");
    }
    for more in ["\n", " ", "\0", "x"] {
        assert!(SignedCheckpoint::read(format!("{text}{more}").as_bytes()).is_err(), "{more:?}");
    }
    let long = "a".repeat(CHECKPOINT_MAX + 1);
    assert_eq!(SignedCheckpoint::read(long.as_bytes()), Err(CheckpointError::TooLong { found: CHECKPOINT_MAX + 1 }));
}

#[test]
fn only_the_one_spelling_is_read() {
    let key = key();
    let text = signed(&key, 5).as_str().to_owned();
    let (body, line) = text.split_once("\n\n").unwrap();
    let root = tree(5).root().to_base64();
    let altered = [
        text.replace("\n5\n", "\n05\n"),
        text.replace("\n5\n", "\n+5\n"),
        text.replace("\n5\n", "\n5 \n"),
        text.replace("\n5\n", "\n\n"),
        text.replace("\n5\n", "\n18446744073709551616\n"),
        text.replace("\n5\n", "\n٥\n"),
        text.replace(&root, root.trim_end_matches('=')),
        text.replace(&root, &format!("{root}=")),
        text.replace(&root, &STANDARD.encode([0; 31])),
        text.replace('\n', "\r\n"),
        text.replace('—', "-"),
        text.replace("— ", "—  "),
        format!("\u{feff}{text}"),
        format!("{body}\nextension\n\n{line}"),
        format!("{text}{line}"),
        format!("{body}\n\n"),
        text.replace(ORIGIN, ""),
        text.replace(ORIGIN, "a b"),
        text.replace(ORIGIN, "a+b"),
        text.replace(ORIGIN, "a\u{a0}b"),
        text.replace(ORIGIN, "a\tb"),
        text.replacen(ORIGIN, "prism.log/other", 1),
    ];
    for text in altered {
        let read = SignedCheckpoint::read(text.as_bytes());
        assert!(matches!(read, Err(CheckpointError::Malformed { .. })), "{text:?}: {read:?}");
    }
    // The spare bits of a root's last digit: the same hash for a careless reader.
    let mut loose = root.clone().into_bytes();
    loose[42] = if loose[42] == b'z' { b'y' } else { loose[42] + 1 };
    let loose = text.replace(&root, &String::from_utf8(loose).unwrap());
    assert!(believed(loose.as_bytes(), key.verifier()).is_err());
}

#[test]
fn another_logs_checkpoint_and_another_keys_signature_are_refused() {
    let (mine, theirs) = (key(), key());
    let checkpoint = signed(&mine, 3);
    assert_eq!(checkpoint.verify(theirs.verifier()), Err(CheckpointError::OtherKey));
    let renamed = VerifierKey::new("prism.log/other", mine.verifier().public_key().clone()).unwrap();
    assert_eq!(checkpoint.verify(&renamed), Err(CheckpointError::OtherLog { expected: "prism.log/other".to_owned() }));

    let mut forged = signed(&theirs, 3);
    forged.key_id = mine.verifier().id();
    assert_eq!(forged.verify(mine.verifier()), Err(CheckpointError::Forged));
}

#[test]
fn a_key_signs_only_for_its_own_log() {
    let refused = key().sign(&Checkpoint::new("prism.log/other", &tree(1)));
    assert!(matches!(refused, Err(LogKeyError::OtherLog { .. })), "{refused:?}");
}

#[test]
fn a_newer_head_must_continue_the_older_one() {
    let full = tree(9);
    let heads: Vec<_> = (0..=9).map(|size| Checkpoint::new(ORIGIN, &tree(size))).collect();
    let path = full.consistency_path(6, 9).unwrap();
    heads[9].verify_continues(&heads[6], &path).unwrap();
    assert_eq!(heads[6].verify_continues(&heads[9], &path), Err(TreeError::Truncated { old: 9, new: 6 }), "truncation");
    assert!(heads[9].verify_continues(&heads[5], &path).is_err());
    let other = Checkpoint { origin: "prism.log/other".to_owned(), ..heads[6].clone() };
    assert_eq!(heads[9].verify_continues(&other, &path), Err(TreeError::OtherLog));

    let mut fork = tree(5);
    fork.append(leaf_hash(b"another sixth entry"));
    let fork = Checkpoint::new(ORIGIN, &fork);
    assert_eq!(heads[9].verify_continues(&fork, &path), Err(TreeError::Forked));
    assert_eq!(TreeError::Forked.code(), Code::LogForked);
}

#[test]
fn verifier_keys_read_back_and_altered_ones_are_refused() {
    let text = key().verifier().to_string();
    assert_eq!(text.parse::<VerifierKey>().unwrap().to_string(), text);
    for bit in 0..text.len() * 8 {
        let mut altered = text.clone().into_bytes();
        altered[bit / 8] ^= 1 << (bit % 8);
        if let Ok(altered) = String::from_utf8(altered) {
            assert!(altered.parse::<VerifierKey>().is_err(), "{altered}");
        }
    }
    for end in 0..text.len() {
        assert!(text[..end].parse::<VerifierKey>().is_err(), "{end} bytes");
    }
    assert!(format!("{text}\n").parse::<VerifierKey>().is_err());
    assert_eq!(text.split('+').next(), Some(ORIGIN));
    let long = "a".repeat(LOG_NAME_MAX + 1);
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", long.as_str()] {
        let key = key().verifier().public_key().clone();
        assert_eq!(VerifierKey::new(name, key), Err(VerifierKeyError::Name), "{name:?}");
    }
}

#[test]
fn only_sound_ed25519_keys_are_known() {
    let text = |key_type: u8, point: [u8; 32]| {
        let id = Digest::sha256(&[b"log\n", [key_type].as_slice(), &point].concat()).to_hex()[..8].to_owned();
        format!("log+{id}+{}", STANDARD.encode([[key_type].as_slice(), &point].concat()))
    };
    let sound = *key().verifier().public_key().point().first_chunk().unwrap();
    assert!(text(1, sound).parse::<VerifierKey>().is_ok());
    assert_eq!(text(4, sound).parse::<VerifierKey>(), Err(VerifierKeyError::Key));
    // Under the neutral element every message has a signature that holds.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert_eq!(text(1, neutral).parse::<VerifierKey>(), Err(VerifierKeyError::Key));
    let ecdsa = SigningKey::generate(KeyAlgorithm::EcdsaP256, &mut SystemEntropy).unwrap();
    assert_eq!(VerifierKey::new("log", ecdsa.public().clone()), Err(VerifierKeyError::Key));
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn the_published_verifier_key_reads_back() {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let vectors = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(fallback), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(vectors.join("protocol-v1.json")) else {
        eprintln!("skipped: no protocol-v1.json in {}", vectors.display());
        return;
    };
    let vector: serde_json::Value = serde_json::from_str(&text).unwrap();
    let text = vector["vkey"].as_str().unwrap();
    let key: VerifierKey = text.parse().unwrap();
    assert_eq!(key.name(), "prism.example/run/8c1f5c1e9d0b4f6f/1");
    assert_eq!(VerifierKey::new(key.name(), key.public_key().clone()).unwrap().to_string(), text);
}

#[test]
fn a_log_key_does_not_show_itself() {
    let key = key();
    assert_eq!(format!("{key:?}"), format!("LogKey {{ verifier: {:?}, .. }}", key.verifier()));
}

use prism_core::audit::checkpoint::LogKey;
use prism_core::audit::tree::{Tree, leaf_hash};
use prism_core::entropy::SystemEntropy;
use tempfile::TempDir;

use super::*;

struct Log {
    key: LogKey,
    tree: Tree,
}

impl Log {
    fn new(name: &str) -> Self {
        Self { key: LogKey::generate(name, &mut SystemEntropy::default()).unwrap(), tree: Tree::new() }
    }

    fn grow(&mut self, entry: &[u8]) -> Remembered {
        self.tree.append(leaf_hash(entry));
        let head = Checkpoint::new(self.key.verifier().name(), &self.tree);
        Remembered { key: self.key.verifier().clone(), signed: self.key.sign(&head).unwrap(), head }
    }
}

fn store() -> (TempDir, CheckpointStore, Digest) {
    let dir = tempfile::tempdir().unwrap();
    let store = CheckpointStore::in_directory(dir.path().join("seen"));
    (dir, store, Digest::sha256(b"manifest"))
}

#[test]
fn the_newest_head_of_every_log_is_remembered() {
    let (_dir, store, manifest) = store();
    let (mut one, mut other) = (Log::new("log/1"), Log::new("log/2"));
    assert!(store.latest(manifest).unwrap().is_none());
    store.keep(manifest, &one.grow(b"a")).unwrap();
    store.keep(manifest, &one.grow(b"b")).unwrap();
    store.keep(manifest, &other.grow(b"c")).unwrap();
    assert_eq!(store.of(manifest, one.key.verifier()).unwrap().unwrap().head.size(), 2);
    assert_eq!(store.latest(manifest).unwrap().unwrap().key, *other.key.verifier());
    assert!(store.latest(Digest::sha256(b"another")).unwrap().is_none());
}

#[test]
fn an_older_head_does_not_displace_a_newer_one() {
    let (_dir, store, manifest) = store();
    let mut log = Log::new("log/1");
    let (older, newer) = (log.grow(b"a"), log.grow(b"b"));
    store.keep(manifest, &newer).unwrap();
    store.keep(manifest, &older).unwrap();
    assert_eq!(store.latest(manifest).unwrap().unwrap().head, newer.head);
}

#[test]
fn a_damaged_memory_is_an_error_and_not_a_fresh_start() {
    let (dir, store, manifest) = store();
    let mut log = Log::new("log/1");
    store.keep(manifest, &log.grow(b"a")).unwrap();
    let folder = dir.path().join("seen").join(manifest.to_hex()).join(log_of(log.key.verifier()));
    let mut forger = Log::new("log/1");
    for text in ["", "nonsense", forger.grow(b"a").signed.as_str()] {
        fs::write(folder.join("checkpoint"), text).unwrap();
        assert!(matches!(store.latest(manifest), Err(LogError::Damaged { .. })), "{text}");
    }
    fs::write(dir.path().join("seen").join(manifest.to_hex()).join("latest"), "../../etc").unwrap();
    assert!(matches!(store.latest(manifest), Err(LogError::Damaged { .. })));
}

#[test]
fn both_heads_of_a_fork_are_kept_with_the_key_that_signed_them() {
    let (_dir, store, manifest) = store();
    let mut log = Log::new("log/1");
    let before = log.grow(b"a");
    log.tree = Tree::new();
    let now = log.grow(b"b");
    let kept = store.keep_fork(manifest, &before, &now.signed).unwrap();
    let key: VerifierKey = fs::read_to_string(kept.join("vkey")).unwrap().trim_end().parse().unwrap();
    for (file, head) in [("seen-before", before.head), ("seen-now", now.head)] {
        let signed = SignedCheckpoint::read(&fs::read(kept.join(file)).unwrap()).unwrap();
        assert_eq!(signed.verify(&key).unwrap(), head);
    }
}

#[test]
fn a_store_within_a_session_writes_nothing() {
    let store = CheckpointStore::within_session();
    let mut log = Log::new("log/1");
    store.keep(Digest::sha256(b"manifest"), &log.grow(b"a")).unwrap();
    assert!(store.latest(Digest::sha256(b"manifest")).unwrap().is_none());
}

//! The audit log: an append with its signed checkpoint against the bare signature and hashes that it needs.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::Ed25519KeyPair;
use criterion::{Criterion, criterion_group, criterion_main};
use prism_core::audit::checkpoint::{Checkpoint, LogKey};
use prism_core::audit::tree::{Tree, leaf_hash};
use prism_core::entropy::SystemEntropy;

const ORIGIN: &str = "prism.log/bench/000102030405060708090a0b0c0d0e0f";
const ENTRY: &[u8] = &[b'x'; 300];

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append an entry and sign the head");
    let key = LogKey::generate(ORIGIN, &mut SystemEntropy::default()).unwrap();
    let mut tree = Tree::new();
    group.bench_function("prism", |b| {
        b.iter(|| {
            tree.append(leaf_hash(ENTRY));
            key.sign(&Checkpoint::new(ORIGIN, &tree)).unwrap()
        });
    });
    let raw = Ed25519KeyPair::generate().unwrap();
    group.bench_function("one bare signature and two bare hashes", |b| {
        b.iter(|| (digest(&SHA256, ENTRY), digest(&SHA256, &ENTRY[..65]), raw.sign(&ENTRY[..150])));
    });
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);

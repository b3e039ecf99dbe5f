//! Sealing and opening an age file: ours against the `age` crate and the bare AEAD.
#![expect(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::io::{self, Read, Write};

use age::x25519;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{Identity, RecipientKind, open, seal};

const SIZE: usize = 8 << 20;

fn sealing(c: &mut Criterion) {
    let data = vec![7_u8; SIZE];
    let ours = Identity::generate(RecipientKind::X25519, &mut SystemEntropy::default()).expect("a key");
    let recipients = [ours.recipient()];
    let peer = x25519::Identity::generate();
    let mut group = c.benchmark_group("seal 8 MiB to X25519");
    group.throughput(Throughput::Bytes(SIZE as u64));
    group.bench_function("prism", |b| {
        b.iter(|| seal(&data[..], &recipients, &mut SystemEntropy::default(), io::sink()).expect("sealed"));
    });
    group.bench_function("age crate", |b| {
        b.iter(|| {
            let to: &dyn age::Recipient = &peer.to_public();
            let encryptor = age::Encryptor::with_recipients(std::iter::once(to)).expect("a recipient");
            let mut writer = encryptor.wrap_output(io::sink()).expect("a header");
            writer.write_all(&data).expect("sealed");
            writer.finish().expect("sealed");
        });
    });
    group.finish();
}

fn opening(c: &mut Criterion) {
    let data = vec![7_u8; SIZE];
    let identity = Identity::generate(RecipientKind::X25519, &mut SystemEntropy::default()).expect("a key");
    let mut file = Vec::new();
    seal(&data[..], &[identity.recipient()], &mut SystemEntropy::default(), &mut file).expect("sealed");
    let text = identity.to_text();
    let peer: x25519::Identity = text.parse().expect("an age key");
    let mut group = c.benchmark_group("open 8 MiB with X25519");
    group.throughput(Throughput::Bytes(SIZE as u64));
    group.bench_function("prism", |b| b.iter(|| open(&file[..], &identity, io::sink()).expect("opened")));
    group.bench_function("age crate", |b| {
        b.iter(|| {
            let decryptor = age::Decryptor::new(&file[..]).expect("a header");
            let identities = std::iter::once(&peer as &dyn age::Identity);
            let mut reader = decryptor.decrypt(identities).expect("a key");
            let mut out = Vec::with_capacity(SIZE);
            reader.read_to_end(&mut out).expect("opened");
            black_box(out.len())
        });
    });
    group.finish();
}

criterion_group!(benches, sealing, opening);
criterion_main!(benches);

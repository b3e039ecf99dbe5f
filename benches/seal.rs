//! Sealing and opening an age file: ours against the `age` crate and the bare AEAD.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::io::{self, Read, Write};

use age::x25519;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{Identity, RecipientKind, open, seal};

const SIZE: usize = 8 << 20;

fn sealing(c: &mut Criterion) {
    let data = vec![7_u8; SIZE];
    let ours = Identity::generate(RecipientKind::X25519, &mut SystemEntropy::default()).unwrap();
    let recipients = [ours.recipient().clone()];
    let peer = x25519::Identity::generate();
    let mut group = c.benchmark_group("seal 8 MiB to X25519");
    group.throughput(Throughput::Bytes(SIZE as u64));
    group.bench_function("prism", |b| {
        b.iter(|| seal(&data[..], &recipients, &mut SystemEntropy::default(), io::sink()).unwrap());
    });
    group.bench_function("age crate", |b| {
        b.iter(|| {
            let to: &dyn age::Recipient = &peer.to_public();
            let encryptor = age::Encryptor::with_recipients(std::iter::once(to)).unwrap();
            let mut writer = encryptor.wrap_output(io::sink()).unwrap();
            writer.write_all(&data).unwrap();
            writer.finish().unwrap();
        });
    });
    group.finish();
}

fn opening(c: &mut Criterion) {
    let data = vec![7_u8; SIZE];
    let identity = Identity::generate(RecipientKind::X25519, &mut SystemEntropy::default()).unwrap();
    let mut file = Vec::new();
    seal(&data[..], &[identity.recipient().clone()], &mut SystemEntropy::default(), &mut file).unwrap();
    let text = identity.to_text();
    let peer: x25519::Identity = text.parse().unwrap();
    let mut group = c.benchmark_group("open 8 MiB with X25519");
    group.throughput(Throughput::Bytes(SIZE as u64));
    group.bench_function("prism", |b| b.iter(|| open(&file[..], &identity, io::sink()).unwrap()));
    group.bench_function("age crate", |b| {
        b.iter(|| {
            let decryptor = age::Decryptor::new(&file[..]).unwrap();
            let identities = std::iter::once(&peer as &dyn age::Identity);
            let mut reader = decryptor.decrypt(identities).unwrap();
            let mut out = Vec::with_capacity(SIZE);
            reader.read_to_end(&mut out).unwrap();
            black_box(out.len())
        });
    });
    group.finish();
}

criterion_group!(benches, sealing, opening);
criterion_main!(benches);

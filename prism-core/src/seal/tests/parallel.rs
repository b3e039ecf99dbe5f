//! Many workers do what one does: the same bytes, the same refusals, and nobody waits for ever.

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::{CobblestoneKey, Context, Sealer};
use super::{CHUNK_LEN, OpenError, Opener, RecipientKind, SEALED_LEN, SealError, SystemEntropy, data, identity};
use crate::digest::{Digest, Hasher};
use crate::entropy::{Entropy, EntropyError};

const WORKERS: [usize; 4] = [1, 2, 3, 16];

fn workers(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

/// The same bytes every time, so that two files can be compared.
struct Fixed;

impl Entropy for Fixed {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        buffer.fill(7);
        Ok(())
    }
}

/// Gives a few bytes at a time, of lengths that fit nothing.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = (self.1 * 31 + 7) % 40_000;
        let room = buffer.len().min(self.1 + 1);
        self.0.read(&mut buffer[..room])
    }
}

#[test]
fn any_number_of_workers_makes_the_same_file() {
    let identity = identity(RecipientKind::X25519);
    let recipients = [identity.recipient().clone()];
    for size in [0, 1, CHUNK_LEN, 4 * CHUNK_LEN - 1, 4 * CHUNK_LEN, 4 * CHUNK_LEN + 1, 30 * CHUNK_LEN + 9] {
        let plain = data(size);
        let files = WORKERS.map(|count| {
            let sealer = Sealer::to(&recipients).workers(workers(count)).digest(Hasher::sha256());
            let mut file = Vec::new();
            let totals = sealer.seal(Trickle(&plain, 3), &mut Fixed, &mut file).unwrap();
            assert_eq!((totals.size, totals.digest), (size as u64, Some(Digest::sha256(&plain))));
            file
        });
        assert!(files.iter().all(|file| *file == files[0]), "{size}");
        for count in WORKERS {
            let mut out = Vec::new();
            let opener = Opener::with(&identity).workers(workers(count)).digest(Hasher::sha3_256());
            let totals = opener.open(Trickle(&files[0], 5), &mut out).unwrap();
            assert!(out == plain, "{size} with {count}");
            let mut hasher = Hasher::sha3_256();
            hasher.update(&plain);
            assert_eq!(totals.digest, Some(hasher.finish()));
        }
    }
}

#[test]
fn cobblestone_files_of_every_size_open_again_with_any_number_of_workers() {
    let key = CobblestoneKey::generate(&mut SystemEntropy).unwrap();
    let context = Context::asset(&"h1".parse().unwrap());
    for size in [0, 1, 16_383, 16_384, 16_385, 16 * 16_384, 16 * 16_384 + 1, 40 * 16_384 - 1] {
        let plain = data(size);
        for count in WORKERS {
            let mut file = Vec::new();
            let sealer = Sealer::cobblestone(&key, &context).workers(workers(count));
            sealer.seal(plain.as_slice(), &mut SystemEntropy, &mut file).unwrap();
            assert_eq!(super::super::cobblestone_len(size as u64), Some(file.len() as u64));
            let mut out = Vec::new();
            let opener = Opener::cobblestone(&key, &context).workers(workers(count));
            opener.open(Trickle(&file, 1), &mut out).unwrap();
            assert!(out == plain, "{size} with {count}");
        }
    }
}

#[test]
fn everything_before_the_first_altered_chunk_is_written_and_nothing_after_it() {
    let identity = identity(RecipientKind::X25519);
    let plain = data(20 * CHUNK_LEN);
    let file = super::sealed(&plain, &identity);
    let start = file.len() - 20 * SEALED_LEN;
    for count in WORKERS {
        for (first, second) in [(0, 1), (3, 4), (4, 19), (9, 10), (19, 19)] {
            let mut altered = file.clone();
            altered[start + first * SEALED_LEN] ^= 1;
            altered[start + second * SEALED_LEN + 5] ^= 1;
            let mut out = Vec::new();
            let error = Opener::with(&identity).workers(workers(count)).open(altered.as_slice(), &mut out).unwrap_err();
            assert!(matches!(error, OpenError::Payload { chunk } if chunk == first as u64), "{error:?}");
            assert!(out == plain[..first * CHUNK_LEN], "{first} with {count}");
        }
    }
}

/// Reads or writes well until `left` bytes have passed.
struct Failing {
    left: usize,
    panics: bool,
}

impl Failing {
    fn pass(&mut self, count: usize) -> io::Result<usize> {
        self.left = match self.left.checked_sub(count) {
            Some(left) => left,
            None if self.panics => panic!("a panic of the caller's own"),
            None => return Err(io::Error::other("broken")),
        };
        Ok(count)
    }
}

impl Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(1);
        self.pass(buffer.len())
    }
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_or_writer_that_fails_ends_the_work_with_its_own_error() {
    let identity = identity(RecipientKind::X25519);
    let recipients = [identity.recipient().clone()];
    for count in WORKERS {
        for left in [0, 1000, 3_000_000] {
            let sealer = || Sealer::to(&recipients).workers(workers(count));
            let broken = Failing { left, panics: false };
            assert!(matches!(sealer().seal(broken, &mut SystemEntropy, io::sink()), Err(SealError::Read(_))));
            let (endless, full) = (io::repeat(1), Failing { left, panics: false });
            assert!(matches!(sealer().seal(endless, &mut SystemEntropy, full), Err(SealError::Write(_))));
        }
    }
}

#[test]
fn a_panic_of_the_reader_or_writer_reaches_the_caller() {
    let identity = identity(RecipientKind::X25519);
    let recipients = [identity.recipient().clone()];
    let panicking = || Failing { left: 3_000_000, panics: true };
    for count in WORKERS {
        let sealer = || Sealer::to(&recipients).workers(workers(count));
        let reading = || sealer().seal(panicking(), &mut SystemEntropy, io::sink());
        assert!(catch_unwind(AssertUnwindSafe(reading)).is_err());
        let writing = || sealer().seal(io::repeat(1), &mut SystemEntropy, panicking());
        assert!(catch_unwind(AssertUnwindSafe(writing)).is_err());
    }
}

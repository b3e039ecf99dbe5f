//! Parts of files, and files that were cut.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::super::{CobblestoneKey, Context, Ranges, Sealer};
use super::{CHUNK_LEN, OpenError, RecipientKind, SEALED_LEN, SystemEntropy, data, header_len, identity, sealed};

const SIZES: [usize; 6] = [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 5 * CHUNK_LEN + 77];

/// Counts the bytes that are read.
struct Counting<'a>(Cursor<Vec<u8>>, &'a mut usize);

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        *self.1 += read;
        Ok(read)
    }
}

impl Seek for Counting<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

fn check<R: Read + Seek>(mut ranges: Ranges<R>, plain: &[u8]) {
    assert_eq!(ranges.size(), plain.len() as u64);
    for offset in [0, 1, 16_383, 16_384, 65_535, 65_536, 65_537, 200_000, plain.len(), plain.len() + 1, usize::MAX] {
        for length in [0, 1, 3, 65_536, 70_000, 400_000] {
            let mut out = vec![0; length];
            let read = ranges.read_at(offset as u64, &mut out).unwrap();
            let end = offset.saturating_add(length).min(plain.len());
            assert!(out[..read] == *plain.get(offset..end).unwrap_or_default(), "{length} at {offset}");
        }
    }
}

#[test]
fn any_range_of_a_file_of_any_size_is_read() {
    let identity = identity(RecipientKind::X25519);
    let key = CobblestoneKey::generate(&mut SystemEntropy).unwrap();
    let context = Context::asset(&"h1".parse().unwrap());
    for size in SIZES.into_iter().chain([16_384, 3 * 16_384]) {
        let plain = data(size);
        check(Ranges::open(Cursor::new(sealed(&plain, &identity)), &identity).unwrap(), &plain);
        let mut file = Vec::new();
        Sealer::cobblestone(&key, &context).seal(plain.as_slice(), &mut SystemEntropy, &mut file).unwrap();
        check(Ranges::cobblestone(Cursor::new(file), &key, &context).unwrap(), &plain);
    }
}

#[test]
fn one_byte_costs_two_chunks_at_most() {
    let identity = identity(RecipientKind::X25519);
    let mut read = 0;
    let file = sealed(&data(9 * CHUNK_LEN), &identity);
    let mut ranges = Ranges::open(Counting(Cursor::new(file), &mut read), &identity).unwrap();
    let mut byte = [0];
    assert_eq!(ranges.read_at(3 * CHUNK_LEN as u64, &mut byte).unwrap(), 1);
    assert_eq!(byte[0], data(3 * CHUNK_LEN + 1)[3 * CHUNK_LEN]);
    drop(ranges);
    assert!(read <= 2 * SEALED_LEN + (8 << 10), "{read} bytes with the header's buffer");
}

#[test]
fn a_file_that_was_cut_or_extended_is_noticed_before_anything_is_read() {
    let identity = identity(RecipientKind::X25519);
    let file = sealed(&data(3 * CHUNK_LEN), &identity);
    let payload = header_len(&file);
    let at_a_chunks_end = payload + 16 + 2 * SEALED_LEN;
    for length in [payload, payload + 5, payload + 16, payload + 20, at_a_chunks_end, file.len() - 1] {
        let error = Ranges::open(Cursor::new(file[..length].to_vec()), &identity).unwrap_err();
        assert!(matches!(error, OpenError::Payload { .. }), "{length}: {error:?}");
    }
    for extra in [1, 16, SEALED_LEN] {
        let longer = [file.clone(), vec![0; extra]].concat();
        assert!(Ranges::open(Cursor::new(longer), &identity).is_err(), "{extra}");
    }
    let key = CobblestoneKey::generate(&mut SystemEntropy).unwrap();
    let context = Context::asset(&"h1".parse().unwrap());
    let mut file = Vec::new();
    Sealer::cobblestone(&key, &context).seal(data(40_000).as_slice(), &mut SystemEntropy, &mut file).unwrap();
    for length in [0, 55, 56, 56 + 16_400, 56 + 2 * 16_400, file.len() - 1] {
        assert!(Ranges::cobblestone(Cursor::new(file[..length].to_vec()), &key, &context).is_err(), "{length}");
    }
}

#[test]
fn an_altered_chunk_is_named_when_it_is_read_and_only_then() {
    let identity = identity(RecipientKind::X25519);
    let mut file = sealed(&data(4 * CHUNK_LEN), &identity);
    let at = header_len(&file) + 16 + SEALED_LEN + 9;
    file[at] ^= 1;
    let mut ranges = Ranges::open(Cursor::new(file), &identity).unwrap();
    let mut out = vec![0; 10];
    for _ in 0..2 {
        assert_eq!(ranges.read_at(0, &mut out).unwrap(), 10);
        let error = ranges.read_at(CHUNK_LEN as u64 - 2, &mut out).unwrap_err();
        assert!(matches!(error, OpenError::Payload { chunk: 1 }), "{error:?}");
    }
}

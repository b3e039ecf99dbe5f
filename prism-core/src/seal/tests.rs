//! The format from outside: what is sealed opens, and nothing else does.

use std::io::{self, Write};

use super::cipher::{Cipher, Codec, START_LEN};
use super::{
    FileKey, Identity, OpenError, Opener, PayloadWriter, Recipient, RecipientKind, SealError, file_key, header, open,
    open_with_header, seal, sealed_len,
};
use crate::code::{Code, Coded as _};
use crate::entropy::SystemEntropy;

const CHUNK_LEN: usize = Codec::Age.plain_len();
const SEALED_LEN: usize = Codec::Age.sealed_len();
const KINDS: [RecipientKind; 2] = [RecipientKind::Hybrid, RecipientKind::X25519];

fn identity(kind: RecipientKind) -> Identity {
    Identity::generate(kind, &mut SystemEntropy).unwrap()
}

fn sealed(plain: &[u8], identity: &Identity) -> Vec<u8> {
    let mut file = Vec::new();
    let length = seal(plain, &[identity.recipient().clone()], &mut SystemEntropy, &mut file).unwrap();
    assert_eq!(length, plain.len() as u64);
    file
}

fn opened(file: &[u8], identity: &Identity) -> Result<Vec<u8>, OpenError> {
    let mut plain = Vec::new();
    let length = open(file, identity, &mut plain)?;
    assert_eq!(length, plain.len() as u64);
    Ok(plain)
}

/// Bytes that differ from chunk to chunk: 251 does not divide a chunk.
fn data(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// Where the payload begins.
fn header_len(file: &[u8]) -> usize {
    super::read_header(&mut &*file).unwrap().len()
}

#[test]
fn files_of_every_size_around_a_chunk_open_again() {
    for kind in KINDS {
        let identity = identity(kind);
        for size in [0, 1, 65535, 65536, 65537, (1 << 20) + 5] {
            let plain = data(size);
            let file = sealed(&plain, &identity);
            assert_eq!(sealed_len(size as u64), Some((file.len() - header_len(&file)) as u64), "{size}");
            assert!(opened(&file, &identity).unwrap() == plain, "{kind:?} {size}");
        }
    }
    assert_eq!(sealed_len(u64::MAX), None);
}

#[test]
fn the_way_of_writing_does_not_change_what_is_sealed() {
    let key = FileKey::generate(&mut SystemEntropy).unwrap();
    let plain = data(3 * CHUNK_LEN);
    for step in [1000, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, plain.len()] {
        let mut writer = PayloadWriter::new(Vec::new(), &key, &mut SystemEntropy).unwrap();
        for piece in plain.chunks(step) {
            writer.write_all(piece).unwrap();
            writer.flush().unwrap();
            assert_eq!(writer.write(b"").unwrap(), 0);
        }
        let payload = writer.finish().unwrap();
        assert_eq!(payload.len() as u64, sealed_len(plain.len() as u64).unwrap());
        let mut out = Vec::new();
        Opener::payload(&key).open(payload.as_slice(), &mut out).unwrap();
        assert!(out == plain, "{step}");
    }
}

#[test]
fn every_recipient_opens_the_file_and_a_stranger_does_not() {
    for kind in KINDS {
        let identities = [identity(kind), identity(kind), identity(kind)];
        let recipients = identities.each_ref().map(|identity| identity.recipient().clone());
        let mut file = Vec::new();
        seal(b"data".as_slice(), &recipients, &mut SystemEntropy, &mut file).unwrap();
        for identity in &identities {
            assert_eq!(opened(&file, identity).unwrap(), b"data");
        }
        for stranger in KINDS {
            let error = opened(&file, &identity(stranger)).unwrap_err();
            assert!(matches!(error, OpenError::NotForYou), "{error:?}");
            assert_eq!(error.code(), Code::SealNotForYou);
        }
    }
}

#[test]
fn a_header_made_after_the_payload_releases_it_to_one_recipient() {
    let key = FileKey::generate(&mut SystemEntropy).unwrap();
    let mut writer = PayloadWriter::new(Vec::new(), &key, &mut SystemEntropy).unwrap();
    writer.write_all(b"result").unwrap();
    let payload = writer.finish().unwrap();

    let (consumer, other) = (identity(RecipientKind::Hybrid), identity(RecipientKind::Hybrid));
    let release = header(&key, &[consumer.recipient().clone()], &mut SystemEntropy).unwrap();
    let mut plain = Vec::new();
    open_with_header(&release, payload.as_slice(), &consumer, &mut plain).unwrap();
    assert_eq!(plain, b"result");
    assert!(matches!(open_with_header(&release, payload.as_slice(), &other, &mut plain), Err(OpenError::NotForYou)));
    assert_eq!(opened(&[release.clone(), payload.clone()].concat(), &consumer).unwrap(), b"result");

    let unwrapped = file_key(&release, &consumer).unwrap();
    let passed_on = header(&unwrapped, &[other.recipient().clone()], &mut SystemEntropy).unwrap();
    assert_eq!(opened(&[passed_on, payload].concat(), &other).unwrap(), b"result");
    assert!(matches!(file_key(&[release, b"x".to_vec()].concat(), &consumer), Err(OpenError::Header)));
}

#[test]
fn every_altered_bit_of_a_file_is_refused() {
    let identity = identity(RecipientKind::X25519);
    let file = sealed(b"data", &identity);
    let header_len = header_len(&file);
    for bit in 0..file.len() * 8 {
        let mut altered = file.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let error = opened(&altered, &identity).expect_err("an altered bit");
        let in_payload = matches!(error, OpenError::Payload { chunk: 0 });
        assert_eq!(in_payload, bit / 8 >= header_len, "bit {bit}: {error:?}");
    }
}

#[test]
fn every_altered_byte_of_a_hybrid_header_is_refused() {
    let identity = identity(RecipientKind::Hybrid);
    let file = sealed(b"data", &identity);
    for position in (0..header_len(&file)).step_by(7) {
        let mut altered = file.clone();
        altered[position] ^= 1;
        assert!(opened(&altered, &identity).is_err(), "byte {position}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let identity = identity(RecipientKind::X25519);
    let small = sealed(b"data", &identity);
    for length in 0..small.len() {
        assert!(opened(&small[..length], &identity).is_err(), "{length}");
    }
    let file = sealed(&data(2 * CHUNK_LEN), &identity);
    let payload = header_len(&file);
    for (kept, chunk) in [(0, 0), (8, 0), (START_LEN, 0), (START_LEN + 15, 0), (START_LEN + SEALED_LEN, 0)] {
        let error = opened(&file[..payload + kept], &identity).unwrap_err();
        assert!(matches!(error, OpenError::Payload { chunk: c } if c == chunk), "{kept}: {error:?}");
    }
    for cut in [1, 15, 16, 17, SEALED_LEN - 1] {
        let mut plain = Vec::new();
        let error = open(&file[..file.len() - cut], &identity, &mut plain).unwrap_err();
        assert!(matches!(error, OpenError::Payload { chunk: 1 }), "{cut}: {error:?}");
        assert!(plain == data(CHUNK_LEN), "only the chunk that held is written");
    }
}

#[test]
fn chunks_moved_doubled_or_added_are_refused() {
    let identity = identity(RecipientKind::X25519);
    let file = sealed(&data(3 * CHUNK_LEN - 5), &identity);
    let (head, chunks) = file.split_at(header_len(&file) + START_LEN);
    let [a, b, c] = [0, 1, 2].map(|i| chunks.chunks(SEALED_LEN).nth(i).unwrap());
    let orders: [&[&[u8]]; 8] =
        [&[b, a, c], &[a, c], &[a, a, b, c], &[a, b, b, c], &[a, b, c, c], &[c], &[a, b, c, b"x"], &[a, b]];
    for order in orders {
        let file = [head, &order.concat()].concat();
        assert!(matches!(opened(&file, &identity), Err(OpenError::Payload { .. })));
    }
    assert!(opened(&[head, a, b, c].concat(), &identity).is_ok());
    for extra in [1, 16, SEALED_LEN, SEALED_LEN + 1] {
        let full = sealed(&data(CHUNK_LEN), &identity);
        assert!(opened(&[full, vec![0; extra]].concat(), &identity).is_err(), "{extra}");
    }
}

#[test]
fn an_empty_chunk_ends_an_empty_file_only() {
    let key = FileKey::generate(&mut SystemEntropy).unwrap();
    let nonce = [7; START_LEN];
    let chunk = |index, last, plain: &[u8]| {
        let mut chunk = plain.to_vec();
        let tag = Cipher::age(&key, &nonce).unwrap().seal(index, last, &mut chunk).unwrap();
        [chunk, tag.to_vec()].concat()
    };
    let open = |chunks: &[Vec<u8>]| {
        let payload = [nonce.to_vec(), chunks.concat()].concat();
        Opener::payload(&key).open(payload.as_slice(), io::sink()).map(|totals| totals.size)
    };
    let full = data(CHUNK_LEN);
    assert!(matches!(open(&[chunk(0, true, b"")]), Ok(0)));
    assert!(matches!(open(&[chunk(0, true, &full)]), Ok(65536)));
    let superfluous = open(&[chunk(0, false, &full), chunk(1, true, b"")]);
    assert!(matches!(superfluous, Err(OpenError::Payload { chunk: 1 })));
    assert!(matches!(open(&[chunk(0, false, b"x")]), Err(OpenError::Payload { chunk: 0 })));
    assert!(matches!(open(&[chunk(0, false, &full)]), Err(OpenError::Payload { chunk: 0 })));
}

#[test]
fn a_chunk_opens_at_its_own_index_only() {
    let key = Cipher::age(&FileKey::generate(&mut SystemEntropy).unwrap(), &[7; START_LEN]).unwrap();
    let far = 1 << 40;
    for (index, last) in [(far, false), (far + 1, true), (0, true), (far | 1 << 63, false)] {
        let mut chunk = b"data".to_vec();
        let tag = key.seal(far, true, &mut chunk).unwrap();
        chunk.extend_from_slice(&tag);
        assert!(key.open(index, last, &mut chunk).is_none(), "{index} {last}");
    }
}

#[test]
fn recipients_are_one_to_sixty_four_of_one_kind() {
    let key = FileKey::generate(&mut SystemEntropy).unwrap();
    let [hybrid, classical] = KINDS.map(|kind| identity(kind).recipient().clone());
    let make = |recipients: &[Recipient]| header(&key, recipients, &mut SystemEntropy);
    assert!(matches!(make(&[]), Err(SealError::Count { found: 0 })));
    assert!(matches!(make(&vec![classical.clone(); 65]), Err(SealError::Count { found: 65 })));
    assert!(matches!(make(&[hybrid.clone(), classical.clone()]), Err(SealError::Mixed)));
    assert!(matches!(make(&[classical.clone(), classical.clone(), hybrid]), Err(SealError::Mixed)));
    let many = identity(RecipientKind::Hybrid);
    let full = make(&vec![many.recipient().clone(); 64]).unwrap();
    assert!(file_key(&full, &many).is_ok(), "the largest header that is made is also read");
}

/// Fails after `left` bytes, and once only.
struct Breaking {
    left: usize,
    broke: bool,
}

impl Write for Breaking {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.left < data.len() && !self.broke {
            self.broke = true;
            return Err(io::Error::other("full"));
        }
        self.left = self.left.saturating_sub(data.len());
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_a_failed_write_nothing_more_is_sealed() {
    let key = FileKey::generate(&mut SystemEntropy).unwrap();
    let breaking = Breaking { left: START_LEN, broke: false };
    let mut writer = PayloadWriter::new(breaking, &key, &mut SystemEntropy).unwrap();
    assert!(writer.write_all(&data(2 * CHUNK_LEN)).is_err());
    assert!(writer.write_all(b"x").is_err());
    assert!(matches!(writer.finish(), Err(SealError::Write(_))));
}

mod cobblestone;
mod headers;
mod locks;
mod parallel;
mod ranges;
mod text;

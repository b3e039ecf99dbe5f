//! No bit of a quote that anybody signed can change unnoticed.

use std::ops::Range;
use std::thread;

use prism_attest::{Evidence, Platform, Prepared, Roots};

use crate::{real, support};

const THREADS: usize = 2;

/// Header and body; their signature and the attestation key; the quoting enclave's report and its signature; the
/// authentication data of 32 bytes, and their length.
const SIGNED: [Range<usize>; 3] = [0..632, 636..764, 770..1252];

#[test]
fn no_quote_with_one_bit_flipped_is_genuine() {
    let Some(folder) = support::vectors("real") else { return };
    let (evidence, endorsements) = real::up_to_date(&folder);
    let now = real::UP_TO_DATE_AT;
    let prepared = Prepared::new(Platform::Tdx, &endorsements, &Roots::built_in(), now).unwrap();
    let prepared = prepared.admit(&evidence, now).unwrap();
    assert!(prepared.verify(&evidence, now).is_ok());
    let bits: Vec<_> = SIGNED.into_iter().flatten().flat_map(|byte| (0..8).map(move |bit| (byte, bit))).collect();
    assert_eq!(bits.len(), 9_936);
    thread::scope(|scope| {
        for first in 0..THREADS {
            let (evidence, prepared, bits) = (&evidence, &prepared, &bits);
            scope.spawn(move || {
                for (byte, bit) in bits.iter().skip(first).step_by(THREADS) {
                    let mut bytes = evidence.bytes().to_vec();
                    bytes[*byte] ^= 1 << bit;
                    let flipped = Evidence::new(Platform::Tdx, bytes).unwrap();
                    assert!(prepared.verify(&flipped, now).is_err(), "byte {byte}, bit {bit}");
                }
            });
        }
    });
}

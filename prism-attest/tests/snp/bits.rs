//! No bit of a report can change unnoticed.

use std::thread;

use prism_attest::{Endorsements, Evidence, Roots, verify};

use crate::{real, support};

const THREADS: usize = 4;

#[test]
fn none_of_the_9472_reports_with_one_bit_flipped_is_genuine() {
    let Some(folder) = support::vectors("real") else { return };
    let (evidence, endorsements, now) = real::milan_report(&folder);
    assert!(verify(&evidence, &endorsements, &Roots::built_in(), now).is_ok());
    let bits = evidence.bytes().len() * 8;
    assert_eq!(bits, 9472);
    thread::scope(|scope| {
        for first in 0..THREADS {
            let (evidence, endorsements) = (&evidence, &endorsements);
            scope.spawn(move || (first..bits).step_by(THREADS).for_each(|bit| check(evidence, endorsements, now, bit)));
        }
    });
}

fn check(evidence: &Evidence, endorsements: &Endorsements, now: u64, bit: usize) {
    let mut bytes = evidence.bytes().to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    let flipped = Evidence::new(evidence.platform(), bytes).unwrap();
    assert!(verify(&flipped, endorsements, &Roots::built_in(), now).is_err(), "bit {bit}");
}

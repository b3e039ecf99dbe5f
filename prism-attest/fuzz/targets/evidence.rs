//! Reports and endorsements: nothing made up is genuine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_attest::{Endorsements, Evidence, Platform, Roots, verify};

fuzz_target!(|data: &[u8]| {
    let (report, rest) = data.split_at(data.len().min(1184));
    let Ok(evidence) = Evidence::new(Platform::Snp, report.to_vec()) else { return };
    if let Ok(endorsements) = Endorsements::read(rest) {
        assert!(
            verify(&evidence, &endorsements, &Roots::built_in(), 1_700_000_000).is_err(),
            "nobody guesses a signature"
        );
    }
    if let Ok(endorsements) = Endorsements::snp_from_leaf(rest.to_vec(), None) {
        assert!(
            verify(&evidence, &endorsements, &Roots::built_in(), 1_700_000_000).is_err(),
            "nobody guesses a signature"
        );
    }
});

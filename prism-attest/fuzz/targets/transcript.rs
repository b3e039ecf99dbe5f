//! Whole transcripts through the audit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_attest::audit::{ExpectedComputation, audit};

fuzz_target!(|data: &[u8]| {
    assert!(!audit(data, ExpectedComputation::AsRecorded, 1_700_000_000).holds(), "nobody guesses a true transcript");
});

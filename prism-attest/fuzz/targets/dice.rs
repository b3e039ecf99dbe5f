//! Certificates that carry evidence: nothing made up is genuine, and nothing here panics.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(found) = prism_attest::dice::read(data) {
        assert!(!found.spki().is_empty(), "a certificate has a key");
    }
});

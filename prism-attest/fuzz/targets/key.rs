//! Public keys.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::key::PublicKey;

fuzz_target!(|data: &[u8]| {
    if let Ok(key) = PublicKey::from_spki_der(data) {
        assert_eq!(key.spki_der(), data, "one DER for one key");
    }
});

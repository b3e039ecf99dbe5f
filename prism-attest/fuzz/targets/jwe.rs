//! Secrets of key brokers, and what is in them.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::jwe::JweKey;
use prism_core::manifest::{Codec, granted};

fuzz_target!(|data: &[u8]| {
    static KEY: OnceLock<JweKey> = OnceLock::new();
    let key = KEY.get_or_init(|| JweKey::generate(&mut SystemEntropy::default()).expect("randomness"));
    assert!(key.open(data).is_err(), "nobody wrapped anything to this key");
    if let Ok(text) = std::str::from_utf8(data) {
        for codec in [Codec::Age, Codec::Cobblestone256] {
            let _ = granted(text, Digest::sha256(b"manifest"), codec);
        }
    }
});

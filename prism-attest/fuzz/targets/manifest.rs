//! Manifests: strict JSON and terms that agree with themselves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::manifest::Manifest;

fuzz_target!(|data: &[u8]| {
    if let Ok(manifest) = Manifest::read(data) {
        assert!(manifest.to_bytes().is_ok(), "what can be read can be written");
    }
});

//! Signed manifests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::manifest::SignedManifest;

fuzz_target!(|data: &[u8]| {
    let _ = SignedManifest::read(data);
});

//! C2SP checkpoints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::audit::checkpoint::SignedCheckpoint;

fuzz_target!(|data: &[u8]| {
    if let Ok(checkpoint) = SignedCheckpoint::read(data) {
        assert_eq!(checkpoint.as_str().as_bytes(), data, "a checkpoint is its text");
    }
});

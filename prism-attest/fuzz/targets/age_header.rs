//! Headers of age files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::seal::read_header;

fuzz_target!(|data: &[u8]| {
    let mut reader = data;
    let _ = read_header(&mut reader);
});

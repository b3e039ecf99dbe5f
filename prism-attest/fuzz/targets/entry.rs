//! Log entries.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::audit::entry::Entry;

fuzz_target!(|data: &[u8]| {
    if let Ok(entry) = Entry::read(data) {
        assert!(entry.to_bytes().is_ok_and(|bytes| bytes == data), "one text for one entry");
    }
});

//! C2SP receipts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::audit::proof::Receipt;

fuzz_target!(|data: &[u8]| {
    if let Ok(receipt) = Receipt::read(data) {
        assert_eq!(receipt.to_text().as_bytes(), data, "a receipt is its text");
    }
});

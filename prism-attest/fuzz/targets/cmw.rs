//! Message wrappers: what reads as evidence is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_attest::Evidence;

fuzz_target!(|data: &[u8]| {
    let _ = prism_attest::cmw::records(data);
    let Ok(evidence) = Evidence::from_cmw(data) else { return };
    assert_eq!(Evidence::from_cmw(&evidence.to_cmw_cbor()).as_ref(), Ok(&evidence));
    assert_eq!(Evidence::from_cmw(evidence.to_cmw_json().as_bytes()).as_ref(), Ok(&evidence));
});

//! Bundles of endorsements: what is read is written in the same bytes, and chooses nothing for made-up evidence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_attest::endorsements::Offered;
use prism_attest::endorsements::bundle::Bundle;
use prism_attest::{Endorsements, Evidence, Platform};

fuzz_target!(|data: &[u8]| {
    if let Ok(bundle) = Bundle::read(data) {
        assert_eq!(bundle.to_bytes(), data, "a bundle has one spelling");
        assert_eq!(bundle.check(1_700_000_000).len(), bundle.entries().len());
    }
    let _ = Offered::read(data);
    let _ = Endorsements::from_collateral_json(data);
    for platform in [Platform::Snp, Platform::Tdx] {
        let Ok(evidence) = Evidence::new(platform, data.to_vec()) else { return };
        assert!(Bundle::new().select(&evidence).is_err(), "an empty bundle has nothing to choose from");
        let _ = Bundle::new().missing(&evidence);
    }
});

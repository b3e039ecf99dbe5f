//! Policy files: TOML or strict JSON; what can be read can be written, and says the same then.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::manifest::platform::{PolicyDocument, PolicyError};

fuzz_target!(|data: &[u8]| {
    let Ok(document) = PolicyDocument::read(data) else { return };
    assert!(!document.profiles().is_empty(), "no policy is without rules");
    match document.to_toml() {
        Ok(text) => match PolicyDocument::read(text.as_bytes()) {
            Ok(again) => assert_eq!(again, document),
            // The comments may make a file longer than may be read.
            Err(error) => assert!(matches!(error, PolicyError::TooLong { .. }), "{error}"),
        },
        Err(error) => assert!(matches!(error, PolicyError::NotForToml), "{error}"),
    }
});

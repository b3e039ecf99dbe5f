//! Addresses and paths in a manifest: what is read is written the same, and names one host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::manifest::{HttpsUrl, ObjectUrl, ResourcePath, SealedObject};

fuzz_target!(|data: &[u8]| {
    let _ = serde_json::from_slice::<SealedObject>(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(url) = text.parse::<ObjectUrl>() {
        assert_eq!(url.to_string(), text);
    }
    if let Ok(url) = text.parse::<HttpsUrl>() {
        assert!(!url.host().contains(['@', '/', '?', '#', ' ']) && url.port() != 0);
        assert_eq!(url.to_string().parse::<HttpsUrl>().as_ref(), Ok(&url));
    }
    if let Ok(path) = text.parse::<ResourcePath>() {
        assert_eq!(path.to_string(), text);
    }
});

//! DSSE envelopes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_core::envelope::Envelope;

fuzz_target!(|data: &[u8]| {
    if let Ok(envelope) = Envelope::read(data) {
        let written = envelope.to_json();
        assert!(Envelope::read(&written).is_ok_and(|again| again.to_json() == written), "one text for one envelope");
    }
});

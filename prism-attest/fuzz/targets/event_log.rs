//! Event logs: whatever is read can be walked, replayed and judged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_attest::replay::{Bank, EventLog};
use prism_core::hexadecimal::HexBytes;

fuzz_target!(|data: &[u8]| {
    let Ok(log) = EventLog::read(data) else { return };
    for event in log.events() {
        let _ = event.proof();
        assert!(event.digests().count() > 0, "an event has digests");
    }
    for bank in Bank::ALL {
        let _ = log.replay_pcrs(bank);
    }
    assert_eq!(log.replay_rtmrs(), log.replay_rtmrs());
    assert!(
        log.compare_rtmrs(&[HexBytes::new([0xa5; 48]); 4]).iter().any(|finding| !finding.ok),
        "nobody finds what extends to a value chosen before"
    );
});

//! A CCEL of a real trust domain, and what another parser says of it.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_attest::replay::{Bank, EventLog, EventType, Proof};
use prism_core::hexadecimal::HexBytes;
use serde_json::Value;

use crate::written::{extended, sha384};

/// A folder of vectors; says so when there is none.
fn vectors(folder: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let root = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no test vectors at {}", folder.display());
    None
}

/// The log's bytes, and another parser's events.
pub(crate) fn ccel() -> Option<(Vec<u8>, Vec<Value>)> {
    let folder = vectors("real/trustee")?;
    let log = std::fs::read(folder.join("deps__verifier__test_data__CCEL_data_ovmf")).unwrap();
    let text = std::fs::read_to_string(folder.join("deps__eventlog__test_data__CCEL_data_ovmf_out.json")).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    let Value::Array(events) = json["uefi_event_logs"].take() else { return None };
    Some((log, events))
}

#[test]
fn a_real_log_reads_as_another_parser_reads_it() {
    let Some((bytes, expected)) = ccel() else { return };
    let log = EventLog::read(&bytes).unwrap();
    assert_eq!(log.banks(), [Bank::Sha384]);
    let events: Vec<_> = log.events().collect();
    assert_eq!(events.len(), expected.len());
    for (event, expected) in events.iter().zip(&expected) {
        assert_eq!(u64::from(event.register()), expected["index"].as_u64().unwrap());
        assert_eq!(event.kind().to_string(), expected["type_name"].as_str().unwrap());
        assert_eq!(event.data(), STANDARD.decode(expected["event"].as_str().unwrap()).unwrap());
        let digest = hex::encode(event.digest(Bank::Sha384).unwrap());
        assert_eq!(digest, expected["digests"][0]["digest"].as_str().unwrap());
        // The other parser compares boot variables whole; this firmware hashes their value.
        let value = event.kind() == EventType::EFI_VARIABLE_BOOT;
        let holds = expected["digest_matches_event"].as_bool().unwrap() || value;
        assert_eq!(event.proof(), if holds { Proof::Holds } else { Proof::Claim }, "event {}", event.number());
    }
}

#[test]
fn a_real_log_replays_to_registers_computed_by_hand() {
    let Some((bytes, expected)) = ccel() else { return };
    let rtmrs = EventLog::read(&bytes).unwrap().replay_rtmrs().unwrap();
    for (register, found) in (1..).zip(rtmrs) {
        let of_register = expected.iter().filter(|event| event["index"] == register);
        let digests: Vec<_> =
            of_register.map(|event| hex::decode(event["digests"][0]["digest"].as_str().unwrap()).unwrap()).collect();
        assert_eq!(digests.is_empty(), register == 4);
        assert_eq!(hex::encode(extended(sha384, vec![0; 48], &digests)), found.to_string());
    }
}

#[test]
fn no_flipped_digest_bit_of_a_real_log_leads_to_its_registers() {
    let Some((mut bytes, _)) = ccel() else { return };
    let log = EventLog::read(&bytes).unwrap();
    let signed: [HexBytes<48>; 4] = log.replay_rtmrs().unwrap();
    let start = bytes.as_ptr() as usize;
    let places: Vec<_> =
        log.events().map(|event| event.digest(Bank::Sha384).unwrap().as_ptr() as usize - start).collect();
    for place in places {
        for bit in [0, 7, 383] {
            bytes[place + bit / 8] ^= 1 << (bit % 8);
            let findings = EventLog::read(&bytes).unwrap().compare_rtmrs(&signed);
            assert!(findings.iter().any(|finding| !finding.ok), "bit {bit} at {place}");
            bytes[place + bit / 8] ^= 1 << (bit % 8);
        }
    }
    assert!(EventLog::read(&bytes).unwrap().compare_rtmrs(&signed).iter().all(|finding| finding.ok));
}

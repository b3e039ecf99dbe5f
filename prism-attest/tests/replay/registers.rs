//! What logs lead to.

use prism_attest::replay::{Bank, EventLog, EventLogError, EventType};

use crate::written::{Line, SHA256_ID, boot, extended, header, log, sha256, sha384, spec_id};

fn line(register: u32, data: &[u8]) -> Line {
    Line::of(register, EventType::EFI_ACTION, data, data)
}

#[test]
fn every_bank_has_its_own_values() {
    let bytes = log(&[line(4, b"a"), line(7, b"b"), line(4, b"c")]);
    let log = EventLog::read(&bytes).unwrap();
    let small = log.replay_pcrs(Bank::Sha256).unwrap();
    let expected = extended(sha256, vec![0; 32], &[sha256(b"a"), sha256(b"c")]);
    assert_eq!(small[&4].as_bytes(), expected);
    assert_eq!(small[&4].to_string(), hex::encode(&expected));
    assert_eq!(small[&7].as_bytes(), extended(sha256, vec![0; 32], &[sha256(b"b")]));
    assert_eq!(small.keys().copied().collect::<Vec<_>>(), [4, 7]);
    let large = log.replay_pcrs(Bank::Sha384).unwrap();
    assert_eq!(large[&4].as_bytes(), extended(sha384, vec![0; 48], &[sha384(b"a"), sha384(b"c")]));
    for bank in [Bank::Sha1, Bank::Sha512] {
        assert_eq!(log.replay_pcrs(bank), Err(EventLogError::NoBank { bank }));
    }
}

#[test]
fn events_that_tell_extend_nothing() {
    let mut forged = line(1, b"hidden");
    forged.kind = EventType::NO_ACTION;
    let bytes = log(&[line(1, b"a"), Line::told(1, b"told"), forged, Line::told(9, b"elsewhere")]);
    let log = EventLog::read(&bytes).unwrap();
    assert_eq!(log.replay_pcrs(Bank::Sha256).unwrap()[&1].as_bytes(), extended(sha256, vec![0; 32], &[sha256(b"a")]));
}

#[test]
fn registers_of_a_trust_domain_are_numbered_from_one_and_nothing_extends_mrtd() {
    let mut lines = boot();
    lines.push(line(0, b"about MRTD"));
    lines.push(line(4, b"the last register"));
    let bytes = log(&lines);
    let found = EventLog::read(&bytes).unwrap().replay_rtmrs().unwrap();
    for (register, found) in (1..).zip(found) {
        let of_register = lines.iter().filter(|line| line.register == register && line.kind != EventType::NO_ACTION);
        let digests: Vec<_> = of_register.map(|line| line.digests[1].1.clone()).collect();
        assert!(!digests.is_empty());
        assert_eq!(hex::encode(extended(sha384, vec![0; 48], &digests)), found.to_string());
    }
}

#[test]
fn registers_that_a_log_cannot_tell_are_refused() {
    let bytes = log(&[line(5, b"a")]);
    let found = EventLog::read(&bytes).unwrap().replay_rtmrs();
    assert!(matches!(found, Err(EventLogError::Register { event: 1, found: 5, .. })), "{found:?}");
    for register in [17, 22, 24, 256, u32::MAX] {
        let bytes = log(&[line(1, b"a"), line(register, b"b")]);
        let found = EventLog::read(&bytes).unwrap().replay_pcrs(Bank::Sha256);
        assert!(matches!(found, Err(EventLogError::Register { event: 2, .. })), "{register}: {found:?}");
    }
    for register in [16, 23] {
        let bytes = log(&[line(register, b"a")]);
        assert!(EventLog::read(&bytes).unwrap().replay_pcrs(Bank::Sha256).is_ok(), "{register}");
    }
}

#[test]
fn an_event_without_the_banks_digest_is_refused() {
    let mut short = line(2, b"b");
    short.digests.truncate(1);
    let bytes = log(&[line(2, b"a"), short]);
    let log = EventLog::read(&bytes).unwrap();
    assert!(log.replay_pcrs(Bank::Sha256).is_ok());
    let refused = EventLogError::NoDigest { event: 2, bank: Bank::Sha384 };
    assert_eq!(log.replay_pcrs(Bank::Sha384), Err(refused.clone()));
    assert_eq!(log.replay_rtmrs(), Err(refused));
    let bytes = header(EventType::NO_ACTION, &spec_id(&[(SHA256_ID, 32)]));
    let log = EventLog::read(&bytes).unwrap();
    assert_eq!(log.replay_rtmrs(), Err(EventLogError::NoBank { bank: Bank::Sha384 }));
}

#[test]
fn pcr_0_starts_at_the_locality_that_the_log_tells() {
    let told = |locality: u8| Line::told(0, &[b"StartupLocality\0".as_slice(), &[locality]].concat());
    for locality in [0, 3, 4] {
        let bytes = log(&[told(locality), line(0, b"a"), line(1, b"b")]);
        let found = EventLog::read(&bytes).unwrap().replay_pcrs(Bank::Sha256).unwrap();
        let mut start = vec![0; 32];
        start[31] = locality;
        assert_eq!(found[&0].as_bytes(), extended(sha256, start, &[sha256(b"a")]), "{locality}");
        assert_eq!(found[&1].as_bytes(), extended(sha256, vec![0; 32], &[sha256(b"b")]), "{locality}");
    }
    let elsewhere = Line { register: 1, ..told(3) };
    let short = Line::told(0, b"StartupLocality\0");
    for (lines, event) in [
        (vec![told(1)], 1),
        (vec![told(5)], 1),
        (vec![short], 1),
        (vec![elsewhere], 1),
        (vec![told(3), told(3)], 2),
        (vec![line(0, b"a"), told(3)], 2),
    ] {
        let bytes = log(&lines);
        let found = EventLog::read(&bytes).unwrap().replay_pcrs(Bank::Sha256);
        assert_eq!(found, Err(EventLogError::Locality { event }));
    }
}

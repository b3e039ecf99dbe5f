//! The same events in the canonical form.

use prism_attest::replay::{Bank, EventLog, EventLogError, EventType};
use proptest::prelude::*;

use crate::written::{Line, SHA256_ID, boot, log, sha256};

fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind], u32::try_from(value.len()).unwrap().to_be_bytes().as_slice(), value].concat()
}

fn digests(line: &Line) -> Vec<u8> {
    line.digests.iter().flat_map(|(algorithm, digest)| field(u8::try_from(*algorithm).unwrap(), digest)).collect()
}

fn content(line: &Line) -> Vec<u8> {
    [field(0, &line.kind.number().to_be_bytes()), field(1, &line.data)].concat()
}

fn record(number: &[u8], line: &Line) -> Vec<u8> {
    let register = line.register.to_be_bytes();
    [field(0, number), field(1, &register), field(3, &digests(line)), field(5, &content(line))].concat()
}

fn canonical(lines: &[Line]) -> Vec<u8> {
    (0_u64..).zip(lines).flat_map(|(number, line)| record(&number.to_be_bytes(), line)).collect()
}

fn separator() -> Line {
    Line::of(4, EventType::SEPARATOR, &[0; 4], &[0; 4])
}

#[test]
fn a_canonical_log_says_what_the_same_crypto_agile_log_says() {
    let (agile, canonical) = (log(&boot()), canonical(&boot()));
    let (agile, canonical) = (EventLog::read(&agile).unwrap(), EventLog::read(&canonical).unwrap());
    assert_eq!(canonical.banks(), agile.banks());
    assert_eq!(canonical.replay_rtmrs(), agile.replay_rtmrs());
    assert_eq!(canonical.replay_pcrs(Bank::Sha256), agile.replay_pcrs(Bank::Sha256));
    let facts = |log: EventLog<'_>| -> Vec<_> {
        let facts = log.events().map(|event| (event.number(), event.kind(), event.data().to_vec(), event.proof()));
        facts.collect()
    };
    assert_eq!(facts(canonical), facts(agile));
}

#[test]
fn numbers_may_be_short() {
    let line = separator();
    let short = [field(0, &[0; 4]), field(1, &[4]), field(3, &digests(&line)), field(5, &content(&line))].concat();
    let found = EventLog::read(&short).unwrap().replay_pcrs(Bank::Sha256).unwrap();
    assert_eq!(found[&4].as_bytes(), sha256(&[vec![0; 32], sha256(&[0; 4])].concat()));
}

#[test]
fn digests_of_algorithms_that_nobody_knows_have_at_most_64_bytes() {
    let with = |length| {
        let mut line = separator();
        line.digests.push((0xf1, vec![7; length]));
        EventLog::read(&canonical(&[line])).map(drop)
    };
    assert!(with(1).is_ok() && with(64).is_ok() && with(0).is_err() && with(65).is_err());
}

#[test]
fn a_bank_that_one_record_lacks_cannot_be_replayed() {
    let mut short = separator();
    short.digests.truncate(1);
    let bytes = canonical(&[separator(), short.clone()]);
    let log = EventLog::read(&bytes).unwrap();
    assert_eq!(log.replay_pcrs(Bank::Sha384), Err(EventLogError::NoDigest { event: 2, bank: Bank::Sha384 }));
    assert_eq!(log.replay_pcrs(Bank::Sha1), Err(EventLogError::NoBank { bank: Bank::Sha1 }));
    assert!(log.replay_pcrs(Bank::Sha256).is_ok());
}

#[test]
fn a_record_of_another_shape_is_refused() {
    let line = separator();
    let (number, register) = (field(0, &[0; 8]), field(1, &[0, 0, 0, 4]));
    let (hashes, data) = (field(3, &digests(&line)), field(5, &content(&line)));
    let one = field(0xb, &sha256(b""));
    let record = |parts: [&[u8]; 4]| EventLog::read(&parts.concat()).map(drop);
    assert_eq!(record([&number, &register, &hashes, &data]), Ok(()));
    let more = field(5, &[content(&line), vec![0]].concat());
    for parts in [
        [number.as_slice(), &field(2, &[0, 0, 0, 4]), &hashes, &data],
        [&number, &field(1, &[]), &hashes, &data],
        [&number, &field(1, &[1; 9]), &hashes, &data],
        [&number, &field(1, &[1, 0, 0, 0, 0]), &hashes, &data],
        [&number, &register, &field(3, &[]), &data],
        [&number, &register, &field(3, &field(0xb, &[0; 31])), &data],
        [&number, &register, &field(3, &field(0x77, &[0; 65])), &data],
        [&number, &register, &field(3, &field(0x77, &[])), &data],
        [&number, &register, &hashes, &field(8, &content(&line))],
        [&number, &register, &hashes, &more],
        [&number, &hashes, &register, &data],
    ] {
        assert!(matches!(record(parts), Err(EventLogError::Record { event: 1, .. })), "{:?}", record(parts));
    }
    let twice = field(3, &[one.clone(), one].concat());
    let refused = EventLogError::RepeatedAlgorithm { event: 1, algorithm: SHA256_ID };
    assert_eq!(record([&number, &register, &twice, &data]), Err(refused));
}

#[test]
fn a_record_that_is_cut_off_is_refused() {
    let bytes = canonical(&[separator()]);
    for length in 5..bytes.len() {
        let found = EventLog::read(&bytes[..length]).map(drop);
        assert_eq!(found, Err(EventLogError::Truncated { event: 1 }), "{length}");
    }
    let mut long = bytes;
    long[1..5].copy_from_slice(&[0xff; 4]);
    assert!(EventLog::read(&long).is_err());
}

proptest! {
    #[test]
    fn no_change_of_a_canonical_log_makes_it_fall_over(
        changes in proptest::collection::vec((0_usize..2048, any::<u8>()), 1..6),
    ) {
        let mut bytes = canonical(&boot());
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        if let Ok(log) = EventLog::read(&bytes) {
            let _ = (log.replay_rtmrs(), log.replay_pcrs(Bank::Sha256));
            for event in log.events() {
                let _ = (event.proof(), event.words());
            }
        }
    }
}

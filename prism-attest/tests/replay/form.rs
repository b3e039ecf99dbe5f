//! What is no event log, or claims more than is there.

use prism_attest::replay::{Bank, EVENT_LOG_MAX, EventLog, EventLogError, EventType};
use prism_attest::{Evidence, Platform};
use proptest::prelude::*;

use crate::written::{Line, SHA256_ID, SHA384_ID, boot, header, log, sha256, spec_id, variable};

fn refusal(bytes: &[u8]) -> EventLogError {
    EventLog::read(bytes).unwrap_err()
}

#[test]
fn a_log_ends_with_its_bytes_or_with_what_fills_its_memory() {
    let bytes = log(&boot());
    let whole = EventLog::read(&bytes).unwrap();
    assert_eq!(whole.events().count(), boot().len());
    assert_eq!(whole.banks(), [Bank::Sha256, Bank::Sha384]);
    for fill in [0, 0xff] {
        for length in [1, 7, 16, 4096] {
            let filled = [bytes.clone(), vec![fill; length]].concat();
            assert_eq!(EventLog::read(&filled).unwrap().events().count(), boot().len(), "{length} of {fill}");
        }
        let mut dirty = [bytes.clone(), vec![fill; 4096]].concat();
        dirty.push(1);
        assert!(EventLog::read(&dirty).is_err());
    }
}

#[test]
fn a_log_that_is_cut_inside_of_an_event_is_refused() {
    let bytes = log(&boot());
    let mut ends = vec![bytes.len() - boot().iter().map(|line| line.bytes().len()).sum::<usize>()];
    for line in boot() {
        ends.push(ends.last().unwrap() + line.bytes().len());
    }
    for length in 1..bytes.len() {
        let read = EventLog::read(&bytes[..length]);
        let whole = ends.iter().filter(|end| **end <= length).count();
        // The first bytes of an event may be zeros, which is how unused memory looks.
        let begun = whole.checked_sub(1).map(|events| &bytes[ends[events]..length]);
        match begun {
            Some(begun) if begun.iter().all(|byte| *byte == 0) => assert_eq!(read.unwrap().events().count(), whole - 1),
            _ => assert!(read.is_err(), "{length}"),
        }
    }
}

#[test]
fn sizes_that_no_log_has_are_refused() {
    assert_eq!(refusal(&[]), EventLogError::Size { found: 0 });
    let long = vec![0; EVENT_LOG_MAX + 1];
    assert_eq!(refusal(&long), EventLogError::Size { found: long.len() });
    let mut longest = header(EventType::NO_ACTION, &spec_id(&[(SHA256_ID, 32)]));
    longest.resize(EVENT_LOG_MAX, 0);
    let read = EventLog::read(&longest).unwrap();
    assert_eq!((read.events().count(), read.banks()), (0, vec![Bank::Sha256]));
    let evidence = Evidence::new(Platform::Tdx, vec![1]).unwrap();
    assert!(evidence.clone().with_event_log(&longest).is_ok() && evidence.with_event_log(&long).is_err());
}

#[test]
fn digests_of_algorithms_that_nobody_knows_have_at_most_64_bytes() {
    let declaring = |length| header(EventType::NO_ACTION, &spec_id(&[(SHA256_ID, 32), (0x00f1, length)]));
    for length in [1, 64] {
        assert!(EventLog::read(&declaring(length)).is_ok(), "{length}");
    }
    for length in [0, 65] {
        assert!(EventLog::read(&declaring(length)).is_err(), "{length}");
    }
}

#[test]
fn a_log_without_the_right_header_is_refused() {
    let good = spec_id(&[(SHA256_ID, 32)]);
    let mut signature = good.clone();
    signature[14] = b'2';
    let mut long = good.clone();
    long.push(0);
    let mut many = good.clone();
    many[24..28].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut digest = header(EventType::NO_ACTION, &good);
    digest[8] = 1;
    let as_event = |event: &[u8]| header(EventType::NO_ACTION, event);
    for bytes in [
        header(EventType::ACTION, &good),
        digest,
        as_event(&signature),
        as_event(&long),
        as_event(&many),
        as_event(&good[..good.len() - 1]),
        as_event(&spec_id(&[])),
        as_event(&spec_id(&[(SHA256_ID, 31)])),
        as_event(&spec_id(&[(SHA384_ID, 32)])),
        as_event(&spec_id(&[(0x77, 0)])),
        as_event(&spec_id(&[(0x77, 65)])),
        as_event(&spec_id(&[(SHA256_ID, 32), (SHA256_ID, 32)])),
        as_event(&spec_id(&(0..17).map(|number| (0x100 + number, 32)).collect::<Vec<_>>())),
        log(&[])[4..].to_vec(),
    ] {
        assert!(matches!(refusal(&bytes), EventLogError::Header { .. }), "{:?}", refusal(&bytes));
    }
    assert!(EventLog::read(&as_event(&good)).is_ok());
}

#[test]
fn digests_are_those_that_the_header_declares() {
    let line = |digests| Line { digests, ..Line::told(1, b"") };
    let one = (SHA256_ID, vec![0; 32]);
    let unknown = refusal(&log(&[line(vec![(0x4, vec![0; 20])])]));
    assert_eq!(unknown, EventLogError::UndeclaredAlgorithm { event: 1, algorithm: 4 });
    let twice = refusal(&log(&[line(vec![one.clone(), one.clone()])]));
    assert_eq!(twice, EventLogError::RepeatedAlgorithm { event: 1, algorithm: SHA256_ID });
    let none = refusal(&log(&[line(vec![])]));
    assert_eq!(none, EventLogError::DigestCount { event: 1, declared: 2, found: 0 });
    let mut bytes = log(&[line(vec![one])]);
    let at = bytes.len() - (4 + 34 + 4);
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(refusal(&bytes), EventLogError::DigestCount { event: 1, declared: 2, found: u32::MAX });
}

#[test]
fn an_algorithm_that_is_unknown_here_is_stepped_over_by_its_declared_length() {
    let mut bytes = header(EventType::NO_ACTION, &spec_id(&[(0x27, 32), (SHA256_ID, 32)]));
    let digests = vec![(0x27, vec![9; 32]), (SHA256_ID, sha256(&[0; 4]))];
    bytes.extend(Line { digests, ..Line::of(4, EventType::SEPARATOR, b"", &[0; 4]) }.bytes());
    let log = EventLog::read(&bytes).unwrap();
    assert_eq!(log.banks(), [Bank::Sha256]);
    let event = log.events().next().unwrap();
    assert_eq!(event.digests().map(|(algorithm, _)| algorithm).collect::<Vec<_>>(), [0x27, SHA256_ID]);
    assert_eq!(event.digest(Bank::Sha256), Some(sha256(&[0; 4]).as_slice()));
    assert_eq!(event.digest(Bank::Sha384), None);
}

#[test]
fn a_length_beyond_the_log_is_refused_without_allocating() {
    let mut bytes = log(&[Line::told(1, b"data")]);
    let at = bytes.len() - 8;
    for length in [5, 0x7fff_ffff, u32::MAX] {
        bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
        assert_eq!(refusal(&bytes), EventLogError::Truncated { event: 1 });
    }
}

#[test]
fn names_of_banks_read_back() {
    for bank in Bank::ALL {
        assert_eq!(bank.name().parse(), Ok(bank));
    }
    assert_eq!("sm3".parse::<Bank>(), Err(EventLogError::UnknownBank));
}

/// Everything that can be asked of a log.
fn ask_everything(bytes: &[u8]) {
    if let Ok(log) = EventLog::read(bytes) {
        let _ = log.replay_rtmrs();
        for bank in Bank::ALL {
            let _ = log.replay_pcrs(bank);
        }
        for event in log.events() {
            let _ = event.proof();
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_fall_over(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        ask_everything(&bytes);
        ask_everything(&[log(&[]), bytes].concat());
    }

    #[test]
    fn no_change_of_a_log_makes_it_fall_over(changes in proptest::collection::vec((0_usize..2048, any::<u8>()), 1..6)) {
        let mut bytes = log(&boot());
        for (at, byte) in changes {
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
        }
        ask_everything(&bytes);
    }
}

#[test]
fn events_speak_in_printable_words_or_not_at_all() {
    let words = |kind, data: &[u8]| {
        let bytes = log(&[Line::of(1, kind, data, data)]);
        EventLog::read(&bytes).unwrap().events().next().unwrap().words()
    };
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(words(EventType::EFI_ACTION, b"Exit\x1b[2J Boot"), said("Exit?[2J Boot"));
    assert_eq!(words(EventType::EFI_VARIABLE_BOOT, &variable("BootOrder", &[9; 40])), said("BootOrder"));
    assert_eq!(words(EventType::EFI_VARIABLE_AUTHORITY, &variable("d\u{202e}b name", b"")), said("d?b name"));
    assert_eq!(words(EventType::EFI_HANDOFF_TABLES2, b"\x08TdxTable\x01\0\0\0"), said("TdxTable"));
    assert_eq!(words(EventType::EVENT_TAG, b"\xec\";\x8f\x0d\0\0\0Linux initrd\0"), said("Linux initrd"));
    assert_eq!(words(EventType::S_CRTM_VERSION, b"1\0.\x002\0\0\0"), said("1.2"));
    assert_eq!(words(EventType::IPL, &[b'a'; 1000]).unwrap().len(), 160);
    // A quarter may be strange.
    assert_eq!(words(EventType::EFI_ACTION, b"\x01abc"), said("?abc"));
    assert_eq!(words(EventType::EFI_ACTION, b"\x01ab"), None);
    for (kind, data) in [
        (EventType::SEPARATOR, [0; 4].as_slice()),
        (EventType::POST_CODE, &[1, 2, 3, b'a']),
        (EventType::EFI_VARIABLE_BOOT, b"short"),
        (EventType::EFI_HANDOFF_TABLES2, b"\xffshort"),
        (EventType::EVENT_TAG, b"\x01\0\0\0\xff\0\0\0short"),
        (EventType::EFI_ACTION, b""),
    ] {
        assert_eq!(words(kind, data), None, "{kind}");
    }
}

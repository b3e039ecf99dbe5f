//! Logs that lie about what the machine signed (E1), about their own data (E2), or are not there (E3).

use prism_attest::Check;
use prism_attest::finding::Findings;
use prism_attest::replay::{Bank, EventLog, EventType, Proof, Registers, compare};
use prism_core::hexadecimal::HexBytes;

use crate::written::{Line, boot, log, variable};

/// The registers that the honest log leads to.
fn signed() -> [HexBytes<48>; 4] {
    EventLog::read(&log(&boot())).unwrap().replay_rtmrs().unwrap()
}

fn failed(findings: &Findings) -> Vec<Check> {
    let mut checks: Vec<_> = findings.unmet().map(|finding| finding.check).collect();
    checks.dedup();
    checks
}

fn judged(lines: &[Line]) -> Vec<Check> {
    failed(&EventLog::read(&log(lines)).unwrap().compare_rtmrs(&signed()))
}

#[test]
fn an_honest_log_holds() {
    let (bytes, signed) = (log(&boot()), signed());
    let numbered: Vec<_> = (0..).zip(signed).collect();
    let findings = compare(Some(&bytes), Registers::Rtmrs(&numbered));
    assert_eq!(failed(&findings), []);
    let seen: std::collections::BTreeSet<_> = findings.iter().map(|finding| finding.check).collect();
    let all = [Check::EventLogForm, Check::EventLogPresent, Check::EventLogRegisters, Check::EventLogDigests];
    assert_eq!(seen, all.into_iter().collect());
    assert_eq!(findings.iter().filter(|finding| finding.check == Check::EventLogRegisters).count(), 4);
}

#[test]
fn a_log_with_an_event_dropped_doubled_moved_or_changed_leads_elsewhere() {
    let honest = boot();
    for at in 1..honest.len() {
        let mut dropped = honest.clone();
        dropped.remove(at);
        let mut doubled = honest.clone();
        doubled.insert(at, honest[at].clone());
        let mut moved = honest.clone();
        moved[at].register = moved[at].register % 4 + 1;
        let mut changed = honest.clone();
        changed[at].digests[1].1[0] ^= 1;
        let mut hidden = honest.clone();
        hidden[at].kind = EventType::NO_ACTION;
        for lines in [dropped, doubled, moved, changed, hidden] {
            assert!(judged(&lines).contains(&Check::EventLogRegisters), "event {}", at + 1);
        }
    }
    let mut swapped = honest.clone();
    swapped.swap(1, 2);
    assert_eq!(judged(&swapped), [Check::EventLogRegisters]);
    assert_eq!(judged(&honest), []);
}

#[test]
fn a_signed_register_that_differs_in_one_bit_is_found() {
    let bytes = log(&boot());
    for register in 0..4 {
        let mut values = signed().map(|value| *value.as_bytes());
        values[register][47] ^= 1;
        let findings = EventLog::read(&bytes).unwrap().compare_rtmrs(&values.map(HexBytes::new));
        let wrong: Vec<_> = findings.unmet().collect();
        assert_eq!(wrong.len(), 1);
        assert_eq!(wrong[0].check, Check::EventLogRegisters);
        assert!(wrong[0].expected.starts_with(&format!("RTMR{register} ")), "{}", wrong[0].expected);
    }
}

#[test]
fn data_that_their_digest_has_to_prove_cannot_be_changed() {
    let honest = boot();
    let mut proven = 0;
    for at in 1..honest.len() {
        let mut lines = honest.clone();
        let last = lines[at].data.len() - 1;
        lines[at].data[last] ^= 1;
        let claim = matches!(lines[at].kind, EventType::EFI_PLATFORM_FIRMWARE_BLOB2 | EventType::EVENT_TAG);
        assert_eq!(judged(&lines), if claim { vec![] } else { vec![Check::EventLogDigests] }, "event {}", at + 1);
        proven += usize::from(!claim);
    }
    assert_eq!(proven, 9);
}

#[test]
fn a_digest_of_another_bank_cannot_be_changed_either() {
    let mut lines = boot();
    lines[7].digests[0].1[0] ^= 1;
    assert_eq!(judged(&lines), [Check::EventLogDigests]);
}

#[test]
fn an_event_that_tells_has_no_digest() {
    let mut lines = boot();
    lines[0].digests[0].1[31] = 1;
    assert_eq!(judged(&lines), [Check::EventLogDigests]);
}

#[test]
fn a_boot_variable_proves_itself_whole_or_by_its_value() {
    let data = variable("Boot0000", b"value");
    let proof = |hashed: &[u8], data: &[u8]| {
        let bytes = log(&[Line::of(1, EventType::EFI_VARIABLE_BOOT, hashed, data)]);
        EventLog::read(&bytes).unwrap().events().next().unwrap().proof()
    };
    assert_eq!(proof(b"value", &data), Proof::Holds);
    assert_eq!(proof(&data, &data), Proof::Holds);
    assert_eq!(proof(b"other", &data), Proof::Differs);
    assert_eq!(proof(b"value", b"too short"), Proof::Differs);
    let longer = [data.clone(), vec![0]].concat();
    assert_eq!(proof(b"value", &longer), Proof::Differs);
    let mut huge = data;
    huge[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(proof(b"value", &huge), Proof::Differs);
}

#[test]
fn a_log_that_is_demanded_and_absent_or_malformed_is_found() {
    let numbered: Vec<_> = (0..).zip(signed()).collect();
    assert_eq!(failed(&compare(None, Registers::Rtmrs(&numbered))), [Check::EventLogPresent]);
    for bytes in [&[][..], b"no event log"] {
        assert_eq!(failed(&compare(Some(bytes), Registers::Rtmrs(&numbered))), [Check::EventLogForm]);
    }
}

#[test]
fn registers_that_cannot_be_compared_do_not_hold() {
    let bytes = log(&boot());
    let value = HexBytes::new([0; 48]);
    let pcr = [0; 32];
    for signed in [
        Registers::Rtmrs(&[]),
        Registers::Rtmrs(&[(4, value)]),
        Registers::Pcrs(Bank::Sha256, &[]),
        Registers::Pcrs(Bank::Sha256, &[(17, &pcr)]),
        Registers::Pcrs(Bank::Sha256, &[(24, &pcr)]),
        Registers::Pcrs(Bank::Sha512, &[(0, &pcr)]),
    ] {
        assert_eq!(failed(&compare(Some(&bytes), signed)), [Check::EventLogRegisters], "{signed:?}");
    }
}

#[test]
fn signed_pcrs_are_compared_one_by_one_and_those_without_events_are_zero() {
    let bytes = log(&boot());
    let replayed = EventLog::read(&bytes).unwrap().replay_pcrs(Bank::Sha256).unwrap();
    let zero = [0; 32];
    let signed = [(1, replayed[&1].as_bytes()), (2, replayed[&2].as_bytes()), (16, &zero)];
    assert_eq!(failed(&compare(Some(&bytes), Registers::Pcrs(Bank::Sha256, &signed))), []);
    let longer = [zero.as_slice(), &[0]].concat();
    for wrong in [(1, zero.as_slice()), (2, &replayed[&1].as_bytes()[..31]), (16, &longer)] {
        let findings = compare(Some(&bytes), Registers::Pcrs(Bank::Sha256, &[signed[0], wrong]));
        assert_eq!(failed(&findings), [Check::EventLogRegisters], "{wrong:?}");
    }
}

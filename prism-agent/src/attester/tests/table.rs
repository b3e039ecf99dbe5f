use prism_attest::endorsements::SnpEndorsements;

use super::*;

const VCEK: [u8; 16] = *b"\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd";
const VLEK: [u8; 16] = *b"\xa8\x07\x4b\xc2\xa2\x5a\x48\x3e\xaa\xe6\x39\xc0\x45\xa0\xb8\xa1";
const ASK: [u8; 16] = *b"\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82";
const ARK: [u8; 16] = *b"\xc0\xb4\x06\xa4\xa8\x03\x49\x52\x97\x43\x3f\xb6\x01\x4c\xd0\xae";

/// A certificate table with these rows and these bytes after them.
pub(super) fn table(rows: &[([u8; 16], u32, u32)], content: &[u8]) -> Vec<u8> {
    let mut table = Vec::new();
    for (id, offset, length) in rows {
        table.extend(id);
        table.extend(offset.to_le_bytes());
        table.extend(length.to_le_bytes());
    }
    table.extend([0; 24]);
    table.extend(content);
    table
}

/// A table of whole certificates.
fn certificates(parts: &[([u8; 16], &[u8])]) -> Vec<u8> {
    let mut at = u32::try_from((parts.len() + 1) * 24).unwrap();
    let (mut rows, mut content) = (Vec::new(), Vec::new());
    for (id, bytes) in parts {
        let length = u32::try_from(bytes.len()).unwrap();
        rows.push((*id, at, length));
        content.extend_from_slice(bytes);
        at += length;
    }
    table(&rows, &content)
}

pub(super) fn file() -> SnpEndorsements {
    SnpEndorsements { vek: b"fv".to_vec(), ask: b"fa".to_vec(), ark: b"fr".to_vec(), crl: Some(b"fc".to_vec()) }
}

fn read(table: &[u8], file: Option<&SnpEndorsements>) -> SnpEndorsements {
    cert_table::endorsements(table, &snp_report(false), file).unwrap().as_snp().unwrap().clone()
}

#[test]
fn a_hosts_certificate_table_is_read() {
    let table = certificates(&[(VCEK, b"vvv"), (ASK, b"aa"), (ARK, b"r")]);
    let parts = read(&table, None);
    assert_eq!((&parts.vek[..], &parts.ask[..], &parts.ark[..]), (&b"vvv"[..], &b"aa"[..], &b"r"[..]));
    assert_eq!(parts.crl, None);
}

#[test]
fn the_leaf_is_that_of_the_key_that_signed() {
    let table = certificates(&[(VCEK, b"chip"), (VLEK, b"loaded"), (ASK, b"aa"), (ARK, b"r")]);
    for (vlek, leaf) in [(true, &b"loaded"[..]), (false, b"chip")] {
        let endorsements = cert_table::endorsements(&table, &snp_report(vlek), None).unwrap();
        assert_eq!(endorsements.as_snp().unwrap().vek, leaf);
    }
}

#[test]
fn the_file_completes_what_the_host_gave() {
    let parts = read(&certificates(&[(VCEK, b"vvv")]), Some(&file()));
    assert_eq!(parts, SnpEndorsements { vek: b"vvv".to_vec(), ..file() });
    let parts = read(&certificates(&[(VCEK, b"vvv"), (ASK, b"aa"), (ARK, b"r")]), Some(&file()));
    assert_eq!((parts.ask, parts.crl), (b"aa".to_vec(), Some(b"fc".to_vec())));
}

#[test]
fn the_file_stands_for_a_host_that_gave_nothing() {
    for table in [Vec::new(), vec![0; 24], certificates(&[(ASK, b"aa")])] {
        assert_eq!(read(&table, Some(&file())), file());
        let alone = cert_table::endorsements(&table, &snp_report(false), None);
        assert!(matches!(alone, Err(AttesterError::NoEndorsements)));
    }
}

#[test]
fn a_real_leaf_is_completed_with_amds_own_certificates() {
    let Some(vcek) = vector("real/sev/tests__certs_data__vcek_milan.der") else { return };
    let parts = read(&certificates(&[(VCEK, &vcek)]), Some(&file()));
    assert_eq!(parts.vek, vcek);
    assert!(parts.ask.len() > 1000 && parts.ark.len() > 1000);
}

#[test]
fn offsets_of_a_hostile_host_lead_nowhere() {
    let refused = |table: &[u8]| cert_table::endorsements(table, &snp_report(false), None).is_err();
    for (offset, length) in [(0, u32::MAX), (u32::MAX, 1), (u32::MAX, u32::MAX), (200, 3), (48, 0), (48, 4)] {
        assert!(refused(&table(&[(VCEK, offset, length)], b"vvv")), "{offset} {length}");
    }
    for cut in [0, 1, 23, 24] {
        assert!(refused(&table(&[(VCEK, 48, 3)], b"vvv")[..cut]), "{cut}");
    }
}

use std::io::Write;

use prism_attest::AgentBinding;
use prism_core::audit::tree::leaf_hash;

use super::*;

fn data() -> ReportData {
    let agent = AgentBinding::new([1; 16], vec![2], "log+key".to_owned(), None).unwrap();
    ReportData::compose(&leaf_hash(b"session"), &agent)
}

/// A directory that looks as configfs-tsm would after one report.
fn kernel(provider: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let entry = dir.path().join(format!("prism-{}", std::process::id()));
    fs::create_dir(&entry).unwrap();
    for (name, content) in
        [("provider", provider), ("generation", "3\n"), ("outblob", "REPORT"), ("auxblob", ""), ("inblob", "")]
    {
        fs::write(entry.join(name), content).unwrap();
    }
    (dir, entry)
}

/// Counts the write and makes the report when somebody reads it, as the kernel does: reading a pipe waits for its writer.
fn answer(entry: &Path) -> std::thread::JoinHandle<()> {
    let (report, generation) = (entry.join("outblob"), entry.join("generation"));
    fs::remove_file(&report).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &report, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    std::thread::spawn(move || {
        let mut pipe = fs::OpenOptions::new().write(true).open(&report).unwrap();
        fs::write(generation, "4\n").unwrap();
        pipe.write_all(b"REPORT").unwrap();
    })
}

#[test]
fn a_report_is_what_the_kernel_made_of_our_data() {
    let (dir, entry) = kernel("sev_guest\n");
    let tsm = tsm::Tsm::open(dir.path()).unwrap();
    let kernel = answer(&entry);
    let report = tsm.report(&data()).unwrap();
    kernel.join().unwrap();
    assert_eq!(report.evidence, b"REPORT");
    assert_eq!(fs::read(entry.join("inblob")).unwrap(), data().as_bytes());
}

#[test]
fn a_report_that_somebody_disturbed_is_asked_for_again() {
    let (dir, _) = kernel("sev_guest\n");
    let tsm = tsm::Tsm::open(dir.path()).unwrap();
    // The generation never moves by one, as if somebody else wrote each time.
    assert!(matches!(tsm.report(&data()), Err(AttesterError::Busy { .. })));
}

#[test]
fn another_platforms_reports_are_not_taken_for_ours() {
    let (dir, _) = kernel("tdx_guest\n");
    assert!(matches!(tsm::Tsm::open(dir.path()), Err(AttesterError::OtherProvider { found }) if found == "tdx_guest"));
}

#[test]
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
fn a_machine_without_hardware_says_so() {
    if Path::new(sev_guest::DEVICE).exists() || Path::new(tsm::REPORTS).exists() {
        eprintln!("skipped: this machine has the hardware");
        return;
    }
    let choice = PlatformChoice::Snp { endorsements: None };
    assert!(matches!(Attester::open(&choice, 0), Err(AttesterError::NoHardware { .. })));
}

const VCEK: [u8; 16] = *b"\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd";
const ASK: [u8; 16] = *b"\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82";
const ARK: [u8; 16] = *b"\xc0\xb4\x06\xa4\xa8\x03\x49\x52\x97\x43\x3f\xb6\x01\x4c\xd0\xae";

/// A certificate table with these rows and these bytes after them.
fn table(rows: &[([u8; 16], u32, u32)], content: &[u8]) -> Vec<u8> {
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

#[test]
fn a_hosts_certificate_table_is_read() {
    let start = 4 * 24;
    let rows = [(VCEK, start, 3), (ASK, start + 3, 2), (ARK, start + 5, 1)];
    let endorsements = cert_table::endorsements(&table(&rows, b"vvvaar")).unwrap();
    let parts = endorsements.as_snp().unwrap();
    assert_eq!(
        (parts.vek.as_slice(), parts.ask.as_slice(), parts.ark.as_slice()),
        (&b"vvv"[..], &b"aa"[..], &b"r"[..])
    );
    assert_eq!(parts.crl, None);
}

#[test]
fn offsets_of_a_hostile_host_lead_nowhere() {
    for (offset, length) in [(0, u32::MAX), (u32::MAX, 1), (u32::MAX, u32::MAX), (200, 3), (48, 0), (48, 4)] {
        let table = table(&[(VCEK, offset, length)], b"vvv");
        assert!(cert_table::endorsements(&table).is_err(), "{offset} {length}");
    }
    for cut in [0, 1, 23, 24] {
        assert!(cert_table::endorsements(&table(&[(VCEK, 48, 3)], b"vvv")[..cut]).is_err(), "{cut}");
    }
}

mod azure;
mod event_log;
mod library;
mod open;
mod probe;
#[cfg(feature = "simulator")]
mod simulated;
mod swtpm;
mod table;
mod tpm;
mod tsm;

use std::path::{Path, PathBuf};

use prism_attest::AgentBinding;
use prism_core::audit::tree::leaf_hash;

use super::{event_log as log_file, *};

fn data() -> ReportData {
    let agent = AgentBinding::new([1; 16], vec![2], "log+key".to_owned(), None).unwrap();
    ReportData::compose(&leaf_hash(b"session"), &agent)
}

/// Bytes that say they are an SEV-SNP report, signed by a VLEK or a VCEK.
fn snp_report(vlek: bool) -> Vec<u8> {
    let mut report = vec![0; 1184];
    (report[0], report[0x34], report[0x48]) = (2, 1, u8::from(vlek) << 2);
    report
}

/// Bytes that say they are a TDX quote of version 4, with the zeros that the quoting service leaves after it.
fn tdx_quote() -> Vec<u8> {
    let mut quote = vec![0; 5006];
    (quote[0], quote[2], quote[4], quote[700]) = (4, 2, 0x81, 7);
    quote
}

fn vectors() -> PathBuf {
    let place = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(place), PathBuf::from)
}

/// A file of the vectors; says so when there are none.
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
fn vector(name: &str) -> Option<Vec<u8>> {
    let read = fs::read(vectors().join(name)).ok();
    if read.is_none() {
        eprintln!("skipped: no vectors");
    }
    read
}

/// A machine in a directory that has nothing yet.
fn bare_machine() -> (tempfile::TempDir, ProbePaths) {
    let dir = tempfile::tempdir().unwrap();
    let paths = ProbePaths::under(dir.path());
    (dir, paths)
}

/// Makes a file and the directories above it.
fn put(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The entry that this process would make in the kernel's interface.
fn entry_name() -> String {
    format!("prism-{}", std::process::id())
}

#[test]
fn evidence_is_known_by_its_own_first_words() {
    assert_eq!(Content::of(&snp_report(false)), Content::SnpReport);
    assert_eq!(Content::of(&tdx_quote()), Content::TdxQuote);
    assert_eq!(Content::of(&[0xd2, 0x84, 0x43]), Content::TdxDice);
    let mut short = snp_report(false);
    short.pop();
    for other in [&b""[..], b"REPORT", &short] {
        assert_eq!(Content::of(other), Content::Unknown);
    }
}

#[test]
fn real_evidence_is_known_by_its_own_first_words() {
    for (name, content) in [
        ("real/dcap-qvl/tdx_quote", Content::TdxQuote),
        ("real/dcap-rs/data__quote_tdx_00806f050000.dat", Content::TdxQuote),
        ("real/dcap-qvl/sgx_quote", Content::Unknown),
        ("real/go-sev-guest/verify__testdata__attestation.bin", Content::SnpReport),
        ("real/ms-tav/tests__test_data__turin_attestation_report.bin", Content::SnpReport),
    ] {
        let Some(bytes) = vector(name) else { return };
        assert_eq!(Content::of(&bytes), content, "{name}");
    }
    let Some(vlek) = vector("real/trustee/deps__verifier__test_data__snp__test-vlek-report.bin") else { return };
    assert_eq!(content::signed_by_vlek(&vlek), Some(true));
}

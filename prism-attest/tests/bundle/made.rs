//! Endorsements of a simulated machine, judgements that nobody signed, and the public vectors.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prism_attest::binding::Batch;
use prism_attest::endorsements::bundle::{Answer, Bundle, EndorsementKey, Entry, Origin};
use prism_attest::platform::simulated::{Mutations, SimulatedKey, SimulatedMachine, SimulatedVendor};
use prism_attest::{AgentBinding, Endorsements, Evidence, ReportData, SessionBinding};
use prism_core::entropy::SystemEntropy;
use prism_core::hexadecimal::HexBytes;

pub(crate) const NOW: u64 = 1_800_000_000;

/// Evidence and its endorsements.
type Attested = (Evidence, Endorsements);

/// One simulated machine with its own key and one with a provider's, for all tests of this process: their vendor's RSA
/// keys take seconds.
fn machines() -> &'static [Attested; 2] {
    static MACHINES: OnceLock<[Attested; 2]> = OnceLock::new();
    MACHINES.get_or_init(|| {
        let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
        let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/test+0badcafe+key".to_owned(), None).unwrap();
        let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
        let data = ReportData::compose(&Batch::new(&[session.leaf()]).unwrap().root(), &agent);
        [SimulatedKey::Vcek, SimulatedKey::Vlek].map(|key| {
            let mut machine = SimulatedMachine::default();
            machine.key = key;
            vendor.attest_as(&machine, &data, &Mutations::none()).unwrap()
        })
    })
}

/// The machine with its own key.
pub(crate) fn machine() -> &'static Attested {
    &machines()[0]
}

/// The machine with a provider's key.
pub(crate) fn rented() -> &'static Attested {
    &machines()[1]
}

pub(crate) fn origin() -> Origin {
    Origin { source: "https://vendor.example/a?b=c".to_owned(), fetched_at: NOW }
}

/// A bundle of the simulated machine.
pub(crate) fn bundle() -> Bundle {
    Bundle::of_machine(&machine().1, &origin()).unwrap()
}

/// Certificates as PEM: what signers look like.
pub(crate) fn issuers() -> Vec<u8> {
    let (_, endorsements) = machine();
    let parts = endorsements.as_snp().unwrap();
    let mut pem = String::new();
    for der in [&parts.ask, &parts.ark] {
        let text = STANDARD.encode(der);
        write!(pem, "-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").unwrap();
    }
    pem.into_bytes()
}

/// A judgement with this number, made this many days after [`NOW`] and good for 30; nobody signed it.
pub(crate) fn judgement(fmspc: [u8; 6], number: u64, day: u64) -> Entry {
    let date = |day: u64| format!("2027-01-{:02}T08:00:00Z", 15 + day);
    let body = format!(
        r#"{{"tcbInfo":{{"id":"TDX","version":3,"issueDate":"{}","nextUpdate":"2027-02-20T08:00:00Z","fmspc":"{}","tcbEvaluationDataNumber":{number}}},"signature":"{}"}}"#,
        date(day),
        hex::encode_upper(fmspc),
        "00".repeat(64)
    );
    let key = EndorsementKey::TcbInfo { fmspc: HexBytes::new(fmspc) };
    Entry::new(key, Answer { bytes: body.into_bytes(), issuers: Some(issuers()) }, origin()).unwrap()
}

/// The folder of vectors; says so when there is none.
pub(crate) fn vectors(folder: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let root = std::env::var_os("PRISM_VECTORS").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = root.join(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no test vectors at {}", folder.display());
    None
}

/// The cases in a folder of vectors.
pub(crate) fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

/// The files of one case.
pub(crate) fn files(case: &Path) -> Vec<(String, Vec<u8>)> {
    let file =
        |entry: std::fs::DirEntry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap());
    std::fs::read_dir(case).unwrap().map(|entry| file(entry.unwrap())).collect()
}

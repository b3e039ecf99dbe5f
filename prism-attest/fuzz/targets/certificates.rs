//! AMD's certificates and revocation list, one of them replaced: only the true ones vouch for a report.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use prism_attest::platform::simulated::{Mutations, SimulatedVendor};
use prism_attest::{AgentBinding, Endorsements, Evidence, ReportData, Roots, SessionBinding, verify};
use prism_core::entropy::SystemEntropy;

const NOW: u64 = 1_800_000_000;

fn machine() -> &'static (Evidence, Endorsements, Roots) {
    static MACHINE: OnceLock<(Evidence, Endorsements, Roots)> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
        let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/fuzz+0badcafe+key".to_owned(), None).unwrap();
        let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
        let data = ReportData::compose(&session.leaf(), &agent);
        let (evidence, endorsements) = vendor.attest(&data, &Mutations::none()).unwrap();
        (evidence, endorsements, Roots::built_in().with_simulated(vendor.root_digest()))
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((part, bytes)) = data.split_first() else { return };
    let (evidence, endorsements, roots) = machine();
    let mut parts = endorsements.as_snp().unwrap().clone();
    let place = match part % 4 {
        0 => &mut parts.ark,
        1 => &mut parts.ask,
        2 => &mut parts.vek,
        _ => parts.crl.get_or_insert_default(),
    };
    let unchanged = place == bytes;
    *place = bytes.to_vec();
    let Ok(replaced) = Endorsements::snp(parts) else { return };
    assert_eq!(verify(evidence, &replaced, roots, NOW).is_ok(), unchanged, "nobody guesses a signature");
});

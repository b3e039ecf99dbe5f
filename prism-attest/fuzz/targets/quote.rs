//! TDX quotes beside what vouches for a real machine: nothing but its own quote is genuine.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use prism_attest::platform::simulated::{SimulatedTdxVendor, TdxMutations};
use prism_attest::{AgentBinding, Evidence, Platform, Prepared, ReportData, Roots, SessionBinding};

const NOW: u64 = 1_800_000_000;

fn machine() -> &'static (Evidence, Prepared) {
    static MACHINE: OnceLock<(Evidence, Prepared)> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
        let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/fuzz+0badcafe+key".to_owned(), None).unwrap();
        let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
        let data = ReportData::compose(&session.leaf(), &agent);
        let (evidence, endorsements) = vendor.attest(&data, &TdxMutations::none()).unwrap();
        let roots = Roots::built_in().with_simulated(vendor.root_digest());
        let prepared = Prepared::new(Platform::SimulatedTdx, &endorsements, &roots, NOW).unwrap();
        (evidence, prepared)
    })
}

// Bytes of the input as patches of the true quote (place, value), or the input itself where it begins with zero.
fuzz_target!(|data: &[u8]| {
    let (evidence, prepared) = machine();
    let Some((kind, rest)) = data.split_first() else { return };
    let mut bytes = if *kind == 0 { rest.to_vec() } else { evidence.bytes().to_vec() };
    if *kind != 0 {
        for patch in rest.chunks_exact(3) {
            let at = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % bytes.len();
            bytes[at] = patch[2];
        }
        if kind % 2 == 0 {
            bytes.truncate(bytes.len() - usize::from(*kind));
        }
    }
    let Ok(found) = Evidence::new(Platform::SimulatedTdx, bytes) else { return };
    // The line ends of the chain and the padding behind it are nobody's word, and may change.
    if let Ok(claims) = prepared.verify(&found, NOW) {
        let honest = prepared.verify(evidence, NOW).unwrap();
        assert_eq!(claims.facts(), honest.facts(), "nobody guesses a signature");
    }
    let _ = prepared.admit(&found, NOW);
});

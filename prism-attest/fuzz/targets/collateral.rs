//! What vouches for a TDX machine, one part of it replaced: certificate chains, revocation lists, and documents that
//! Intel itself would have signed.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use prism_attest::platform::simulated::{SimulatedTdxVendor, TdxMutations};
use prism_attest::{
    AgentBinding, Endorsements, Evidence, Platform, Prepared, ReportData, Roots, SessionBinding, verify,
};

const NOW: u64 = 1_800_000_000;

struct Machine {
    vendor: SimulatedTdxVendor,
    evidence: Evidence,
    endorsements: Endorsements,
    roots: Roots,
}

fn machine() -> &'static Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let vendor = SimulatedTdxVendor::generate(NOW).unwrap();
        let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/fuzz+0badcafe+key".to_owned(), None).unwrap();
        let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
        let data = ReportData::compose(&session.leaf(), &agent);
        let (evidence, endorsements) = vendor.attest(&data, &TdxMutations::none()).unwrap();
        let roots = Roots::built_in().with_simulated(vendor.root_digest());
        Machine { vendor, evidence, endorsements, roots }
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((part, bytes)) = data.split_first() else { return };
    let Machine { vendor, evidence, endorsements, roots } = machine();
    let mut parts = endorsements.as_tdx().unwrap().clone();
    let signed = |json| vendor.sign_document(json).unwrap();
    match part % 7 {
        0 => parts.tcb_info = signed(bytes),
        1 => parts.qe_identity = signed(bytes),
        2 => parts.pck_crl = bytes.to_vec(),
        3 => parts.root_crl = bytes.to_vec(),
        4 => parts.tcb_info_chain = bytes.to_vec(),
        5 => parts.pck_crl_chain = bytes.to_vec(),
        _ => parts.pck_chain = Some(bytes.to_vec()),
    }
    let Ok(replaced) = Endorsements::tdx(parts) else { return };
    let cold = verify(evidence, &replaced, roots, NOW).is_ok();
    let prepared = Prepared::new(Platform::SimulatedTdx, &replaced, roots, NOW);
    assert_eq!(cold, prepared.is_ok_and(|prepared| prepared.verify(evidence, NOW).is_ok()), "two ways, one answer");
});

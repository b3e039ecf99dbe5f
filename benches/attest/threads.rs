//! Two threads share prepared endorsements: how much more do they verify than one?

use std::thread;
use std::time::Instant;

use prism_attest::platform::simulated::SimulatedVendor;
use prism_attest::{AgentBinding, Platform, Prepared, ReportData, SessionBinding};
use prism_core::entropy::SystemEntropy;

use crate::snp::{Machine, NOW};

const ROUNDS: usize = 20;
const VERIFICATIONS: u32 = 500;

/// What the simulated machines sign.
pub(crate) fn report_data() -> ReportData {
    let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/bench+0badcafe+key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    ReportData::compose(&session.leaf(), &agent)
}

pub(crate) fn run() {
    let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
    let machine = Machine::new(&vendor, Vec::new());
    let prepared = Prepared::new(Platform::Simulated, &machine.endorsements, &machine.roots, NOW).unwrap();
    let work = || (0..VERIFICATIONS).for_each(|_| drop(prepared.verify(&machine.evidence, NOW).unwrap()));
    let rate = |threads: u32| {
        let begun = Instant::now();
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        f64::from(threads * VERIFICATIONS) / begun.elapsed().as_secs_f64()
    };
    let (mut one, mut two) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        one = one.max(rate(1));
        two = two.max(rate(2));
    }
    println!("SEV-SNP, prepared endorsements, two threads (target 1.90)");
    println!("  one thread {one:.0}/s, two threads {two:.0}/s: {:.2}", two / one);
}

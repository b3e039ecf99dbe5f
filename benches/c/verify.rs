//! A verdict under endorsements that were verified before.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use prism_attest::platform::simulated::{Mutations, SimulatedMachine, SimulatedVendor};
use prism_attest::{AgentBinding, Case, Evidence, ExpectedBinding, Platform, ReportData, Roots, SessionBinding};
use prism_core::entropy::SystemEntropy;
use prism_core::manifest::platform::PolicyDocument;
use rustix::time::{ClockId, clock_gettime};

use crate::{Calls, report};

const NOW: u64 = 1_800_000_000;

/// Verdicts of a turn, and rounds; the fastest turn of each way counts.
const TIMES: u32 = 50;
const ROUNDS: usize = 60;

pub(crate) fn run(calls: &Path, place: &Path) {
    let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), NOW).unwrap();
    let agent = AgentBinding::new([1; 16], vec![2; 91], "prism.log/bench+0badcafe+key".to_owned(), None).unwrap();
    let session = SessionBinding { exporter: [3; 32], client_nonce: [4; 32], agent_nonce: [5; 32] };
    let data = ReportData::compose(&session.leaf(), &agent);
    let (evidence, endorsements) = vendor.attest(&data, &Mutations::default()).unwrap();
    let policy = vendor.policy_for(&SimulatedMachine::default());
    let write = |name: &str, bytes: &[u8]| fs::write(place.join(name), bytes).unwrap();
    write("report.bin", evidence.bytes());
    write("report-data.bin", data.as_bytes());
    write("endorsements.json", &endorsements.to_json());
    write("policy.toml", PolicyDocument::confirmed(policy.clone()).to_toml().unwrap().as_bytes());

    let expected = ExpectedBinding::foreign(*data.as_bytes());
    let case =
        Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now: NOW };
    let prepared = case.prepare_under(&Roots::built_in()).unwrap();
    let judge = || {
        let evidence = Evidence::new(Platform::Simulated, evidence.bytes().to_vec()).unwrap();
        assert!(prepared.judge(&evidence, &policy, &expected, NOW).is_good());
    };
    let mut command = Command::new(calls);
    command.arg("verify").arg(place).args([TIMES.to_string(), NOW.to_string()]);
    let mut c = Calls::start(command);
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let from = processor_time();
        (0..TIMES).for_each(|_| judge());
        best.0 = best.0.min(processor_time().saturating_sub(from).as_secs_f64() * 1e6 / f64::from(TIMES));
        c.ask();
        best.1 = best.1.min(c.line().parse().unwrap());
    }
    c.end();
    report("A verdict on an SNP report, warm", "us", best, "at most 1.05");
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

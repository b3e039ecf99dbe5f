//! The same day on a pretend machine of Intel.

use std::path::PathBuf;
use std::sync::OnceLock;

use prism_agent::attester::simulated_tdx_vendor;
use prism_agent::client::AttestError;
use prism_agent::server::{Agent, PlatformChoice, StartError};
use prism_attest::platform::simulated::SimulatedTd;
use prism_attest::{Check, Platform};
use prism_core::code::{Code, Coded};
use prism_core::hexadecimal::HexBytes;

use crate::common::Computation;
use crate::common::computation::now;
use crate::people::attest;
use crate::scene::{TRAIN, computation, computation_on};
use crate::tests;
use crate::whole::the_whole_day;

tests!["machines": a_tdx_machine_earns_trust_and_computes_and_a_stranger_audits, a_tdx_machine_that_measures_otherwise_is_refused, a_tdx_machine_needs_terms_that_name_it];

/// The pretend Intel's keys, made once for all tests.
fn vendor_file() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("tdx-vendor");
        simulated_tdx_vendor(&path, now()).unwrap();
        path
    };
    MADE.get_or_init(make).clone()
}

/// A computation on machines of the pretend Intel that look like this one.
fn on_tdx(td: &SimulatedTd) -> Computation {
    computation_on(TRAIN, simulated_tdx_vendor(&vendor_file(), now()).unwrap().policy_for(td))
}

async fn start(computation: &Computation) -> Result<Agent, StartError> {
    let mut config = computation.config();
    config.platform = PlatformChoice::SimulatedTdx { vendor: vendor_file() };
    Agent::start(config, computation.signed.clone()).await
}

async fn a_tdx_machine_earns_trust_and_computes_and_a_stranger_audits() {
    let td = SimulatedTd::default();
    let computation = on_tdx(&td);
    let agent = start(&computation).await.unwrap();
    assert_eq!(agent.platform(), Platform::SimulatedTdx);
    let channel = attest(agent.local_addr(), &computation, "lab").await.unwrap();
    let claims = channel.verdict().claims().unwrap();
    assert_eq!((claims.platform(), claims.as_tdx().unwrap().mrtd()), (Platform::SimulatedTdx, td.mr_td));
    assert!(channel.trust().is_simulated() && channel.trust().to_string().contains("SIMULATED"));
    let report = the_whole_day(&computation, agent).await;
    assert!(report.summary().unwrap().simulated);
}

async fn a_tdx_machine_that_measures_otherwise_is_refused() {
    let mut wanted = SimulatedTd::default();
    wanted.mr_td = HexBytes::new([7; 48]);
    let computation = on_tdx(&wanted);
    let agent = start(&computation).await.unwrap();
    let Err(AttestError::Refused(refusal)) = attest(agent.local_addr(), &computation, "lab").await else {
        panic!("expected a refusal")
    };
    let unmet: Vec<_> = refusal.verdict().findings().unmet().map(|finding| finding.check).collect();
    assert_eq!(unmet, [Check::MrTd]);
    agent.shutdown().await;
}

async fn a_tdx_machine_needs_terms_that_name_it() {
    let amd = computation(TRAIN);
    assert_eq!(start(&amd).await.unwrap_err().code(), Code::PlatformUnsupported);
    let intel = on_tdx(&SimulatedTd::default());
    assert_eq!(intel.try_start().await.unwrap_err().code(), Code::PlatformUnsupported);
}

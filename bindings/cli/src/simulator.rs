//! The pretend vendor of this machine's user: made at first use, kept beside what else this machine remembers.

use std::path::{Path, PathBuf};

use prism_agent::attester::simulated_root;
use prism_attest::platform::simulated::SimulatedMachine;
use prism_core::digest::Digest;
use prism_core::manifest::platform::SimulatedPolicy;

use crate::exit::Outcome;
use crate::inputs::now;

/// Where the vendor's keys are kept.
pub(crate) fn vendor(state: &Path) -> PathBuf {
    state.join("simulator.json")
}

/// The digest of the vendor's root; the vendor is made at first use.
pub(crate) fn root(state: &Path) -> Outcome<Digest> {
    Ok(simulated_root(&vendor(state), now())?)
}

/// What machines of the simulator with this root report; without a root, of this machine's simulator.
pub(crate) fn policy(state: &Path, known: Option<Digest>) -> Outcome<SimulatedPolicy> {
    let root = known.map_or_else(|| root(state), Ok)?;
    Ok(SimulatedPolicy::new(root, SimulatedMachine::default().policy()))
}

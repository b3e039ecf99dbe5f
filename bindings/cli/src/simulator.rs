//! The pretend vendor of this machine's user: made at first use, kept beside what else this machine remembers.

use std::path::Path;

use prism_core::digest::Digest;
use prism_core::manifest::platform::SimulatedPolicy;

use crate::exit::Outcome;

/// What machines of the simulator with this root report; without a root, of this machine's simulator.
pub(crate) fn policy(_state: &Path, _root: Option<Digest>) -> Outcome<SimulatedPolicy> {
    Err(crate::exit::Failure::usage("expected a simulator"))
}

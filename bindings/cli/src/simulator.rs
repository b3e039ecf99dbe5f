//! The pretend vendor of this machine's user: made at first use, kept beside what else this machine remembers.

#[cfg(feature = "simulator")]
mod vendor {
    use std::path::{Path, PathBuf};

    use prism_agent::attester::simulated_root;
    use prism_attest::platform::simulated::SimulatedMachine;
    use prism_attest::{Platform, Roots};
    use prism_core::digest::Digest;
    use prism_core::manifest::platform::SimulatedPolicy;

    use crate::args::StateArg;
    use crate::exit::Outcome;
    use crate::inputs::now;

    /// Where the vendor's keys are kept.
    pub(crate) fn vendor(state: &Path) -> PathBuf {
        state.join("simulator.json")
    }

    /// The digest of the vendor's root; the vendor is made at first use.
    pub(crate) fn root(state: &StateArg) -> Outcome<Digest> {
        Ok(simulated_root(&vendor(&state.directory()?), now())?)
    }

    /// The built-in roots, and this machine's simulator for evidence that says it is simulated.
    pub(crate) fn roots(state: &StateArg, platform: Platform) -> Outcome<Roots> {
        let roots = Roots::built_in();
        if platform.is_simulated() { Ok(roots.with_simulated(root(state)?)) } else { Ok(roots) }
    }

    /// What machines of the simulator with this root report; without a root, of this machine's simulator.
    pub(crate) fn policy(state: &StateArg, known: Option<Digest>) -> Outcome<SimulatedPolicy> {
        let root = known.map_or_else(|| root(state), Ok)?;
        Ok(SimulatedPolicy::new(root, SimulatedMachine::default().policy()))
    }
}

#[cfg(feature = "simulator")]
pub(crate) use vendor::{policy, root, roots, vendor};

/// Refuses: this build contains no simulator.
#[cfg(not(feature = "simulator"))]
pub(crate) fn policy(
    _: &crate::args::StateArg,
    _: Option<prism_core::digest::Digest>,
) -> crate::exit::Outcome<prism_core::manifest::platform::SimulatedPolicy> {
    let message = "expected a platform that this build contains, found `simulated`; use a build with the simulator";
    Err(crate::exit::Failure::new(prism_core::code::Code::PlatformUnsupported, message))
}

/// The built-in roots: this build contains no simulator.
#[cfg(not(feature = "simulator"))]
pub(crate) fn roots(_: &crate::args::StateArg, _: prism_attest::Platform) -> crate::exit::Outcome<prism_attest::Roots> {
    Ok(prism_attest::Roots::built_in())
}

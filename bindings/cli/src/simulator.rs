//! The pretend vendor of this machine's user: made at first use, kept beside what else this machine remembers.

#[cfg(feature = "simulator")]
mod vendor {
    use std::path::{Path, PathBuf};

    use prism_agent::attester::{simulated_root, simulated_tdx_root};
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

    /// Where the pretend Intel's keys are kept.
    pub(crate) fn tdx_vendor(state: &Path) -> PathBuf {
        state.join("simulator-tdx.json")
    }

    /// The digest of the pretend Intel's root; the vendor is made at first use.
    pub(crate) fn tdx_root(state: &StateArg) -> Outcome<Digest> {
        Ok(simulated_tdx_root(&tdx_vendor(&state.directory()?), now())?)
    }

    /// The digest of the vendor's root; the vendor is made at first use.
    pub(crate) fn root(state: &StateArg) -> Outcome<Digest> {
        Ok(simulated_root(&vendor(&state.directory()?), now())?)
    }

    /// The built-in roots, and this machine's simulator for evidence that says it is simulated.
    pub(crate) fn roots(state: &StateArg, platform: Platform) -> Outcome<Roots> {
        let roots = Roots::built_in();
        Ok(match platform {
            Platform::Simulated => roots.with_simulated(root(state)?),
            Platform::SimulatedTdx => roots.with_simulated(tdx_root(state)?),
            _ => roots,
        })
    }

    /// What machines of the simulator with this root report; without a root, of this machine's simulator.
    pub(crate) fn policy(state: &StateArg, known: Option<Digest>) -> Outcome<SimulatedPolicy> {
        let root = known.map_or_else(|| root(state), Ok)?;
        Ok(SimulatedPolicy::new(root, SimulatedMachine::default().policy()))
    }
}

#[cfg(feature = "simulator")]
pub(crate) use vendor::{policy, root, roots, tdx_root, tdx_vendor, vendor};

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

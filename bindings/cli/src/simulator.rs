//! The pretend vendor of this machine's user: made at first use, kept beside what else this machine remembers.

#[cfg(feature = "simulator")]
mod vendor {
    use std::path::{Path, PathBuf};

    use prism_agent::attester::{simulated_tdx_vendor, simulated_vendor};
    use prism_attest::platform::simulated::{SimulatedMachine, SimulatedTd, SimulatedTdxVendor, SimulatedVendor};
    use prism_attest::{Platform, Roots};
    use prism_core::digest::Digest;
    use prism_core::manifest::platform::{SimulatedPolicy, SimulatedTdxPolicy};

    use crate::args::StateArg;
    use crate::exit::Outcome;
    use crate::inputs::now;

    /// Where the pretend AMD's keys are kept.
    pub(crate) fn vendor(state: &Path) -> PathBuf {
        state.join("simulator.json")
    }

    /// Where the pretend Intel's keys are kept.
    pub(crate) fn tdx_vendor(state: &Path) -> PathBuf {
        state.join("simulator-tdx.json")
    }

    /// The pretend AMD, made at first use.
    pub(crate) fn amd(state: &StateArg) -> Outcome<SimulatedVendor> {
        Ok(simulated_vendor(&vendor(&state.directory()?), now())?)
    }

    /// The pretend Intel, made at first use.
    pub(crate) fn intel(state: &StateArg) -> Outcome<SimulatedTdxVendor> {
        Ok(simulated_tdx_vendor(&tdx_vendor(&state.directory()?), now())?)
    }

    /// The digest of a pretend vendor's root; the vendor is made at first use.
    pub(crate) fn root(state: &StateArg, platform: Platform) -> Outcome<Digest> {
        match platform {
            Platform::SimulatedTdx => Ok(intel(state)?.root_digest()),
            _ => Ok(amd(state)?.root_digest()),
        }
    }

    /// The built-in roots, and this machine's simulator for evidence that says it is simulated.
    pub(crate) fn roots(state: &StateArg, platform: Platform) -> Outcome<Roots> {
        let roots = Roots::built_in();
        if platform.is_simulated() { Ok(roots.with_simulated(root(state, platform)?)) } else { Ok(roots) }
    }

    /// What machines of the simulator with this root report; without a root, of this machine's simulator.
    pub(crate) fn policy(state: &StateArg, known: Option<Digest>) -> Outcome<SimulatedPolicy> {
        let root = known.map_or_else(|| root(state, Platform::Simulated), Ok)?;
        Ok(SimulatedPolicy::new(root, SimulatedMachine::default().policy()))
    }

    /// The same of the simulator of TDX machines.
    pub(crate) fn tdx_policy(state: &StateArg, known: Option<Digest>) -> Outcome<SimulatedTdxPolicy> {
        let root = known.map_or_else(|| root(state, Platform::SimulatedTdx), Ok)?;
        Ok(SimulatedTdxPolicy::new(root, SimulatedTd::default().policy()))
    }
}

#[cfg(feature = "simulator")]
pub(crate) use vendor::{amd, intel, policy, root, roots, tdx_policy, tdx_vendor, vendor};

/// Refuses: this build contains no simulator.
#[cfg(not(feature = "simulator"))]
pub(crate) fn policy(
    _: &crate::args::StateArg,
    _: Option<prism_core::digest::Digest>,
) -> crate::exit::Outcome<prism_core::manifest::platform::SimulatedPolicy> {
    Err(absent())
}

/// Refuses: this build contains no simulator.
#[cfg(not(feature = "simulator"))]
pub(crate) fn tdx_policy(
    _: &crate::args::StateArg,
    _: Option<prism_core::digest::Digest>,
) -> crate::exit::Outcome<prism_core::manifest::platform::SimulatedTdxPolicy> {
    Err(absent())
}

#[cfg(not(feature = "simulator"))]
fn absent() -> crate::exit::Failure {
    let message = "expected a platform that this build contains, found a simulator; use a build with the simulator";
    crate::exit::Failure::new(prism_core::code::Code::PlatformUnsupported, message)
}

/// The built-in roots: this build contains no simulator.
#[cfg(not(feature = "simulator"))]
#[expect(clippy::unnecessary_wraps, reason = "builds with the simulator make its vendor here")]
pub(crate) fn roots(_: &crate::args::StateArg, _: prism_attest::Platform) -> crate::exit::Outcome<prism_attest::Roots> {
    Ok(prism_attest::Roots::built_in())
}

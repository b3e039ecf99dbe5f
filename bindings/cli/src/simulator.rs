//! The pretend vendor of this machine's user: made at first use, kept beside what else this machine remembers.

#[cfg(feature = "simulator")]
mod vendor {
    use prism_agent::attester::{simulated_tdx_vendor, simulated_vendor};
    use prism_agent::drafting::{simulator_file, tdx_simulator_file};
    use prism_attest::platform::simulated::{SimulatedTdxVendor, SimulatedVendor};
    use prism_attest::{Platform, Roots};
    use prism_core::digest::Digest;

    use crate::args::StateArg;
    use crate::exit::Outcome;
    use crate::inputs::now;

    /// The pretend AMD, made at first use.
    pub(crate) fn amd(state: &StateArg) -> Outcome<SimulatedVendor> {
        Ok(simulated_vendor(&simulator_file(&state.directory()?), now())?)
    }

    /// The pretend Intel, made at first use.
    pub(crate) fn intel(state: &StateArg) -> Outcome<SimulatedTdxVendor> {
        Ok(simulated_tdx_vendor(&tdx_simulator_file(&state.directory()?), now())?)
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
}

#[cfg(feature = "simulator")]
pub(crate) use vendor::{amd, intel, root, roots};

/// The built-in roots: this build contains no simulator.
#[cfg(not(feature = "simulator"))]
#[expect(clippy::unnecessary_wraps, reason = "builds with the simulator make its vendor here")]
pub(crate) fn roots(_: &crate::args::StateArg, _: prism_attest::Platform) -> crate::exit::Outcome<prism_attest::Roots> {
    Ok(prism_attest::Roots::built_in())
}

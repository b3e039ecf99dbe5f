//! `prism._prism`: the native half of the Python package `prism`.
//!
//! Every function here converts its arguments, makes one call to Prism and converts the answer. What people see, with
//! types, documentation and pictures, is the pure Python around it.
#![expect(clippy::needless_pass_by_value, reason = "what Python hands over was made for the call")]

mod agent;
mod asset;
mod attest;
mod audit;
mod card;
mod fault;
mod keys;
mod place;
mod seal;
mod session;
mod stream;
mod terms;
mod waiting;

use pyo3::pymodule;

/// The native module.
#[pymodule]
mod _prism {
    #[pymodule_export]
    use super::agent::{Agent, sandbox_helper};
    #[pymodule_export]
    use super::asset::Source;
    #[pymodule_export]
    use super::attest::judge;
    #[pymodule_export]
    use super::audit::{audit, entry_words};
    #[pymodule_export]
    use super::card::{card, size};
    #[pymodule_export]
    use super::fault::codes;
    #[pymodule_export]
    use super::keys::{PublicKey, SigningKey};
    #[pymodule_export]
    use super::place::state_directory;
    #[pymodule_export]
    use super::seal::{Identity, open, seal};
    #[pymodule_export]
    use super::session::{Channel, Session, connect};
    #[pymodule_export]
    use super::stream::{Logs, Metrics, Watch, states};
    #[pymodule_export]
    use super::terms::{SignedManifest, Terms};
    #[pymodule_export]
    use super::waiting::{Cancel, cancellable, within};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("SIMULATED", prism_core::printable::SIMULATED)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}

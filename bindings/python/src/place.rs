//! Where this machine remembers things.

use std::path::PathBuf;

use prism_agent::state::{default_directory, make_directory};
use pyo3::prelude::*;

use crate::fault::fault;

/// The directory of what this machine remembers, made if there is none.
#[pyfunction]
pub(crate) fn state_directory() -> PyResult<PathBuf> {
    let directory = default_directory().map_err(fault)?;
    make_directory(&directory).map_err(fault)?;
    Ok(directory)
}

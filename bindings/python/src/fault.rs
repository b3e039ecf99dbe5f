//! Errors of Prism as exceptions of Python: one class for each code, and what to do about it.

use prism_core::code::{Code, Coded, message};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Where the classes are.
const MODULE: &str = "prism.errors";

/// Every code there is: `(code, class of error, meaning, hint)`.
#[pyfunction]
pub(crate) fn codes() -> Vec<(&'static str, u8, &'static str, &'static str)> {
    Code::ALL.iter().map(|code| (code.as_str(), code.class().exit_code(), code.meaning(), code.hint())).collect()
}

/// What Python raises for an error.
pub(crate) fn fault<E: Coded + 'static>(error: E) -> PyErr {
    raised(error.code(), &message(&error), None)
}

/// What Python raises for an error about which there is more to say: a JSON text.
pub(crate) fn fault_with<E: Coded + 'static>(error: E, details: &str) -> PyErr {
    raised(error.code(), &message(&error), Some(details))
}

/// What Python raises for a wrong argument.
pub(crate) fn usage(text: &str) -> PyErr {
    raised(Code::Usage, text, None)
}

/// What Python raises for a code.
pub(crate) fn raised(code: Code, text: &str, details: Option<&str>) -> PyErr {
    Python::attach(|py| exception(py, code, text, details).unwrap_or_else(|error| error))
}

fn exception(py: Python<'_>, code: Code, text: &str, details: Option<&str>) -> PyResult<PyErr> {
    let class = py.import(MODULE)?.getattr("of_code")?.call1((code.as_str(),))?;
    let options = PyDict::new(py);
    options.set_item("code", code.as_str())?;
    options.set_item("hint", code.hint())?;
    if let Some(details) = details {
        let read = py.import("json")?.getattr("loads")?;
        options.set_item("details", read.call1((details,))?)?;
    }
    let value = class.call((text,), Some(&options))?;
    Ok(PyErr::from_value(value))
}

/// A lock that a panic left behind.
pub(crate) fn poisoned() -> PyErr {
    PyRuntimeError::new_err("a call of another thread on this object ended in a fault; make the object anew")
}

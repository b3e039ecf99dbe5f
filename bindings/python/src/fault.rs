//! Errors of Prism as exceptions of Python: one class for each code, and what to do about it.

use std::error::Error;
use std::io;

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
    Python::attach(|py| raise(py, error.code(), &message(&error), (None, errno_of(&error))))
}

/// What Python raises for an error about which there is more to say: a JSON text.
pub(crate) fn fault_with<E: Coded + 'static>(error: E, details: &str) -> PyErr {
    Python::attach(|py| raise(py, error.code(), &message(&error), (Some(details), errno_of(&error))))
}

/// What Python raises for a wrong argument.
pub(crate) fn usage(text: &str) -> PyErr {
    raised(Code::Usage, text, None)
}

/// What Python raises for a code.
pub(crate) fn raised(code: Code, text: &str, details: Option<&str>) -> PyErr {
    Python::attach(|py| raise(py, code, text, (details, None)))
}

/// The number of the system's reason, if there is one beneath an error.
fn errno_of(error: &(dyn Error + 'static)) -> Option<i32> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(number) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(number);
        }
        cause = error.source();
    }
    None
}

/// What more there is to say: details as JSON, the number of the system's reason.
type More<'a> = (Option<&'a str>, Option<i32>);

fn raise(py: Python<'_>, code: Code, text: &str, more: More<'_>) -> PyErr {
    exception(py, code, text, more).unwrap_or_else(|error| error)
}

/// What Python raises when the time is over that a caller gave.
pub(crate) fn deadline_passed() -> PyErr {
    let text = "expected to be done within the time that was given, found it over";
    let made = |py: Python<'_>| {
        let class = py.import(MODULE)?.getattr("DeadlinePassed")?;
        Ok::<_, PyErr>(PyErr::from_value(class.call1((text,))?))
    };
    Python::attach(|py| made(py).unwrap_or_else(|error| error))
}

fn exception(py: Python<'_>, code: Code, text: &str, (details, errno): More<'_>) -> PyResult<PyErr> {
    let class = py.import(MODULE)?.getattr("of_code")?.call1((code.as_str(),))?;
    let options = PyDict::new(py);
    options.set_item("code", code.as_str())?;
    options.set_item("errno", errno)?;
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

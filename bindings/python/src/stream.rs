//! What an agent tells as it happens: its log, what the program prints, the figures among that.

use std::sync::{Mutex, TryLockError};

use prism_agent::client::blocking;
use prism_agent::client::{LogChunk, SessionError};
use prism_core::code::Code;
use prism_core::lifecycle::Phase;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fault::{poisoned, raised, usage};
use crate::waiting::{Home, Own, wait};

/// Waits for the next item of a stream.
fn next<T: Send>(
    py: Python<'_>,
    home: &Home,
    stream: &Mutex<Own<impl Iterator<Item = Result<T, SessionError>> + Send>>,
) -> PyResult<Option<T>> {
    home.require()?;
    // Two threads that read one stream would each miss what the other got.
    wait(py, home, || match stream.try_lock() {
        Ok(mut stream) => stream.get_mut().and_then(Iterator::next).transpose().map(Ok),
        Err(TryLockError::WouldBlock) => Ok(Err(usage("expected one reader of a stream, found another thread in it"))),
        Err(TryLockError::Poisoned(_)) => Ok(Err(poisoned())),
    })?
}

macro_rules! streams {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[pyclass(frozen, module = "prism._prism")]
        pub(crate) struct $name {
            stream: Mutex<Own<blocking::$name>>,
            home: Home,
        }

        impl $name {
            pub(crate) fn new(stream: blocking::$name, home: Home) -> Self {
                Self { stream: Mutex::new(Own::new(stream)), home }
            }
        }
    )*};
}

streams! {
    /// Proven entries of the log: `(index, state, entry as JSON)`.
    Watch;
    /// What the program prints: `(stream, bytes)`.
    Logs;
    /// Figures: `(step, values)`.
    Metrics;
}

/// A step, and figures by name.
type Figures = (Option<u64>, Vec<(String, f64)>);

/// The states of a run, in their order.
#[pyfunction]
pub(crate) fn states() -> Vec<&'static str> {
    Phase::ALL.iter().map(|phase| phase.name()).collect()
}

#[pymethods]
impl Watch {
    /// The next item; nothing at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<(u64, &'static str, String)>> {
        let Some(observed) = next(py, &self.home, &self.stream)? else { return Ok(None) };
        let text = String::from_utf8(observed.bytes)
            .map_err(|_| raised(Code::LogInvalid, "expected an entry in UTF-8", None))?;
        Ok(Some((observed.entry.seq, observed.phase.name(), text)))
    }
}

#[pymethods]
impl Logs {
    /// The next item; nothing at the end.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<(&'static str, Bound<'py, PyBytes>)>> {
        Ok(match next(py, &self.home, &self.stream)? {
            Some(LogChunk::Stdout(bytes)) => Some(("stdout", PyBytes::new(py, &bytes))),
            Some(LogChunk::Stderr(bytes)) => Some(("stderr", PyBytes::new(py, &bytes))),
            _ => None,
        })
    }
}

#[pymethods]
impl Metrics {
    /// The next item; nothing at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Figures>> {
        let figures = next(py, &self.home, &self.stream)?;
        Ok(figures.map(|figures| (figures.step, figures.values.into_iter().collect())))
    }
}

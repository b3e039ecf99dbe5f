//! What an agent tells as it happens: its log, what the program prints, the figures among that.

use std::mem;
use std::sync::{Mutex, MutexGuard, TryLockError};

use prism_agent::client::blocking;
use prism_agent::client::{LogChunk, Observed, SessionError};
use prism_core::code::Code;
use prism_core::lifecycle::Phase;
use prism_core::metric;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fault::{poisoned, raised, usage};
use crate::waiting::{Home, Own, wait};

/// A stream, and what came of it and may not have arrived: an interrupt can come between any two steps of the interpreter.
struct Reading<S, T> {
    stream: Own<S>,
    fetched: Fetched<T>,
    /// The last object, with how many the caller had before it.
    handed: Option<(u64, Py<PyAny>)>,
}

/// What a stream gave last, until it is an object.
enum Fetched<T> {
    Nothing,
    Item(T),
    End,
}

impl<S: Iterator<Item = Result<T, SessionError>>, T> Reading<S, T> {
    fn is_handed(&self, had: u64) -> bool {
        self.handed.as_ref().is_some_and(|(before, _)| *before == had)
    }

    fn fetch(&mut self, had: u64) -> Result<(), SessionError> {
        if matches!(self.fetched, Fetched::Nothing) && !self.is_handed(had) {
            let given = self.stream.get_mut().and_then(Iterator::next).transpose()?;
            self.fetched = given.map_or(Fetched::End, Fetched::Item);
        }
        Ok(())
    }
}

/// Two threads that read one stream would each miss what the other got.
fn alone<R>(reading: &Mutex<R>) -> PyResult<MutexGuard<'_, R>> {
    reading.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => usage("expected one reader of a stream, found another thread in it"),
        TryLockError::Poisoned(_) => poisoned(),
    })
}

/// The item after those `had` by the caller; who asks again with the same number gets the same again.
fn next<S, T>(
    py: Python<'_>,
    home: &Home,
    reading: &Mutex<Reading<S, T>>,
    had: u64,
    convert: impl FnOnce(T) -> PyResult<Py<PyAny>>,
) -> PyResult<Option<Py<PyAny>>>
where
    S: Iterator<Item = Result<T, SessionError>> + Send,
    T: Send,
{
    home.require()?;
    wait(py, home, || match alone(reading) {
        Ok(mut reading) => reading.fetch(had).map(Ok),
        Err(refused) => Ok(Err(refused)),
    })??;
    let mut reading = alone(reading)?;
    if !reading.is_handed(had) {
        let Fetched::Item(item) = mem::replace(&mut reading.fetched, Fetched::Nothing) else { return Ok(None) };
        reading.handed = Some((had, convert(item)?));
    }
    Ok(reading.handed.as_ref().map(|(_, item)| item.clone_ref(py)))
}

macro_rules! streams {
    ($($(#[$doc:meta])* $name:ident of $item:ty;)*) => {$(
        $(#[$doc])*
        #[pyclass(frozen, module = "prism._prism")]
        pub(crate) struct $name {
            reading: Mutex<Reading<blocking::$name, $item>>,
            home: Home,
        }

        impl $name {
            pub(crate) fn new(stream: blocking::$name, home: Home) -> Self {
                let reading = Reading { stream: Own::new(stream), fetched: Fetched::Nothing, handed: None };
                Self { reading: Mutex::new(reading), home }
            }
        }
    )*};
}

streams! {
    /// Proven entries of the log: `(index, state, entry as JSON)`.
    Watch of Observed;
    /// What the program prints: `(stream, bytes)`.
    Logs of LogChunk;
    /// Figures: `(step, values)`.
    Metrics of metric::Metrics;
}

/// The states of a run, in their order.
#[pyfunction]
pub(crate) fn states() -> Vec<&'static str> {
    Phase::ALL.iter().map(|phase| phase.name()).collect()
}

#[pymethods]
impl Watch {
    /// The item after the first `had`; nothing at the end.
    fn next(&self, py: Python<'_>, had: u64) -> PyResult<Option<Py<PyAny>>> {
        next(py, &self.home, &self.reading, had, |observed| {
            let text = String::from_utf8(observed.bytes)
                .map_err(|_| raised(Code::LogInvalid, "expected an entry in UTF-8", None))?;
            object(py, (observed.entry.seq, observed.phase.name(), text))
        })
    }
}

#[pymethods]
impl Logs {
    /// The item after the first `had`; nothing at the end.
    fn next(&self, py: Python<'_>, had: u64) -> PyResult<Option<Py<PyAny>>> {
        next(py, &self.home, &self.reading, had, |chunk| match chunk {
            LogChunk::Stdout(bytes) => object(py, ("stdout", PyBytes::new(py, &bytes))),
            LogChunk::Stderr(bytes) => object(py, ("stderr", PyBytes::new(py, &bytes))),
            _ => Err(raised(Code::Internal, "expected standard output or standard error, found another stream", None)),
        })
    }
}

#[pymethods]
impl Metrics {
    /// The item after the first `had`; nothing at the end.
    fn next(&self, py: Python<'_>, had: u64) -> PyResult<Option<Py<PyAny>>> {
        next(py, &self.home, &self.reading, had, |figures| {
            object(py, (figures.step, figures.values.into_iter().collect::<Vec<_>>()))
        })
    }
}

fn object<'py>(py: Python<'py>, value: impl IntoPyObject<'py, Error = PyErr>) -> PyResult<Py<PyAny>> {
    Ok(value.into_bound_py_any(py)?.unbind())
}

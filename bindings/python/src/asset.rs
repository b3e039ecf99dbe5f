//! Where the bytes of an asset come from.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use prism_agent::files::{self, FileError, ReadAt};
use prism_core::digest::{DigestAlgorithm, Hasher, Salt};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PySlice};
use tokio_util::sync::CancellationToken;

use crate::fault::{fault, usage};
use crate::waiting::labour;

/// A file, a folder, an array in memory or a file object of Python.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct Source(pub(crate) files::Source);

#[pymethods]
impl Source {
    /// Opens a file or a folder.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| files::Source::open(&path)).map(Self).map_err(fault)
    }

    /// Takes a flat memory view of bytes, which is not copied.
    #[staticmethod]
    fn of_buffer(view: &Bound<'_, PyMemoryView>) -> PyResult<Self> {
        let length = view.len()?;
        if view.getattr("nbytes")?.extract::<usize>()? != length {
            return Err(usage("expected a flat view of bytes, found another; use memoryview(x).cast(\"B\")"));
        }
        Ok(Self(files::Source::from_host(Arc::new(Array { view: view.clone().unbind(), length }))))
    }

    /// Takes `length` bytes that `read_at(offset, size) -> bytes` gives.
    #[staticmethod]
    fn of_reader(length: u64, read_at: Py<PyAny>) -> Self {
        Self(files::Source::from_host(Arc::new(Reader { length, read_at })))
    }

    /// `(digest, size)`; `tell` hears how many bytes were read. The salt is for salted digests, in 64 hex digits.
    #[pyo3(signature = (tell=None, algorithm="sha256", salt=None))]
    fn measure(
        &self,
        py: Python<'_>,
        tell: Option<&Bound<'_, PyAny>>,
        algorithm: &str,
        salt: Option<&str>,
    ) -> PyResult<(String, u64)> {
        let (source, hasher) = (self.0.clone(), hasher(algorithm, salt)?);
        let measured = labour(py, tell, move |token, tell| {
            if source.folder().is_some() {
                return source.measure(hasher, tell);
            }
            let mut heeding = Heeding { reader: source.reader(0)?, token };
            let failed = |source| FileError::Io { verb: "read", path: PathBuf::from("the asset"), source };
            files::measure(&mut heeding, hasher, tell).map_err(failed)
        })?;
        Ok((measured.digest.to_string(), measured.size))
    }

    /// The number of bytes, if it is known without reading them.
    fn length(&self) -> Option<u64> {
        self.0.length()
    }

    /// The files of a folder, sorted; nothing for other sources.
    fn names(&self) -> Vec<String> {
        self.0.folder().map(|folder| folder.names().to_vec()).unwrap_or_default()
    }
}

/// Reads a salt: 64 hex digits.
pub(crate) fn read_salt(text: &str) -> PyResult<Salt> {
    Salt::from_text(text).ok_or_else(|| usage("expected a salt of 64 hex digits, found other text"))
}

/// What makes digests of an algorithm, with the salt exactly when that algorithm is salted.
fn hasher(algorithm: &str, salt: Option<&str>) -> PyResult<Hasher> {
    let unknown = |_| usage("expected sha256, sha3-256 or sha256-salted, found another algorithm");
    let algorithm: DigestAlgorithm = algorithm.parse().map_err(unknown)?;
    let salt = salt.map(read_salt).transpose()?;
    let expected = if salt.is_some() { "no salt" } else { "a salt" };
    Hasher::for_algorithm(algorithm, salt.as_ref())
        .ok_or_else(|| usage(&format!("expected {expected} for a digest of {algorithm}, found otherwise")))
}

/// Reads until nobody waits any more.
struct Heeding<'a> {
    reader: Box<dyn Read + Send>,
    token: &'a CancellationToken,
}

impl Read for Heeding<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.token.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        self.reader.read(buffer)
    }
}

/// An array that Python goes on holding. It is copied piece by piece under the interpreter's lock, so that a thread that
/// writes to it meanwhile spoils a digest and nothing else.
struct Array {
    view: Py<PyMemoryView>,
    length: usize,
}

impl Array {
    fn copy(&self, py: Python<'_>, into: &mut [u8], start: usize) -> PyResult<()> {
        let end = isize::try_from(start + into.len())?;
        let piece = self.view.bind(py).get_item(PySlice::new(py, isize::try_from(start)?, end, 1))?;
        PyBuffer::<u8>::get(&piece)?.copy_to_slice(py, into)
    }
}

impl ReadAt for Array {
    fn length(&self) -> u64 {
        self.length as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.length);
        let room = buffer.len().min(self.length - start);
        let Some(into) = buffer.get_mut(..room).filter(|into| !into.is_empty()) else { return Ok(0) };
        let copied = Python::try_attach(|py| self.copy(py, into, start).map_err(|error| said(py, &error)));
        copied.unwrap_or_else(|| Err(over()))?;
        Ok(room)
    }
}

/// A file object of Python.
struct Reader {
    length: u64,
    read_at: Py<PyAny>,
}

impl ReadAt for Reader {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        if room == 0 {
            return Ok(0);
        }
        let read = |py: Python<'_>| {
            let piece = self.read_at.call1(py, (offset, room)).map_err(|error| said(py, &error))?;
            let piece =
                piece.bind(py).cast::<PyBytes>().map_err(|_| io::Error::other("expected bytes, found another"))?;
            let n = piece.as_bytes().len().min(room);
            if n == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file object ended before its length"));
            }
            if let Some((to, from)) = buffer.get_mut(..n).zip(piece.as_bytes().get(..n)) {
                to.copy_from_slice(from);
            }
            Ok(n)
        };
        Python::try_attach(read).unwrap_or_else(|| Err(over()))
    }
}

/// An interpreter that shuts down gives nothing more to read.
fn over() -> io::Error {
    io::Error::other("python is shutting down")
}

/// What Python said, without its traceback.
fn said(py: Python<'_>, error: &PyErr) -> io::Error {
    io::Error::other(format!("python says: {}", error.value(py)))
}

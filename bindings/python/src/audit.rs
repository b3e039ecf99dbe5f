//! Audits of transcripts, offline.

use std::str::FromStr;

use prism_attest::audit::{ExpectedComputation, audit as replay};
use prism_core::UnixSeconds;
use prism_core::audit::entry::Entry;
use prism_core::code::Code;
use prism_core::digest::Digest;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::fault::{fault, raised, usage};

/// Replays a transcript: whether every rule holds, the report as JSON, and its card.
#[pyfunction]
pub(crate) fn audit(
    py: Python<'_>,
    transcript: PyBackedBytes,
    manifest: Option<&str>,
    now: UnixSeconds,
) -> PyResult<(bool, String, String)> {
    let expected = match manifest.map(Digest::from_str) {
        None => ExpectedComputation::AsRecorded,
        Some(Ok(digest)) => ExpectedComputation::Manifest(digest),
        Some(Err(_)) => return Err(usage("expected a manifest's digest, found another text")),
    };
    let report = py.detach(|| replay(&transcript, expected, now));
    let text = serde_json::to_string(&report)
        .map_err(|error| raised(Code::Internal, &format!("expected a printable report: {error}"), None))?;
    Ok((report.holds(), text, report.card().to_html()))
}

/// An entry of the log in plain words, on one line.
#[pyfunction]
pub(crate) fn entry_words(entry: &str) -> PyResult<String> {
    Entry::read(entry.as_bytes()).map(|entry| entry.words().to_string()).map_err(fault)
}

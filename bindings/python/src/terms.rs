//! Manifests: bare terms, and those that everybody approved.

use std::path::PathBuf;

use prism_agent::drafting::Desk;
use prism_core::UnixSeconds;
use prism_core::code::Code;
use prism_core::envelope::Envelope;
use prism_core::manifest::draft::Draft;
use prism_core::manifest::{self, ApprovalError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fault::{fault, raised};
use crate::keys::SigningKey;
use crate::waiting::labour;

/// The terms of a computation, approved by nobody or by some.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct Terms(manifest::Terms);

#[pymethods]
impl Terms {
    /// Reads a manifest, an approval of one, or a signed manifest.
    #[staticmethod]
    fn read(bytes: &[u8]) -> PyResult<Self> {
        manifest::Terms::read(bytes).map(Self).map_err(fault)
    }

    /// Completes a draft, given as JSON: reads every file that it names.
    #[staticmethod]
    fn complete(py: Python<'_>, draft: &str, folder: PathBuf, state: PathBuf, now: UnixSeconds) -> PyResult<Self> {
        let draft: Draft = serde_json::from_str(draft)
            .map_err(|error| raised(Code::ManifestMalformed, &format!("the draft: {error}"), None))?;
        // Files can be large, or pipes that nobody writes to: whoever waits can leave.
        let manifest = labour(py, None, move |_, _| Desk { folder: &folder, state: &state, now }.complete(&draft))?;
        Self::read(&manifest.to_bytes().map_err(fault)?)
    }

    /// The exact bytes that are approved.
    fn content<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.bytes())
    }

    /// The digest of these bytes.
    fn digest(&self) -> String {
        self.0.digest().to_string()
    }

    /// The terms as JSON.
    fn json(&self) -> PyResult<String> {
        String::from_utf8(self.0.bytes().to_vec())
            .map_err(|_| raised(Code::Internal, "expected a manifest in UTF-8", None))
    }

    /// Whether they accept a machine that is simulated.
    fn simulated(&self) -> bool {
        self.0.manifest().accepts_simulation()
    }

    /// What participants bring: `(kind, name, provider, digest, size)`.
    fn assets(&self) -> Vec<(String, String, String, String, u64)> {
        let assets = self.0.manifest().assets().into_iter();
        assets
            .map(|a| (a.kind.to_string(), a.name.to_string(), a.provider.to_string(), a.digest.to_string(), a.size))
            .collect()
    }

    /// Whose key this is.
    fn participant_of(&self, key: &SigningKey) -> PyResult<String> {
        let unnamed = || fault(ApprovalError::Unnamed(key.0.public().fingerprint().to_string()));
        self.0.manifest().participant_with_key(key.0.public()).map(|found| found.name.to_string()).ok_or_else(unnamed)
    }

    /// Participants whose approval is beside the terms and holds.
    fn approved_by(&self) -> Vec<String> {
        self.0.approved_by().into_iter().map(ToString::to_string).collect()
    }

    /// Everything that a participant has to know before approving, in plain words.
    fn words(&self) -> String {
        self.0.words().to_string()
    }

    /// The terms as a notebook shows them.
    fn card(&self) -> String {
        self.0.card().to_html()
    }

    /// The fields in which other terms differ, as a JSON list of `field`, `old` and `new`.
    fn differences(&self, other: &Self) -> PyResult<String> {
        let found = self.0.differences(&other.0).map_err(fault)?;
        serde_json::to_string(&found).map_err(|error| raised(Code::Internal, &error.to_string(), None))
    }

    /// One participant's approval of the exact bytes, as an envelope.
    fn approve<'py>(&self, py: Python<'py>, key: &SigningKey) -> PyResult<Bound<'py, PyBytes>> {
        let approval = manifest::SignedManifest::approve(self.0.bytes(), &key.0).map_err(fault)?;
        Ok(PyBytes::new(py, &approval.to_json()))
    }

    /// Puts every participant's approval together.
    fn assemble(&self, approvals: Vec<Vec<u8>>) -> PyResult<SignedManifest> {
        let read = |bytes: &Vec<u8>| Envelope::read(bytes).map_err(fault);
        let approvals = approvals.iter().map(read).collect::<PyResult<Vec<_>>>()?;
        manifest::SignedManifest::assemble(self.0.bytes(), &approvals).map(SignedManifest).map_err(fault)
    }
}

/// A manifest that every participant approved.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct SignedManifest(pub(crate) manifest::SignedManifest);

#[pymethods]
impl SignedManifest {
    /// Reads a signed manifest and verifies every approval.
    #[staticmethod]
    fn read(bytes: &[u8]) -> PyResult<Self> {
        manifest::SignedManifest::read(bytes).map(Self).map_err(fault)
    }

    /// One file: a DSSE envelope.
    fn envelope<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// The terms.
    fn terms(&self) -> PyResult<Terms> {
        Terms::read(&self.0.to_bytes())
    }
}

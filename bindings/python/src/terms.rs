//! Manifests: bare terms, and those that everybody approved.

use std::path::PathBuf;

use prism_agent::drafting::Desk;
use prism_core::UnixSeconds;
use prism_core::code::Code;
use prism_core::digest::Digest;
use prism_core::envelope::{Envelope, PayloadType};
use prism_core::manifest::draft::Draft;
use prism_core::manifest::{self, ApprovalError, Manifest};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fault::{fault, raised};
use crate::keys::SigningKey;

/// The terms of a computation, approved by nobody or by some.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct Terms {
    bytes: Vec<u8>,
    manifest: Manifest,
    envelope: Option<Envelope>,
}

#[pymethods]
impl Terms {
    /// Reads a manifest, an approval of one, or a signed manifest.
    #[staticmethod]
    fn read(bytes: &[u8]) -> PyResult<Self> {
        match Envelope::read(bytes) {
            Ok(envelope) if envelope.payload_type() == PayloadType::Manifest => {
                Self::of(envelope.payload_unverified().to_vec(), Some(envelope))
            }
            Ok(envelope) => {
                let found = format!("expected a manifest, found a signed {}", envelope.payload_type());
                Err(raised(Code::EnvelopeMalformed, &found, None))
            }
            Err(_) => Self::of(bytes.to_vec(), None),
        }
    }

    /// Completes a draft, given as JSON: reads every file that it names.
    #[staticmethod]
    fn complete(py: Python<'_>, draft: &str, folder: PathBuf, state: PathBuf, now: UnixSeconds) -> PyResult<Self> {
        let draft: Draft = serde_json::from_str(draft)
            .map_err(|error| raised(Code::ManifestMalformed, &format!("the draft: {error}"), None))?;
        let manifest = py.detach(|| Desk { folder: &folder, state: &state, now }.complete(&draft)).map_err(fault)?;
        Self::of(manifest.to_bytes().map_err(fault)?, None)
    }

    /// The exact bytes that are approved.
    fn content<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    /// The digest of these bytes.
    fn digest(&self) -> String {
        Digest::sha256(&self.bytes).to_string()
    }

    /// The terms as JSON.
    fn json(&self) -> PyResult<String> {
        String::from_utf8(self.bytes.clone()).map_err(|_| raised(Code::Internal, "expected a manifest in UTF-8", None))
    }

    /// Whether they accept a machine that is simulated.
    fn simulated(&self) -> bool {
        self.manifest.accepts_simulation()
    }

    /// What participants bring: `(kind, name, provider, digest, size)`.
    fn assets(&self) -> Vec<(String, String, String, String, u64)> {
        let assets = self.manifest.assets().into_iter();
        assets
            .map(|a| (a.kind.to_string(), a.name.to_string(), a.provider.to_string(), a.digest.to_string(), a.size))
            .collect()
    }

    /// Whose key this is.
    fn participant_of(&self, key: &SigningKey) -> PyResult<String> {
        let unnamed = || fault(ApprovalError::Unnamed(key.0.public().fingerprint().to_string()));
        self.manifest.participant_with_key(key.0.public()).map(|found| found.name.to_string()).ok_or_else(unnamed)
    }

    /// Participants whose approval is beside the terms and holds.
    fn approved_by(&self) -> Vec<String> {
        let Some(envelope) = &self.envelope else { return Vec::new() };
        let approved = |key| envelope.verify(PayloadType::Manifest, key).is_ok();
        let participants = self.manifest.participants.iter().filter(|participant| approved(&participant.key));
        participants.map(|participant| participant.name.to_string()).collect()
    }

    /// One participant's approval of the exact bytes, as an envelope.
    fn approve<'py>(&self, py: Python<'py>, key: &SigningKey) -> PyResult<Bound<'py, PyBytes>> {
        let approval = manifest::SignedManifest::approve(&self.bytes, &key.0).map_err(fault)?;
        Ok(PyBytes::new(py, &approval.to_json()))
    }

    /// Puts every participant's approval together.
    fn assemble(&self, approvals: Vec<Vec<u8>>) -> PyResult<SignedManifest> {
        let read = |bytes: &Vec<u8>| Envelope::read(bytes).map_err(fault);
        let approvals = approvals.iter().map(read).collect::<PyResult<Vec<_>>>()?;
        manifest::SignedManifest::assemble(&self.bytes, &approvals).map(SignedManifest).map_err(fault)
    }
}

impl Terms {
    fn of(bytes: Vec<u8>, envelope: Option<Envelope>) -> PyResult<Self> {
        let manifest = Manifest::read(&bytes).map_err(fault)?;
        Ok(Self { bytes, manifest, envelope })
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

//! Files sealed and opened, without an agent.

use std::path::PathBuf;
use std::str::FromStr;

use prism_agent::files::{read_private, write_new_private};
use prism_agent::seal::blocking::{self, Opening, Watcher};
use prism_agent::seal::{Effort, OpenKey, OpenWith, SealTo};
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{Identity as Unlocking, Recipient, RecipientKind};
use pyo3::prelude::*;
use zeroize::Zeroizing;

use crate::asset::Source;
use crate::fault::fault;
use crate::waiting::labour;

/// What opens sealed files.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct Identity(Zeroizing<String>);

#[pymethods]
impl Identity {
    /// A new one.
    #[staticmethod]
    fn generate(hybrid: bool) -> PyResult<Self> {
        let kind = if hybrid { RecipientKind::Hybrid } else { RecipientKind::X25519 };
        let identity = Unlocking::generate(kind, &mut SystemEntropy::default()).map_err(fault)?;
        Ok(Self(identity.to_text()))
    }

    /// Reads one from a file that only its owner can read.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        let text = read_private(&path).map_err(fault)?;
        let identity = Unlocking::from_file(&text).map_err(fault)?;
        Ok(Self(identity.to_text()))
    }

    /// Writes a new file that only its owner can read.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        let text = Zeroizing::new(format!("# public key: {}\n{}\n", self.recipient()?, *self.0));
        write_new_private(&path, text.as_bytes()).map_err(fault)
    }

    /// Whom files are sealed to.
    fn recipient(&self) -> PyResult<String> {
        Ok(self.open()?.recipient().to_string())
    }
}

impl Identity {
    fn open(&self) -> PyResult<Unlocking> {
        Unlocking::from_file(&self.0).map_err(fault)
    }
}

/// Seals a source into a new file: `(digest, size, sealed digest, sealed size)`.
#[pyfunction]
#[pyo3(signature = (source, recipients, out, tell=None))]
pub(crate) fn seal(
    py: Python<'_>,
    source: &Source,
    recipients: Vec<String>,
    out: PathBuf,
    tell: Option<&Bound<'_, PyAny>>,
) -> PyResult<(String, u64, String, u64)> {
    let recipients = recipients.iter().map(|text| Recipient::from_str(text).map_err(fault)).collect::<PyResult<_>>()?;
    let (source, to) = (source.0.clone(), SealTo::Recipients(recipients));
    let sealed = labour(py, tell, move |cancel, tell| {
        blocking::seal(&source, &to, &out, Effort::default(), Watcher { tell, cancel })
    })?;
    let (plain, sealed) = (sealed.plain, sealed.sealed);
    Ok((plain.digest.to_string(), plain.size, sealed.digest.to_string(), sealed.size))
}

/// Opens a sealed file into a new one: `(digest, size)`.
#[pyfunction]
#[pyo3(signature = (sealed, identity, out, tell=None))]
pub(crate) fn open(
    py: Python<'_>,
    sealed: PathBuf,
    identity: &Identity,
    out: PathBuf,
    tell: Option<&Bound<'_, PyAny>>,
) -> PyResult<(String, u64)> {
    let with = OpenWith::Keys(vec![OpenKey::Identity(identity.open()?)]);
    let opened = labour(py, tell, move |cancel, tell| {
        let opening = Opening { sealed: &sealed, with: &with, expected: None, effort: Effort::default() };
        blocking::open(&opening, &out, Watcher { tell, cancel })
    })?;
    Ok((opened.digest.to_string(), opened.size))
}

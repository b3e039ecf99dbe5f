//! The way to an agent: connect and attest, authenticate, give, take.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use prism_agent::client::blocking::{self, Client};
use prism_agent::client::{
    AttestError, CheckpointStore, Options, Progress, Receipt, ResultOptions, ResultProgress, UploadOptions,
};
use prism_core::UnixSeconds;
use prism_core::code::Code;
use prism_core::seal::RecipientKind;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asset::{Source, read_salt};
use crate::fault::{fault, fault_with, poisoned, raised, usage};
use crate::keys::SigningKey;
use crate::stream::{Logs, Metrics, Watch};
use crate::terms::SignedManifest;
use crate::waiting::{Home, Own, later, wait};

/// Connects to `address` and has whoever listens there prove what it is; refuses unless every finding is good.
#[pyfunction]
pub(crate) fn connect(
    py: Python<'_>,
    address: &str,
    signed: &SignedManifest,
    checkpoints: PathBuf,
    now: UnixSeconds,
) -> PyResult<Channel> {
    let home = Home::here(address);
    let mut options = Options::new(CheckpointStore::in_directory(checkpoints));
    options.listener = home.listener();
    let connecting = wait(py, &home, || Client::connect(address, &signed.0, options, home.interrupt()))?;
    let attested = wait(py, &home, || Ok::<_, prism_agent::client::SessionError>(connecting.attest(now)))?;
    let channel = attested.map_err(refused)?;
    let (verdict, html) = (channel.verdict().to_json(), channel.verdict().card().to_html());
    Ok(Channel { inner: Mutex::new(Own::new(channel)), verdict, html, home })
}

/// The refusal with its verdict, if there is one.
fn refused(error: AttestError) -> PyErr {
    let AttestError::Refused(refusal) = &error else { return fault(error) };
    let verdict = serde_json::json!({ "verdict": refusal.verdict(), "html": refusal.verdict().card().to_html() });
    fault_with(error, &verdict.to_string())
}

/// A connection to an agent that earned trust.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct Channel {
    inner: Mutex<Own<blocking::AttestedChannel>>,
    verdict: String,
    html: String,
    home: Home,
}

#[pymethods]
impl Channel {
    /// The verdict as JSON.
    fn verdict(&self) -> &str {
        &self.verdict
    }

    /// The verdict as a card.
    fn verdict_html(&self) -> &str {
        &self.html
    }

    /// Says who the caller is; a channel does that once.
    fn authenticate(&self, py: Python<'_>, key: &SigningKey) -> PyResult<Session> {
        self.home.require()?;
        let channel = self.inner.lock().map_err(|_| poisoned())?.take();
        let channel =
            channel.ok_or_else(|| usage("expected a channel that nobody used, found one in use; connect again"))?;
        let key = Arc::clone(&key.0);
        let inner = wait(py, &self.home, || channel.authenticate(key))?;
        Ok(Session { inner: Mutex::new(Own::new(inner)), home: self.home.clone() })
    }
}

/// A participant's session.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct Session {
    inner: Mutex<Own<blocking::Session>>,
    home: Home,
}

impl Session {
    /// The session, unless this is a forked child or it was closed.
    fn open(&self) -> PyResult<blocking::Session> {
        self.home.require()?;
        let inner = self.inner.lock().map_err(|_| poisoned())?;
        inner.get().cloned().ok_or_else(|| usage("expected an open session, found one that was closed; connect again"))
    }
}

#[pymethods]
impl Session {
    /// Who the caller is, as the manifest names the key.
    fn participant(&self) -> PyResult<String> {
        Ok(self.open()?.participant().to_string())
    }

    /// The agent's boot, in hex.
    fn boot(&self) -> PyResult<String> {
        Ok(self.open()?.boot())
    }

    /// The caller's roles.
    fn roles(&self) -> PyResult<Vec<String>> {
        Ok(self.open()?.roles().iter().map(ToString::to_string).collect())
    }

    /// Whether the machine is simulated.
    fn simulated(&self) -> PyResult<bool> {
        Ok(self.open()?.trust().is_simulated())
    }

    /// Closes the connection once nobody uses it any more; once more does nothing.
    fn close(&self) -> PyResult<()> {
        self.home.require()?;
        self.inner.lock().map_err(|_| poisoned())?.take();
        Ok(())
    }

    /// How things stand.
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let session = self.open()?;
        let status = wait(py, &self.home, || session.status())?;
        let told = PyDict::new(py);
        told.set_item("state", status.state)?;
        told.set_item("boot", status.boot)?;
        told.set_item("platform", status.platform)?;
        told.set_item("log_size", status.log_size)?;
        let assets = status.assets.into_iter().map(|asset| (asset.name, asset.accepted, asset.durable, asset.size));
        told.set_item("assets", assets.collect::<Vec<_>>())?;
        let results = status.results.into_iter().map(|r| (r.consumer, r.digest, r.sealed_length, r.acknowledged));
        told.set_item("results", results.collect::<Vec<_>>())?;
        Ok(told)
    }

    /// Stops the computation for good.
    fn stop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let session = self.open()?;
        let receipt = wait(py, &self.home, || session.stop())?;
        receipt_of(py, &receipt)
    }

    /// Sends one asset. `tell` hears `(measured, sent, durable, total)`.
    #[pyo3(signature = (asset, source, salt=None, tell=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
    fn upload<'py>(
        &self,
        py: Python<'py>,
        asset: &str,
        source: &Source,
        salt: Option<&str>,
        tell: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let session = self.open()?;
        let options = UploadOptions::from(salt.map(read_salt).transpose()?);
        let source = source.0.clone();
        let mut told = |at: Progress| said(tell.as_ref(), (at.measured, at.sent, at.durable, at.total));
        let receipt = wait(py, &self.home, || session.upload(asset, source, options, &mut told))?;
        receipt_of(py, &receipt)
    }

    /// Takes the caller's result into a new file, with a receipt beside it. `tell` hears `(received, total)`.
    #[pyo3(signature = (out, hybrid, keep_sealed, tell=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of one Python function")]
    fn result<'py>(
        &self,
        py: Python<'py>,
        out: PathBuf,
        hybrid: bool,
        keep_sealed: bool,
        tell: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let session = self.open()?;
        let mut options = ResultOptions::default();
        options.kind = if hybrid { RecipientKind::Hybrid } else { RecipientKind::X25519 };
        options.keep_sealed = keep_sealed;
        options.keep_receipt = true;
        let mut told = |at: ResultProgress| said(tell.as_ref(), (at.received, at.total));
        let delivered = wait(py, &self.home, || session.result(&out, options, &mut told))?;
        let taken = receipt_of(py, &delivered.receipt)?;
        taken.set_item("path", delivered.path)?;
        taken.set_item("digest", delivered.digest.to_string())?;
        taken.set_item("size", delivered.size)?;
        taken.set_item("sealed", delivered.sealed)?;
        taken.set_item("compared", delivered.compared)?;
        Ok(taken)
    }

    /// Fetches the transcript into a new file and says its length.
    fn transcript(&self, py: Python<'_>, out: PathBuf) -> PyResult<u64> {
        let session = self.open()?;
        wait(py, &self.home, || session.transcript(&out))
    }

    /// The log as it is proven.
    fn watch(&self, first: u64) -> PyResult<Watch> {
        Ok(Watch::new(self.open()?.watch(first), self.home.clone()))
    }

    /// What the program prints.
    fn logs(&self) -> PyResult<Logs> {
        Ok(Logs::new(self.open()?.logs(), self.home.clone()))
    }

    /// The figures that the program prints.
    fn metrics(&self) -> PyResult<Metrics> {
        Ok(Metrics::new(self.open()?.metrics(), self.home.clone()))
    }
}

/// Tells how far a call is; what is raised there ends the call.
fn said<'a, A>(tell: Option<&Py<PyAny>>, at: A)
where
    A: for<'py> pyo3::call::PyCallArgs<'py>,
{
    let Some(tell) = tell else { return };
    Python::attach(|py| tell.call1(py, at).map(drop)).unwrap_or_else(later);
}

/// The agent's word that an act was logged.
fn receipt_of<'py>(py: Python<'py>, receipt: &Receipt) -> PyResult<Bound<'py, PyDict>> {
    let entry = String::from_utf8(receipt.entry_bytes().to_vec())
        .map_err(|_| raised(Code::LogInvalid, "expected an entry in UTF-8", None))?;
    let told = PyDict::new(py);
    told.set_item("index", receipt.proof().index())?;
    told.set_item("entry", entry)?;
    told.set_item("proof", receipt.proof().to_text())?;
    Ok(told)
}

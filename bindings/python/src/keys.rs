//! Signing keys and their public halves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prism_agent::drafting;
use prism_agent::files::{read_private, write_new, write_new_private};
use prism_core::entropy::SystemEntropy;
use prism_core::key::{self, KeyAlgorithm};
use pyo3::prelude::*;

use crate::fault::{fault, usage};

/// A participant's private key.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct SigningKey(pub(crate) Arc<key::SigningKey>);

#[pymethods]
impl SigningKey {
    /// A new key in memory.
    #[staticmethod]
    fn generate(algorithm: &str) -> PyResult<Self> {
        let algorithms = [KeyAlgorithm::Ed25519, KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384];
        let Some(algorithm) = algorithms.into_iter().find(|known| known.name() == algorithm) else {
            return Err(usage("expected ed25519, ecdsa-p256 or ecdsa-p384 as the kind of key, found another text"));
        };
        let key = key::SigningKey::generate(algorithm, &mut SystemEntropy::default()).map_err(fault)?;
        Ok(Self(Arc::new(key)))
    }

    /// Reads a key that only its owner can read.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        let text = read_private(&path).map_err(fault)?;
        Ok(Self(Arc::new(key::SigningKey::from_pem(&text).map_err(fault)?)))
    }

    /// Writes a new file that only its owner can read.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        write_new_private(&path, self.0.to_pem().as_bytes()).map_err(fault)
    }

    /// The public half.
    fn public(&self) -> PublicKey {
        PublicKey(self.0.public().clone())
    }
}

/// A participant's public key.
#[pyclass(frozen, module = "prism._prism")]
pub(crate) struct PublicKey(pub(crate) key::PublicKey);

#[pymethods]
impl PublicKey {
    /// Reads a public key, or the public half of a private one.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        drafting::public_key(&path).map(Self).map_err(fault)
    }

    /// Reads PEM text.
    #[staticmethod]
    fn from_pem(text: &str) -> PyResult<Self> {
        key::PublicKey::from_pem(text).map(Self).map_err(fault)
    }

    /// As PEM text.
    fn pem(&self) -> String {
        self.0.to_pem()
    }

    /// Writes a new file.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        write_new(Path::new(&path), self.0.to_pem().as_bytes()).map_err(fault)
    }

    /// Its digest.
    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    /// The kind of key.
    fn algorithm(&self) -> &'static str {
        self.0.algorithm().name()
    }
}

//! Files in and out: a computation as one JSON file of ours, and the peer's export read strictly.
//!
//! An imported file is nobody's word: it becomes a draft or a proposal, which everybody looks at and approves anew.

mod peer;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::computation::{Computation, PROPOSAL_MAX};
use super::text::Line;
use crate::code::{Code, Coded};
use crate::manifest::{Manifest, ManifestError};
use crate::name::Name;
use crate::optional;
use crate::strict::{self, JsonError};
use crate::transcript::Base64Bytes;

pub use peer::{NotUnderstood, PEER_MAX, PeerAsset, PeerComputation, read_peer};

/// Longest file of ours in bytes.
pub const FILE_MAX: usize = 2 * PROPOSAL_MAX;

/// A computation as a file: what it is for, who has which role, draft and manifest. No approvals, no runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these parts")]
pub struct ComputationFile {
    /// Format tag.
    pub format: ComputationFormat,
    /// The computation's name.
    pub computation: Name,
    /// What it is for.
    pub title: Line,
    /// Who holds which roles in it.
    pub roles: BTreeMap<Name, BTreeSet<Name>>,
    /// The draft's JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional::present")]
    pub draft: Option<String>,
    /// The proposed manifest's exact bytes.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional::present")]
    pub manifest: Option<Base64Bytes>,
}

/// The file's format tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ComputationFormat {
    /// Version 1.
    #[serde(rename = "prism.computation/v1")]
    V1,
}

/// Why a file is not a computation's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Not strict JSON of the form.
    #[error("expected a computation's file, found other JSON; export it again: {0}")]
    Json(#[from] JsonError),
    /// The same content in another text.
    #[error("expected a computation's file in its one canonical form, found another text; export it again")]
    NotCanonical,
    /// The manifest in it is none, or another computation's.
    #[error("expected the manifest of {computation} in the file, found another; export it again")]
    OtherManifest {
        /// The computation that the file names.
        computation: Name,
    },
    /// The manifest in it cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It could not be written as JSON.
    #[error("expected a computation that can be written as JSON, found another")]
    Unwritable(#[source] serde_json::Error),
}

impl Coded for ImportError {
    fn code(&self) -> Code {
        match self {
            Self::Unwritable(_) => Code::Internal,
            Self::Manifest(error) => error.code(),
            _ => Code::FileMalformed,
        }
    }
}

impl ComputationFile {
    /// What is exported of a computation.
    #[must_use]
    pub fn of(name: &Name, found: &Computation) -> Self {
        Self {
            format: ComputationFormat::V1,
            computation: name.clone(),
            title: found.title.clone(),
            roles: found.roles.clone(),
            draft: found.draft.as_deref().cloned(),
            manifest: found.proposal.as_ref().map(|proposal| Base64Bytes(proposal.bytes().to_vec())),
        }
    }

    /// The file: canonical JSON.
    ///
    /// # Errors
    /// [`ImportError::Unwritable`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, ImportError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(ImportError::Unwritable)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a file. A manifest in it agrees with itself and names this computation.
    ///
    /// # Errors
    /// [`ImportError`] for anything but what [`to_bytes`](Self::to_bytes) writes.
    pub fn read(bytes: &[u8]) -> Result<Self, ImportError> {
        let file: Self = strict::read(bytes, FILE_MAX)?;
        if file.to_bytes()? != bytes {
            return Err(ImportError::NotCanonical);
        }
        if let Some(manifest) = &file.manifest
            && Manifest::read(&manifest.0)?.id != file.computation
        {
            return Err(ImportError::OtherManifest { computation: file.computation });
        }
        Ok(file)
    }
}

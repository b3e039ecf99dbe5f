//! What is brought in: names, sizes and digests.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::manifest::SealedObject;
use crate::name::Name;

/// What an asset is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum AssetKind {
    /// The program.
    Algorithm,
    /// What the program needs installed.
    Requirements,
    /// What the program looks for in its `HOME`.
    Auxiliary,
    /// Data.
    Dataset,
}

impl fmt::Display for AssetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Algorithm => "algorithm",
            Self::Requirements => "requirements",
            Self::Auxiliary => "auxiliary",
            Self::Dataset => "dataset",
        })
    }
}

/// What the manifest says about one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AssetTerms {
    /// What it is for.
    pub kind: AssetKind,
    /// Its name, unique in the manifest.
    pub name: Name,
    /// The participant who brings it.
    pub provider: Name,
    /// Digest of its bytes.
    pub digest: Digest,
    /// Number of its bytes.
    pub size: u64,
    /// Where it lies sealed, if the agent fetches it; `None` when its provider uploads it.
    pub source: Option<SealedObject>,
}

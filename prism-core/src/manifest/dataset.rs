//! What the algorithm runs on.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::Name;

/// One provider's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct Dataset {
    /// The asset's name.
    pub name: Name,
    /// Who brings it.
    pub provider: Name,
    /// Digest of the bytes that are brought.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Whether the asset is an archive that the agent unpacks for the algorithm.
    pub unpack: bool,
    /// The file or folder below `datasets/` under which the algorithm finds it.
    pub path: Name,
}

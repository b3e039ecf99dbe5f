//! What the algorithm runs on.

use serde::{Deserialize, Serialize};

use super::SealedObject;
use crate::digest::Digest;
use crate::name::Name;
use crate::optional::present;

/// One provider's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct Dataset {
    /// The asset's name.
    pub name: Name,
    /// Who brings it.
    pub provider: Name,
    /// Digest of the bytes that are brought, before they are sealed.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Whether the asset is an archive that the agent unpacks for the algorithm.
    pub unpack: bool,
    /// The file or folder below `datasets/` under which the algorithm finds it.
    pub path: Name,
    /// Where it lies sealed, if the agent fetches it; not written when the provider uploads it.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub source: Option<SealedObject>,
}

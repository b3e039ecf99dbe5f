//! Who takes part.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::name::Name;

/// A named key: one organisation's part in the computation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct Participant {
    /// Short name used everywhere else in the manifest and in the log.
    pub name: Name,
    /// The organisation as people call it, one printable line of at most 200 characters.
    pub organisation: String,
    /// The key that approves, authenticates and acknowledges.
    pub key: PublicKey,
}

/// What a participant may do. Roles follow from where the manifest uses a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// Defined the computation; may stop it.
    Owner,
    /// Brings the algorithm and its requirements.
    AlgorithmProvider,
    /// Brings a dataset.
    DatasetProvider,
    /// Receives the result, once.
    Consumer,
    /// Looks at the result before it is delivered.
    Reviewer,
    /// Reads the log.
    Auditor,
}

impl Role {
    /// The role as people read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::AlgorithmProvider => "algorithm provider",
            Self::DatasetProvider => "dataset provider",
            Self::Consumer => "consumer",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

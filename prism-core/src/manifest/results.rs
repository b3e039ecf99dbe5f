//! Who gets what comes out.

use serde::{Deserialize, Serialize};

use super::media::MediaType;
use crate::name::Name;
use crate::optional::filled;

/// Terms of the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct Results {
    /// Who receives the result, each exactly once.
    pub consumers: Vec<Name>,
    /// Largest result in bytes, as an archive.
    pub max_bytes: u64,
    /// Patterns (`*` and `?` within one path component, `**` for any folders) of which every result file has to match
    /// one; `["**"]` permits all.
    pub files: Vec<String>,
    /// What the result files may be, judged by their content; not written when anything will do.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Vec::is_empty")]
    pub media_types: Vec<MediaType>,
}

/// Who may read what the algorithm prints while and after it runs; empty lists mean nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct LogsPolicy {
    /// Readers of standard output.
    pub stdout: Vec<Name>,
    /// Readers of standard error.
    pub stderr: Vec<Name>,
    /// Readers of the figures that the algorithm prints as `metrics` lines; not written when nobody is.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Name>,
}

/// What the algorithm may reach over a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Network {
    /// Nothing, not even the machine itself.
    None,
}

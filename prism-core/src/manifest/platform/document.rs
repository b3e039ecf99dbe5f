//! A policy in a file of its own: for whoever judges evidence without a manifest.
//!
//! TOML and JSON say the same. The file names its version, every field is written out, and nothing unknown is read
//! over. `confirmed` is the word of the person who answers for the policy: a draft that a program made says `false`, and
//! [`PolicyDocument::into_policy`] refuses it until somebody has looked at every marked line and written `true`.
//!
//! ```
//! use prism_core::manifest::platform::{PlatformPolicy, PolicyDocument};
//! # use prism_core::manifest::platform::{Accept, Minimum, Product, Profile, SnpPolicy, Tcb};
//! # let lowest = Minimum::both(Tcb { fmc: 0, bootloader: 10, tee: 0, snp: 23, microcode: 84 });
//! # let measured = Accept::only("5f".repeat(48).parse()?);
//! # let snp = Profile::Snp(SnpPolicy::strict([(Product::Genoa, lowest)].into(), measured));
//! # let file = PolicyDocument::confirmed(PlatformPolicy::only(snp)).to_toml()?;
//! let policy: PlatformPolicy = PolicyDocument::read(file.as_bytes())?.into_policy()?;
//! # assert_eq!(policy.accept.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{List, PlatformPolicy, Profile};
use crate::code::{Code, Coded};
use crate::strict::{self, JsonError};

/// Longest policy file in bytes.
pub const POLICY_MAX: usize = 1 << 20;

/// A policy as it stands in a file, confirmed by a person or not yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDocument {
    version: Version,
    confirmed: bool,
    #[serde(default, skip_serializing_if = "super::is_no")]
    accept_key_only: bool,
    accept: List<Profile>,
}

/// Remarks for whoever reads a written policy, by the place of the field: `accept[0].snp.measurements`.
pub type Remarks = BTreeMap<String, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
enum Version {
    V1,
}

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        match number {
            1 => Ok(Self::V1),
            other => {
                Err(format!("expected version 1 of the policy form, found {other}; this file may need a newer Prism"))
            }
        }
    }
}

impl From<Version> for u32 {
    fn from(version: Version) -> Self {
        match version {
            Version::V1 => 1,
        }
    }
}

/// Why a policy file cannot be used or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Longer than [`POLICY_MAX`].
    #[error("expected at most {POLICY_MAX} bytes of policy, found {found}; this cannot be the right file")]
    TooLong {
        /// The number of bytes found.
        found: usize,
    },
    /// Not UTF-8.
    #[error("expected a policy as text, found bytes that are not UTF-8; this cannot be the right file")]
    NotText,
    /// Not strict JSON, or not a policy.
    #[error(transparent)]
    Json(JsonError),
    /// Not TOML, or not a policy.
    #[error("line {line}, {path}: {message}")]
    Toml {
        /// Where in the document, for example `accept[0].snp.measurements`.
        path: String,
        /// The line in the file, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// Nobody has confirmed the policy yet.
    #[error(
        "expected a policy that a person has confirmed, found confirmed = false; check every line marked CONFIRM, \
         correct what is wrong, then write confirmed = true"
    )]
    Unconfirmed,
    /// The policy has a number that TOML cannot hold.
    #[error("expected numbers below 2^63, which TOML can hold, found a greater one; write the policy as JSON")]
    NotForToml,
}

impl Coded for PolicyError {
    fn code(&self) -> Code {
        match self {
            Self::Unconfirmed => Code::PolicyUnconfirmed,
            _ => Code::PolicyMalformed,
        }
    }
}

impl PolicyDocument {
    /// The document of a policy that the caller answers for.
    #[must_use]
    pub fn confirmed(policy: PlatformPolicy) -> Self {
        let PlatformPolicy { accept, accept_key_only } = policy;
        Self { version: Version::V1, confirmed: true, accept_key_only, accept }
    }

    /// The document of a policy that a person has to confirm before it can be used.
    #[must_use]
    pub fn unconfirmed(policy: PlatformPolicy) -> Self {
        Self { confirmed: false, ..Self::confirmed(policy) }
    }

    /// Reads JSON if the first character is a brace, TOML otherwise.
    ///
    /// # Errors
    /// [`PolicyError`] names the place and what was expected there.
    pub fn read(bytes: &[u8]) -> Result<Self, PolicyError> {
        match bytes.trim_ascii_start().first() {
            Some(b'{') => Self::read_json(bytes),
            _ => Self::read_toml(bytes),
        }
    }

    /// Reads the policy of a manifest: a document that is confirmed, or the bare JSON form of the manifest, whose
    /// participants confirm it when they approve.
    ///
    /// # Errors
    /// [`PolicyError`] names the place and what was expected there.
    pub fn read_for_manifest(bytes: &[u8]) -> Result<PlatformPolicy, PolicyError> {
        let value = serde_json::from_slice::<serde_json::Value>(bytes);
        if bytes.len() <= POLICY_MAX && value.is_ok_and(|value| value.get("version").is_none()) {
            return strict::read(bytes, POLICY_MAX).map_err(PolicyError::Json);
        }
        Self::read(bytes)?.into_policy()
    }

    /// Reads strict JSON.
    ///
    /// # Errors
    /// [`PolicyError`] names the place and what was expected there.
    pub fn read_json(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > POLICY_MAX {
            return Err(PolicyError::TooLong { found: bytes.len() });
        }
        strict::read(bytes, POLICY_MAX).map_err(PolicyError::Json)
    }

    /// Reads TOML 1.0.
    ///
    /// # Errors
    /// [`PolicyError`] names the place and what was expected there.
    pub fn read_toml(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > POLICY_MAX {
            return Err(PolicyError::TooLong { found: bytes.len() });
        }
        let text = str::from_utf8(bytes).map_err(|_| PolicyError::NotText)?;
        let fault = |path: String, error: &toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.split('\n').count();
            PolicyError::Toml { path, line, message: error.message().to_owned() }
        };
        let deserializer =
            toml::Deserializer::parse(text).map_err(|error| fault("the form of TOML".to_owned(), &error))?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| fault(error.path().to_string(), error.inner()))
    }

    /// Whether a person has confirmed the policy.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    /// The machines that it would accept: to show them, not to judge by.
    #[must_use]
    pub const fn profiles(&self) -> &List<Profile> {
        &self.accept
    }

    /// Whether it would accept evidence that stands for a key alone.
    #[must_use]
    pub const fn accepts_key_only(&self) -> bool {
        self.accept_key_only
    }

    /// The policy.
    ///
    /// # Errors
    /// [`PolicyError::Unconfirmed`] while nobody has confirmed it.
    pub fn into_policy(self) -> Result<PlatformPolicy, PolicyError> {
        let Self { accept, accept_key_only, .. } = self;
        if self.confirmed { Ok(PlatformPolicy { accept, accept_key_only }) } else { Err(PolicyError::Unconfirmed) }
    }

    /// The TOML form, each field with a line that says what it means.
    ///
    /// # Errors
    /// [`PolicyError::NotForToml`].
    pub fn to_toml(&self) -> Result<String, PolicyError> {
        self.to_toml_with(&Remarks::new())
    }

    /// The TOML form with these remarks as lines `# CONFIRM: …` above the fields that they name.
    ///
    /// # Errors
    /// [`PolicyError::NotForToml`].
    pub fn to_toml_with(&self, remarks: &Remarks) -> Result<String, PolicyError> {
        text::write(self, remarks)
    }
}

#[cfg(test)]
mod tests;

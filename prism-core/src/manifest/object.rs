//! A dataset that stays in an object store, sealed, until an attested agent fetches it.
//!
//! The manifest fixes which bytes lie where, and who gives the agent the key. The dataset's own digest and size are those
//! of the plaintext; the ones here are of the sealed object as it lies in the store.

mod grant;
mod url;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::grant::{GRANT_MAX, GrantError, ObjectKey, grant, grant_cobblestone, granted};
pub use self::url::{HttpsUrl, ObjectUrl, UrlError};

use crate::digest::Digest;
use crate::seal;

/// Where a dataset lies sealed, and who releases its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct SealedObject {
    /// Where the sealed object lies.
    pub url: ObjectUrl,
    /// Number of its bytes.
    pub size: u64,
    /// Digest of its bytes.
    pub digest: Digest,
    /// How it is sealed.
    pub codec: Codec,
    /// Who releases the key.
    pub release: KeyRelease,
}

impl SealedObject {
    /// Length in bytes of the header at the object's front, if `plain` bytes can be sealed into an object of this size;
    /// 0 for a codec without one.
    #[must_use]
    pub fn header_len(&self, plain: u64) -> Option<u64> {
        match self.codec {
            Codec::Age => {
                let header = self.size.checked_sub(seal::sealed_len(plain)?)?;
                (seal::HEADER_MIN as u64..=seal::HEADER_MAX as u64).contains(&header).then_some(header)
            }
            Codec::Cobblestone256 => (seal::cobblestone_len(plain)? == self.size).then_some(0),
        }
    }
}

/// How an object is sealed. It has no magic number of its own that would have to be believed: the manifest says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Codec {
    /// The age v1 format (c2sp.org/age), as [`crate::seal`] writes and reads it.
    Age,
    /// Cobblestone-256 (c2sp.org/chunked-encryption) under one symmetric key, with the dataset's name as its
    /// [context](seal::Context::asset): no header, so the size follows from the dataset's.
    #[serde(rename = "cobblestone-256")]
    Cobblestone256,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Age => "age",
            Self::Cobblestone256 => "cobblestone-256",
        })
    }
}

/// Who releases an object's key to the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum KeyRelease {
    /// The dataset's provider, after it has attested the agent.
    Provider {},
    /// A key broker of the Confidential Containers project (Trustee), which attests the agent in the provider's place.
    Kbs {
        /// The broker's address.
        url: HttpsUrl,
        /// The key's name there.
        resource: ResourcePath,
    },
}

/// The name of a secret at a key broker, `repository/type/tag` (KBS attestation protocol, "Secret Resource").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourcePath(String);

impl ResourcePath {
    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text is not a [`ResourcePath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected repository/type/tag, each 1 to 64 of a-z A-Z 0-9 . _ - and beginning with a letter or digit, found another text; copy the resource's path from the key broker"
)]
#[non_exhaustive]
pub struct ResourcePathError;

impl FromStr for ResourcePath {
    type Err = ResourcePathError;

    fn from_str(text: &str) -> Result<Self, ResourcePathError> {
        let parts: Vec<&str> = text.split('/').collect();
        let named = parts.iter().all(|part| part.parse::<crate::name::Name>().is_ok());
        if parts.len() == 3 && named { Ok(Self(text.to_owned())) } else { Err(ResourcePathError) }
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Texts that are read with [`FromStr`] and written with [`fmt::Display`].
macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text!(ObjectUrl, HttpsUrl, ResourcePath);

#[cfg(test)]
mod tests;

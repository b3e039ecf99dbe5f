//! Names of participants and assets: short, printable, the same on every file system.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name in bytes.
pub const NAME_MAX: usize = 64;

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "expected a name of 1 to 64 characters from a-z, A-Z, 0-9, '.', '_' and '-', starting with a letter or digit, found another text; choose such a name"
)]
pub struct NameError;

/// A name of a participant or an asset: 1 to 64 of `a-z A-Z 0-9 . _ -`, the first a letter or digit.
///
/// Such a name is safe as a file name, in a log entry and on a terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if starts_well && plain && text.len() <= NAME_MAX {
            return Ok(Self(text.to_owned()));
        }
        Err(NameError)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_mislead_are_refused() {
        for text in ["", ".", "..", ".hidden", "-rf", "a/b", "a\\b", "a b", "a\n", "ä", "a\u{202e}b", &"a".repeat(65)]
        {
            assert_eq!(text.parse::<Name>(), Err(NameError), "{text:?}");
        }
        for text in ["h1.zip", "hospital-1", "H1", &"a".repeat(64)] {
            assert!(text.parse::<Name>().is_ok(), "{text}");
        }
    }
}

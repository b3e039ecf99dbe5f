//! Which Python runs a program.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version of Python 3: `3.11` for every `3.11.x`, or exactly `3.11.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PythonVersion {
    minor: u16,
    micro: Option<u16>,
}

/// A text is not a version of Python 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a version of Python 3 such as \"3.11\" or \"3.11.7\", found another text; correct it")]
#[non_exhaustive]
pub struct PythonVersionError;

impl PythonVersion {
    /// Whether an interpreter that calls itself `found`, such as `3.11.7`, is of this version. What its maker added after
    /// a `+` does not count (PEP 440); a preview such as `3.14.0rc2` is of no version.
    #[must_use]
    pub fn admits(&self, found: &str) -> bool {
        let released = found.split_once('+').map_or(found, |(released, _)| released);
        let Ok(found) = released.parse::<Self>() else { return false };
        self.minor == found.minor && (self.micro.is_none() || self.micro == found.micro)
    }
}

/// The one way to write a number.
fn number(text: &str) -> Result<u16, PythonVersionError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    if plain { text.parse().map_err(|_| PythonVersionError) } else { Err(PythonVersionError) }
}

impl FromStr for PythonVersion {
    type Err = PythonVersionError;

    fn from_str(text: &str) -> Result<Self, PythonVersionError> {
        let rest = text.strip_prefix("3.").ok_or(PythonVersionError)?;
        match rest.split_once('.') {
            None => Ok(Self { minor: number(rest)?, micro: None }),
            Some((minor, micro)) => Ok(Self { minor: number(minor)?, micro: Some(number(micro)?) }),
        }
    }
}

impl TryFrom<String> for PythonVersion {
    type Error = PythonVersionError;

    fn try_from(text: String) -> Result<Self, PythonVersionError> {
        text.parse()
    }
}

impl From<PythonVersion> for String {
    fn from(version: PythonVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "3.{}", self.minor)?;
        self.micro.map_or(Ok(()), |micro| write!(f, ".{micro}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_admits_its_own_releases() {
        let minor: PythonVersion = "3.11".parse().unwrap();
        assert!(minor.admits("3.11.2") && minor.admits("3.11") && minor.admits("3.11.2+local"));
        assert!(!minor.admits("3.12.0") && !minor.admits("3.1.1") && !minor.admits("3.11.0rc1") && !minor.admits(""));
        let exact: PythonVersion = "3.11.7".parse().unwrap();
        assert!(exact.admits("3.11.7") && exact.admits("3.11.7+debian.1"));
        assert!(!exact.admits("3.11.2") && !exact.admits("3.11"));
        assert_eq!(exact.to_string(), "3.11.7");
    }

    #[test]
    fn other_texts_are_no_versions() {
        for text in ["", "3", "3.", "2.7", "3.011", "3.11.", "3.11.7.1", "3.-1", "3.+1", "3.99999999", "3.x", " 3.11"] {
            assert_eq!(text.parse::<PythonVersion>(), Err(PythonVersionError), "{text}");
        }
    }
}

//! The lock file: `name==version --hash=sha256:…` for every package, and nothing else.
//!
//! A requirements file may hold much besides: options, indexes, paths, addresses, editable installs, unpinned names.
//! All of that is refused, so that whoever approves a lock knows what it says.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use pep440_rs::Version;

use super::marker::{Marker, MarkerError};
use super::{Target, normalized};
use crate::code::{Code, Coded};

/// The SHA-256 of a file that may be installed.
pub type FileHash = [u8; 32];

/// Why a text is not a hash-pinned lock file, or not one for an interpreter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// A line is not `name==version` with hashes.
    #[error(
        "expected \"name==version --hash=sha256:…\" in line {line}, found something else; make the lock with `prism requirements lock`"
    )]
    NotPinned {
        /// Line number, from 1.
        line: usize,
    },
    /// A package has no hash.
    #[error(
        "expected a SHA-256 hash for every package, found none in line {line}; make the lock with `prism requirements lock`"
    )]
    NoHash {
        /// Line number, from 1.
        line: usize,
    },
    /// Characters that another reader could take for the end of a line, or an encoding that changes what they are.
    #[error(
        "expected plain ASCII lines that end with a line feed and no encoding comment, found others in line {line}; save the lock as plain text"
    )]
    NotPlain {
        /// Line number, from 1.
        line: usize,
    },
    /// A package is listed twice for the same interpreter.
    #[error("expected every package once, found it again in line {line}; remove one, or give each a marker of its own")]
    Duplicate {
        /// Line number, from 1.
        line: usize,
    },
    /// What stands behind a semicolon is not a marker that has one meaning.
    #[error(
        "expected a marker that every installer understands in line {line}: {source}; make the lock with `prism requirements lock`"
    )]
    Marker {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        source: MarkerError,
    },
}

impl Coded for LockError {
    fn code(&self) -> Code {
        Code::RequirementsFailed
    }
}

/// A lock file that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    packages: Vec<Package>,
}

/// One pinned package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    line: usize,
    name: String,
    version: Version,
    marker: Option<Marker>,
    hashes: Vec<FileHash>,
}

impl Lock {
    /// Reads a lock file: every requirement is pinned to one version and at least one SHA-256.
    ///
    /// # Errors
    /// [`LockError`] with the number of the first line that is not.
    pub fn read(text: &str) -> Result<Self, LockError> {
        check_plain(text)?;
        let packages = logical_lines(text).into_iter().map(|(line, requirement)| Package::read(&requirement, line));
        let packages = packages.collect::<Result<Vec<_>, _>>()?;
        let mut named: BTreeMap<&str, &Package> = BTreeMap::new();
        for package in &packages {
            let earlier = named.insert(&package.name, package);
            if earlier.is_some_and(|earlier| earlier.marker.is_none() || package.marker.is_none()) {
                return Err(LockError::Duplicate { line: package.line });
            }
        }
        Ok(Self { packages })
    }

    /// Every package, on whatever interpreter it is needed.
    #[must_use]
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The packages that an interpreter needs, in the order of their names.
    ///
    /// # Errors
    /// [`LockError::Duplicate`] when two versions of one package are meant for it.
    pub fn packages_for(&self, target: &Target) -> Result<Vec<&Package>, LockError> {
        let mut needed: BTreeMap<&str, &Package> = BTreeMap::new();
        for package in self.packages.iter().filter(|package| package.is_for(target)) {
            if needed.insert(&package.name, package).is_some() {
                return Err(LockError::Duplicate { line: package.line });
            }
        }
        Ok(needed.into_values().collect())
    }
}

impl Package {
    /// The normalized name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, in its normal form.
    #[must_use]
    pub fn version(&self) -> String {
        self.version.to_string()
    }

    /// The hashes of the files that may be installed.
    #[must_use]
    pub fn hashes(&self) -> &[FileHash] {
        &self.hashes
    }

    /// Whether a file with this name could be of this package: same project, same version. A version without a local
    /// label is that with any (PEP 440): `==2.6.0` is `2.6.0+cpu` as well, and the hashes say which.
    #[must_use]
    pub fn is_of(&self, wheel: &super::WheelName) -> bool {
        let found = wheel.version();
        let same =
            self.version == *found || (!self.version.is_local() && self.version == found.clone().without_local());
        self.name == wheel.name() && same
    }

    fn is_for(&self, target: &Target) -> bool {
        self.marker.as_ref().is_none_or(|marker| marker.holds_for(target))
    }

    fn read(requirement: &str, line: usize) -> Result<Self, LockError> {
        let not_pinned = || LockError::NotPinned { line };
        let (head, hashes) = match requirement.find("--") {
            Some(at) => requirement.split_at(at),
            None => (requirement, ""),
        };
        let (pinned, marker) = match head.split_once(';') {
            Some((pinned, marker)) => (pinned, Some(marker)),
            None => (head, None),
        };
        let (name, version) = pinned.split_once("==").ok_or_else(not_pinned)?;
        let name = base_name(name.trim()).ok_or_else(not_pinned)?;
        let version = version.trim();
        let plain = version.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+!-".contains(&b));
        let version = Version::from_str(version).ok().filter(|_| plain).ok_or_else(not_pinned)?;
        let marker = marker.map(Marker::read).transpose().map_err(|source| LockError::Marker { line, source })?;
        let mut sha256 = Vec::new();
        for word in hashes.split_whitespace() {
            // A longer hash may stand beside it.
            if let Hash::Sha256(hash) = Hash::read(word).ok_or_else(not_pinned)? {
                sha256.push(hash);
            }
        }
        if sha256.is_empty() {
            return Err(LockError::NoHash { line });
        }
        Ok(Self { line, name, version, marker, hashes: sha256 })
    }
}

/// The name before the extras, which say nothing more once every package is pinned.
fn base_name(name: &str) -> Option<String> {
    let (base, extras) = name.split_once('[').unwrap_or((name, "]"));
    let extras = extras.strip_suffix(']')?;
    let all_words = extras.is_empty() || extras.split(',').all(|extra| normalized(extra.trim()).is_some());
    if all_words { normalized(base.trim()) } else { None }
}

/// Other readers end lines at more characters and obey `coding` comments: neither may be there, so that all of them read
/// the same lines.
fn check_plain(text: &str) -> Result<(), LockError> {
    for (index, line) in text.split('\n').enumerate() {
        let plain = line.bytes().all(|b| b == b'\t' || b == b' ' || b.is_ascii_graphic());
        let encoding = line.contains("coding:") || line.contains("coding=");
        if !plain || encoding {
            return Err(LockError::NotPlain { line: index + 1 });
        }
    }
    Ok(())
}

/// Lines with continuations joined and comments removed, each with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, raw) in text.lines().enumerate() {
        let (mut number, mut logical) = open.take().unwrap_or((index + 1, String::new()));
        if logical.is_empty() {
            number = index + 1;
        }
        let comment = raw.trim_start().starts_with('#');
        let plain = if comment { "" } else { raw.split_once(" #").map_or(raw, |(before, _)| before) };
        let continued = plain.trim_end().strip_suffix('\\');
        logical.push_str(continued.unwrap_or(plain));
        // A comment line joins an open continuation and so ends it.
        if continued.is_some() {
            open = Some((number, logical));
        } else if !logical.trim().is_empty() {
            lines.push((number, logical));
        }
    }
    lines.extend(open.filter(|(_, logical)| !logical.trim().is_empty()));
    lines
}

enum Hash {
    Sha256(FileHash),
    Longer,
}

impl Hash {
    /// `--hash=algorithm:hex`.
    fn read(word: &str) -> Option<Self> {
        let (algorithm, value) = word.strip_prefix("--hash=")?.split_once(':')?;
        let bytes = hex::decode(value).ok()?;
        match (algorithm, bytes.len()) {
            ("sha256", 32) => Some(Self::Sha256(bytes.try_into().ok()?)),
            ("sha384", 48) | ("sha512", 64) => Some(Self::Longer),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;

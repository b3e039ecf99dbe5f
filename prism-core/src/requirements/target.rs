//! What locks and wheels ask of an interpreter.

use serde::{Deserialize, Serialize};

/// An interpreter and the system beneath it, on Linux.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "whoever asks the interpreter fills it in")]
pub struct Target {
    /// Such as `3.11.7`; `3.13.0rc1` before it was published, `3.13.1+local` when built from what comes after 3.13.1.
    pub full_version: String,
    /// `sys.implementation.name`, such as `cpython`.
    pub implementation: String,
    /// The tag of its binary interface, such as `cp311`, or `cp313t` without a global lock; `None` when it is not
    /// `CPython`'s, and no wheel with compiled code fits.
    pub abi: Option<String>,
    /// `platform.machine()`, such as `x86_64`.
    pub machine: String,
    /// The C library.
    pub libc: Option<Libc>,
}

/// A C library and its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "whoever asks the interpreter fills it in")]
pub struct Libc {
    /// Which.
    pub kind: LibcKind,
    /// The first number of its version.
    pub major: u32,
    /// The second.
    pub minor: u32,
}

/// The C libraries that wheels are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "PEP 600 and PEP 656 know these")]
pub enum LibcKind {
    /// GNU's: `manylinux`.
    Glibc,
    /// musl: `musllinux`.
    Musl,
}

impl Target {
    /// `3.11` of `3.11.7`.
    #[must_use]
    pub fn minor_version(&self) -> &str {
        let end = self.full_version.match_indices('.').nth(1).map_or(self.full_version.len(), |(at, _)| at);
        self.full_version.get(..end).unwrap_or_default()
    }

    /// `11` of `3.11.7`; 0 for a version of another form, which no wheel fits.
    pub(super) fn minor(&self) -> u32 {
        self.minor_version().strip_prefix("3.").and_then(|minor| minor.parse().ok()).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn example() -> Self {
        Self {
            full_version: "3.11.7".to_owned(),
            implementation: "cpython".to_owned(),
            abi: Some("cp311".to_owned()),
            machine: "x86_64".to_owned(),
            libc: Some(Libc { kind: LibcKind::Glibc, major: 2, minor: 36 }),
        }
    }
}

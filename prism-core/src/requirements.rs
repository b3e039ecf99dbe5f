//! Python packages exactly as they were agreed: the lock file, and which wheel of a package fits an interpreter.
//!
//! * [`Lock`] reads a lock file strictly: every package pinned to one version and to the hashes of its files, with the
//!   markers that say on which interpreter it is needed.
//! * [`Target`] is what a lock and a wheel ask of an interpreter.
//! * [`WheelName`] says what a wheel is made for, by its name (PEP 425, PEP 427, PEP 600, PEP 656).
//! * [`Record`] lists what a wheel contains, [`entry_points`] the programs that it brings.
//! * [`IndexPage`] is what a package index says of one project (PEP 503, PEP 691).
//!
//! Nothing here trusts an index or a file's name: what is installed is what the lock's hashes say.

pub mod entry_points;
mod lock;
mod marker;
mod page;
mod record;
mod target;
mod wheel;

#[cfg(test)]
mod tests;

pub use lock::{FileHash, Lock, LockError, Package};
pub use marker::{Marker, MarkerError};
pub use page::{IndexFile, IndexPage, PageError, PageForm};
pub use record::{Record, RecordError, RecordHash, RecordHasher, RecordLine, record_text};
pub use target::{Libc, LibcKind, Target};
pub use wheel::{Rank, WheelName, WheelNameError};

/// A project's name as every index and installer compares it (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`.
///
/// ```
/// use prism_core::requirements::normalized;
/// assert_eq!(normalized("Scikit_.Learn").as_deref(), Some("scikit-learn"));
/// assert_eq!(normalized("-x"), None);
/// ```
#[must_use]
pub fn normalized(name: &str) -> Option<String> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let outer = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    if bytes.len() > 200 || !outer(bytes.first()) || !outer(bytes.last()) || !bytes.iter().all(|b| inner(*b)) {
        return None;
    }
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    Some(parts.collect::<Vec<_>>().join("-").to_ascii_lowercase())
}

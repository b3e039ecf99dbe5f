//! Packages: read the lock strictly, choose the wheels that it pins, install them in a sandbox of their own before any
//! dataset is visible. Nothing is ever built, no installer but this one is needed, and no sandbox has a network.

mod choose;
mod fault;
mod install;
mod kept;

use std::io;
use std::path::{Path, PathBuf};

use prism_core::code::{Code, Coded};
use prism_core::requirements::{Lock, LockError, Target};

#[cfg(feature = "pull")]
pub(crate) use choose::Shelf;
pub use choose::{Plan, choose_wheels};
pub use fault::WheelFault;
pub(crate) use fault::{INSTALL_FAILED, InstallFault};
pub(crate) use install::{Installation, lay_out_environment, main as install};
pub(crate) use kept::{Environment, Kept, Until, copy as copy_environment, key as environment_key};
pub use kept::{KeepEnvironments, KeptError};

use super::outcome::{End, RunError};
use crate::index::IndexError;

/// Name of the lock file in an offline requirements folder.
pub const LOCK_NAME: &str = "requirements.lock";

/// The installer's own version: what it makes of the same wheels is the same as long as this is.
const FORMAT: u32 = 2;

/// Largest lock file in bytes.
const LOCK_MAX: u64 = 4 << 20;

/// Longest report of the installer in bytes, and how much of other output an error keeps.
const REPORT_MAX: usize = 64 << 10;
const COMPLAINT_MAX: usize = 2000;

/// Why the requirements could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequirementsError {
    /// The lock file does not pin every package by hash.
    #[error(
        "expected a lock file that pins every package by hash, found another; make it with `prism requirements lock`"
    )]
    Lock(#[from] LockError),
    /// The lock file, or what lies beside it, cannot be read.
    #[error(
        "expected to read {path} (a lock file has at most 4 MiB), found that it cannot be; see to the requirements"
    )]
    Unreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No wheel of a package is there.
    #[error(
        "expected a wheel of {package} {version}, found none; make the wheelhouse with `prism requirements wheelhouse`"
    )]
    Absent {
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// Only the source of a package is there.
    #[error(
        "expected a wheel of {package} {version}, found only its source, which is never built; use a version that has wheels"
    )]
    SourceOnly {
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// Wheels of a package are there, for other interpreters or machines.
    #[error(
        "expected a wheel of {package} {version} for {wanted}, found wheels for others; add the one for this interpreter"
    )]
    NoneFits {
        /// The package.
        package: String,
        /// The version.
        version: String,
        /// The interpreter and its machine.
        wanted: String,
    },
    /// The wheel that fits is not one that the lock names.
    #[error(
        "expected {file} to have a SHA-256 of the lock, found another; use the file that was locked, or lock again"
    )]
    HashMismatch {
        /// The wheel.
        file: String,
    },
    /// A wheel that the lock names is not one that can be installed.
    #[error("expected {file} to be a wheel that can be installed, found a fault; lock another version of the package")]
    Wheel {
        /// The wheel.
        file: String,
        /// What is wrong with it.
        #[source]
        source: WheelFault,
    },
    /// An environment that was kept cannot be used.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The index did not help.
    #[error("expected to fetch the packages, found that they cannot be; see to the index, or make a wheelhouse")]
    Index(#[from] IndexError),
    /// The installer ended otherwise than with success; nothing of the algorithm was executed.
    #[error(
        "expected the installer to succeed, found: {end}; raise the limit that is named, or report this; it said: {complaint}"
    )]
    Failed {
        /// How the installer ended.
        end: End,
        /// The end of what it printed, control characters removed.
        complaint: String,
    },
    /// The sandbox for the install phase could not be built.
    #[error("expected a sandbox to install in, found that it cannot be built; see `prism doctor`")]
    Sandbox(#[source] Box<RunError>),
}

impl Coded for RequirementsError {
    fn code(&self) -> Code {
        match self {
            Self::Kept(error) => error.code(),
            Self::Index(error) => error.code(),
            _ => Code::RequirementsFailed,
        }
    }
}

impl RequirementsError {
    /// What an installer that ended without success left.
    pub(crate) fn from_end(end: End, stdout: &Path, stderr: &Path) -> Self {
        let mut text = std::fs::read(stdout).unwrap_or_default();
        if end == End::Exited(INSTALL_FAILED)
            && text.len() <= REPORT_MAX
            && let Ok(InstallFault { file, fault }) = serde_json::from_slice(&text)
        {
            return Self::Wheel { file: printable(&file), source: fault };
        }
        text.extend(std::fs::read(stderr).unwrap_or_default());
        let tail = text.get(text.len().saturating_sub(COMPLAINT_MAX)..).unwrap_or_default();
        Self::Failed { end, complaint: printable(&String::from_utf8_lossy(tail)) }
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An interpreter, for people.
fn wanted(target: &Target) -> String {
    format!("{} {} on {}", target.implementation, target.full_version, target.machine)
}

/// Reads and checks the lock file.
pub(crate) fn read_lock(path: &Path) -> Result<(String, Lock), RequirementsError> {
    let unreadable = |source| RequirementsError::Unreadable { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LOCK_MAX {
        return Err(unreadable(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let lock = Lock::read(&text)?;
    Ok((text, lock))
}

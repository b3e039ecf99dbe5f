//! What is wrong with a wheel, as the installer in its sandbox tells the agent.

use serde::{Deserialize, Serialize};

/// Exit code of the installer when a wheel is at fault, and it has said which.
pub(crate) const INSTALL_FAILED: i32 = 91;

/// What the installer says last.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InstallFault {
    pub(crate) file: String,
    pub(crate) fault: WheelFault,
}

/// Why a wheel is not installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "fault", content = "what", rename_all = "snake_case")]
#[non_exhaustive]
pub enum WheelFault {
    /// Not an archive that can be unpacked.
    #[error("expected a safe archive, found one that is not: {0:?}")]
    Archive(String),
    /// Not exactly one `.dist-info` directory of its own.
    #[error("expected one .dist-info directory with the wheel's name and version, found {0}")]
    DistInfo(usize),
    /// `WHEEL`, `RECORD` or `entry_points.txt` is missing or malformed.
    #[error("expected a well-formed {file}, found another: {reason:?}")]
    Metadata {
        /// Which.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that `RECORD` does not list.
    #[error("expected every file to be listed in RECORD, found {0:?} that is not")]
    Unlisted(String),
    /// A file that `RECORD` lists and that is not there.
    #[error("expected every file that RECORD lists, found {0:?} missing")]
    Missing(String),
    /// A file that `RECORD` lists twice, or that two files of the wheel want to become.
    #[error("expected every file once, found {0:?} again")]
    Twice(String),
    /// A file that `RECORD` lists without a hash.
    #[error("expected a hash for every file in RECORD, found none for {0:?}")]
    NoHash(String),
    /// A file whose content is not what `RECORD` says.
    #[error("expected {0:?} to be as RECORD says, found other content")]
    Content(String),
    /// A place that a wheel has no files for.
    #[error("expected files for purelib, platlib, scripts, data or headers, found {0:?}")]
    Scheme(String),
    /// The place of a file of the environment itself.
    #[error("expected files beside those of the environment itself, found {0:?} in the place of one")]
    Occupied(String),
    /// The disk refuses, or the limit is reached.
    #[error("expected to write {path:?}, found an error of the system: {reason}")]
    Disk {
        /// Where.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The wheels unpack to more than there may be.
    #[error("expected wheels that unpack to at most {limit} bytes, found more")]
    TooLarge {
        /// The limit for all of them.
        limit: u64,
    },
}

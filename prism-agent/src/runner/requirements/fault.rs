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
    #[error("expected a safe archive, found one that is not: {reason:?}")]
    Archive {
        /// What is wrong with it.
        reason: String,
    },
    /// Not exactly one `.dist-info` directory of its own.
    #[error("expected one .dist-info directory with the wheel's name and version, found {found}")]
    DistInfo {
        /// How many there are.
        found: usize,
    },
    /// `WHEEL`, `RECORD` or `entry_points.txt` is missing or malformed.
    #[error("expected a well-formed {file}, found another: {reason:?}")]
    Metadata {
        /// Which.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What the wheel says of itself is another machine's or interpreter's, whatever its name says.
    #[error("expected a Tag in WHEEL that fits this interpreter, found none, only {found:?}")]
    Tags {
        /// The first of them.
        found: String,
    },
    /// A file that `RECORD` does not list.
    #[error("expected every file to be listed in RECORD, found {path:?} that is not")]
    Unlisted {
        /// The file.
        path: String,
    },
    /// A file that `RECORD` lists and that is not there.
    #[error("expected every file that RECORD lists, found {path:?} missing")]
    Missing {
        /// The file.
        path: String,
    },
    /// A file that `RECORD` lists twice, or that two files of the wheel want to become.
    #[error("expected every file once, found {path:?} again")]
    Twice {
        /// The file.
        path: String,
    },
    /// A file that `RECORD` lists without a hash.
    #[error("expected a hash for every file in RECORD, found none for {path:?}")]
    NoHash {
        /// The file.
        path: String,
    },
    /// A file whose content is not what `RECORD` says.
    #[error("expected {path:?} to be as RECORD says, found other content")]
    Content {
        /// The file.
        path: String,
    },
    /// A place that a wheel has no files for.
    #[error("expected files for purelib, platlib, scripts, data or headers, found {path:?}")]
    Scheme {
        /// The file.
        path: String,
    },
    /// The place of a file of the environment itself.
    #[error("expected files beside those of the environment itself, found {path:?} in the place of one")]
    Occupied {
        /// The file.
        path: String,
    },
    /// The disk refuses, or the limit is reached.
    #[error("expected to write {path:?}, found an error of the system: {reason}")]
    Disk {
        /// Where.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The wheels unpack to more than there may be.
    #[error("expected wheels that unpack to at most {limit} bytes, found more; raise --install-bytes or lock less")]
    TooLarge {
        /// The limit for all of them.
        limit: u64,
    },
}

//! Files at the edge, for the client, the agent and the command: private keys, atomic writes, digests in one pass,
//! folders as canonical archives.
//!
//! Everything here blocks; an async caller wraps it in `spawn_blocking`.

mod atomic;
mod folder;
mod limited;
mod listing;
mod measure;
mod pipe;
mod private;
mod source;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use prism_core::archive::PackError;
use prism_core::code::{Code, Coded};

pub use atomic::{Draft, remove_drafts, sync_directory, write_atomic, write_new};
pub use folder::Folder;
pub use limited::read_limited;
pub use listing::{Differences, FileNames, LineFault, Listing, ListingError};
pub(crate) use measure::open_regular;
pub use measure::{Measure, Measured, measure, measure_file};
pub use private::{read_private, read_private_bytes, write_new_private};
pub use source::{ReadAt, Source};

/// Longest private file that is read, in bytes: keys are far shorter.
pub const PRIVATE_FILE_MAX: u64 = 64 * 1024;

/// Why something could not be done with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Nothing is there.
    #[error("expected a file at {}, found nothing; check the path", .path.display())]
    Missing {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The directory that a file was to be written to does not exist.
    #[error("expected a directory {}, found none; make it first", .path.display())]
    NoFolder {
        /// The directory.
        path: PathBuf,
    },
    /// A file has its new content, and a crash of the machine might bring back the old one.
    #[error("wrote {}, but its directory could not be synchronised; see the system's reason and repeat", .path.display())]
    Unsettled {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Something is there that must not be overwritten.
    #[error("expected nothing at {}, found a file; it is never overwritten: choose another name or move it away", .path.display())]
    Exists {
        /// The path as it was given.
        path: PathBuf,
    },
    /// A private file that others can read or write.
    #[error("expected only the owner to have access to {}, found mode {mode:04o}; run: chmod 600 {}", .path.display(), quote(.path))]
    Exposed {
        /// The path as it was given.
        path: PathBuf,
        /// The permission bits found.
        mode: u32,
    },
    /// The public half of a key where the private one is needed.
    #[error("expected a private key, found a public one at {}; give the file that was made beside it and never shared, such as NAME.key or NAME.identity", .path.display())]
    PublicHalf {
        /// The path as it was given.
        path: PathBuf,
    },
    /// A directory, link, device, pipe or socket where a file (or, in a folder, a file or directory) is expected.
    #[error("expected a regular file at {path:?}, found {found}; replace it by a copy of what it stands for")]
    NotRegular {
        /// Where it was found.
        path: PathBuf,
        /// What it is, in a word.
        found: &'static str,
    },
    /// A file is longer than its kind can be.
    #[error("expected at most {limit} bytes in {}, found {found}; this cannot be the right file", .path.display())]
    TooLong {
        /// The path as it was given.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
        /// The length found in bytes.
        found: u64,
    },
    /// A text file is not UTF-8, or a name is not.
    #[error("expected UTF-8 text in {path:?}, found other bytes; check that it is the right file")]
    NotText {
        /// Where it was found.
        path: PathBuf,
    },
    /// A folder holds more than an archive may.
    #[error("expected at most {limit} files and directories in {}, found more; pack them into fewer, larger files", .path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A file, or a file of a folder, is not what it was before, or changed while it was read.
    #[error("expected {path:?} to stay as it was, found {change}; leave it alone and repeat")]
    Changed {
        /// The file.
        path: PathBuf,
        /// What became of it.
        change: Change,
    },
    /// A file cannot be part of an archive.
    #[error("could not pack {path:?}")]
    Pack {
        /// The file, or the folder when the archive could not be finished.
        path: PathBuf,
        /// What stands against it.
        #[source]
        source: Box<PackError>,
    },
    /// The operating system says no.
    #[error("could not {verb} {}; see the system's reason and repeat", .path.display())]
    Io {
        /// What was attempted.
        verb: &'static str,
        /// On which path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl Coded for FileError {
    fn code(&self) -> Code {
        match self {
            Self::Missing { .. } | Self::NoFolder { .. } => Code::FileMissing,
            Self::Exists { .. } => Code::FileExists,
            Self::Exposed { .. } => Code::KeyExposed,
            Self::PublicHalf { .. } => Code::KeyMalformed,
            Self::NotRegular { .. } | Self::TooLong { .. } | Self::NotText { .. } => Code::FileMalformed,
            Self::TooMany { .. } => Code::ArchiveTooLarge,
            Self::Changed { .. } => Code::FileChanged,
            Self::Pack { source, .. } => source.code(),
            Self::Io { .. } | Self::Unsettled { .. } => Code::FileIo,
        }
    }
}

impl FileError {
    /// The same, of a file that has its name and its content all the same.
    fn unsettled(self, path: &Path) -> Self {
        match self {
            Self::Io { source, .. } => Self::Unsettled { path: path.to_owned(), source },
            other => other,
        }
    }

    /// Sorts an error of the system; the closure form fits `map_err`. One of ours that came through a reader is itself
    /// again.
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            _ => source.downcast().unwrap_or_else(|source| Self::Io { verb, path, source }),
        }
    }
}

/// How a file changed while it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Its size is another.
    Size {
        /// Bytes before.
        before: u64,
        /// Bytes now.
        now: u64,
    },
    /// Its size is the same and its content is not.
    Content,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { before, now } => write!(f, "{now} bytes instead of {before}"),
            Self::Content => f.write_str("other content"),
        }
    }
}

/// A path as a shell takes it.
fn quote(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'+' | b'=' | b',');
    if !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain) {
        return text.into_owned();
    }
    let dashed = if text.starts_with('-') { "./" } else { "" };
    format!("'{dashed}{}'", text.replace('\'', r"'\''"))
}

/// The word for a kind of file that is not taken.
fn kind_of(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_dir() {
        "a directory"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests;

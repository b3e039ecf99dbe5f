//! Why an index did not help.

use std::io;

use prism_core::code::{Code, Coded};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// A text is not an index's address. It does not repeat the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected https://[user[:password]@]HOST[:PORT]/PATH of a package index, found another text; ask whoever runs the index for its address"
)]
#[non_exhaustive]
pub struct IndexUrlError;

impl Coded for IndexUrlError {
    fn code(&self) -> Code {
        Code::Usage
    }
}

/// Why packages could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The lock's wheels have to be fetched, and there is no index.
    #[error("expected a package index for a lock without wheels, found none configured; see --index")]
    NotConfigured,
    /// This program was built without the part that fetches.
    #[error("expected a program that can fetch packages, found one built without `pull`; use another build")]
    NotBuiltIn,
    /// The index says nothing of a package, or must not be asked.
    #[error("expected the index to name the files of {package}, found a refusal; see --index and --index-allow")]
    Page {
        /// The package.
        package: String,
        /// The reason.
        #[source]
        source: Source,
    },
    /// What the index says of a package is longer than any project's files need.
    #[error("expected at most {limit} bytes about {package}, found more; this is no package index")]
    PageTooLong {
        /// The package.
        package: String,
        /// The limit.
        limit: usize,
    },
    /// A file does not come.
    #[error("expected the index to send {file}, found that it cannot; see --index-allow and the index")]
    File {
        /// The file.
        file: String,
        /// The reason.
        #[source]
        source: Source,
    },
    /// A file never comes in one go, and the host gives no parts of it.
    #[error(
        "expected {file} in one go or in parts, found {again} bytes of it sent again and again; use an index that gives parts"
    )]
    Wasteful {
        /// The file.
        file: String,
        /// Bytes that came in vain.
        again: u64,
    },
    /// All files together are larger than there is room for.
    #[error(
        "expected wheels of at most {limit} bytes together, found more at {file}; raise --install-bytes or lock less"
    )]
    TooLarge {
        /// The file that does not fit any more.
        file: String,
        /// The limit.
        limit: u64,
    },
    /// The disk has too little left.
    #[error("expected {needed} free bytes on the disk for {file}, found {free}; make room there, then try again")]
    NoRoom {
        /// The file.
        file: String,
        /// What is needed, with what stays free.
        needed: u64,
        /// What the system says is free.
        free: u64,
    },
    /// The disk refuses.
    #[error("expected to keep {file}, found an error of the system; see to the disk")]
    Disk {
        /// The file.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A part of the program failed.
    #[error("expected the download of {package} to end, found that it did not; report this")]
    Lost {
        /// The package.
        package: String,
    },
}

impl Coded for IndexError {
    fn code(&self) -> Code {
        match self {
            Self::NotConfigured => Code::SourceRefused,
            Self::NotBuiltIn => Code::Usage,
            Self::NoRoom { .. } => Code::AgentFull,
            _ => Code::RequirementsFailed,
        }
    }
}

use std::io;

use prism_core::code::{Code, Coded};

/// Why a text is not a listing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListingError {
    /// It could not be read.
    #[error("expected to read the listing, found an error; see the system's reason and repeat")]
    Read(#[source] io::Error),
    /// A line is not one of `sha256sum`.
    #[error("line {number}: {fault}")]
    Line {
        /// Its number, from 1.
        number: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// A file is named twice.
    #[error("expected every file once, found {name:?} twice; list the folder again")]
    Twice {
        /// The name.
        name: String,
    },
    /// More files than a folder may hold.
    #[error("expected at most {limit} files, found more; this cannot be the listing of a folder")]
    TooMany {
        /// The limit.
        limit: u64,
    },
}

impl Coded for ListingError {
    fn code(&self) -> Code {
        match self {
            Self::Read(_) => Code::FileIo,
            Self::Line { .. } | Self::Twice { .. } | Self::TooMany { .. } => Code::FileMalformed,
        }
    }
}

/// What is wrong with a line of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineFault {
    /// It is not a digest, two marks and a name.
    #[error(
        "expected 64 lower-case hex digits, two spaces and a name, found something else; list the folder with sha256sum"
    )]
    Form,
    /// It does not end with a line feed alone, or is longer than any name.
    #[error("expected a line that ends with a line feed, found another end; the listing is truncated or was converted")]
    End,
    /// It is not UTF-8.
    #[error("expected UTF-8 text, found other bytes; no archive holds such a name")]
    NotText,
    /// A backslash stands before something that is never escaped.
    #[error("expected \\\\, \\n or \\r in an escaped name, found another backslash; list the folder again")]
    Escape,
}

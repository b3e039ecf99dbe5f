use std::path::{Path, PathBuf};

use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::seal::{OpenError, SealError};

use crate::files::FileError;

/// Why a file was not sealed, opened or wrapped anew. Nothing was written under the name that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealFileError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It cannot be sealed.
    #[error(transparent)]
    Seal(SealError),
    /// It does not open.
    #[error("{}: {source}", .path.display())]
    Open {
        /// The sealed file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: OpenError,
    },
    /// It opened, and is authentic, but is another file than the one that was expected.
    #[error("expected {expected} in {}, found {found}; nothing was written: ask for the file that was agreed", .path.display())]
    Differs {
        /// The sealed file.
        path: PathBuf,
        /// The digest that was expected.
        expected: Digest,
        /// The digest of what is in it.
        found: Digest,
    },
    /// A digest that cannot be compared with without its salt.
    #[error("expected a bare digest to compare with, found a salted one; give sha256:… or sha3-256:…")]
    Salted,
    /// A codec without headers has nothing to wrap anew.
    #[error("expected an age file to wrap anew, found a key for Cobblestone-256; seal the file again")]
    NoHeader,
    /// The work was given up.
    #[error("the work was interrupted; nothing was written: begin again")]
    Cancelled,
}

impl Coded for SealFileError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::Open { source, .. } => source.code(),
            Self::Differs { .. } => Code::AssetMismatch,
            Self::Salted | Self::NoHeader => Code::Usage,
            Self::Cancelled => Code::Cancelled,
        }
    }
}

impl From<SealError> for SealFileError {
    /// What went wrong with a file while it was read is said by itself.
    fn from(error: SealError) -> Self {
        match error {
            SealError::Read(source) => match source.downcast() {
                Ok(file) => Self::File(file),
                Err(source) => Self::Seal(SealError::Read(source)),
            },
            error => Self::Seal(error),
        }
    }
}

impl SealFileError {
    /// What is wrong with the sealed file at `path`; the closure form fits `map_err`.
    pub(super) fn opening(path: &Path) -> impl Fn(OpenError) -> Self {
        let path = path.to_owned();
        move |source| Self::Open { path: path.clone(), source }
    }
}

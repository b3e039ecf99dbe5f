//! Where clients and simulators keep what they must remember on this machine.

use std::env::var_os;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use prism_core::code::{Code, Coded};

use crate::files::FileError;

/// Why there is no place to remember things.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The environment names none.
    #[error("expected a place to remember things, found neither PRISM_STATE, XDG_STATE_HOME nor HOME; set PRISM_STATE")]
    Nowhere,
    /// It could not be made.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Coded for StateError {
    fn code(&self) -> Code {
        match self {
            Self::Nowhere => Code::Usage,
            Self::File(error) => error.code(),
        }
    }
}

/// `PRISM_STATE`, else the XDG base directory specification's place: an unset, empty or relative `XDG_STATE_HOME` means
/// `~/.local/state`.
///
/// # Errors
/// [`StateError::Nowhere`].
pub fn default_directory() -> Result<PathBuf, StateError> {
    let path = |name| var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let absolute = |name| path(name).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let found = path("PRISM_STATE").or_else(|| absolute("XDG_STATE_HOME").or_else(home).map(|base| base.join("prism")));
    found.ok_or(StateError::Nowhere)
}

/// Makes the directory if it does not exist, readable by its owner only.
///
/// # Errors
/// [`StateError::File`].
pub fn make_directory(directory: &Path) -> Result<(), StateError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    Ok(made.map_err(FileError::io("create", directory))?)
}

//! Why a program did not run, or did not come to its own end.

use std::io;
use std::path::PathBuf;

/// Exit code of a program that trapped, as of one that a shell saw aborted.
const TRAPPED: u8 = 134;

/// Exit code when nothing of the program was executed, as of shells that find a file and cannot execute it.
const NOT_EXECUTED: u8 = 126;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// There is no module.
    #[error("expected the path of a module and its arguments, found none; the agent starts this program")]
    Usage,
    /// A word is not UTF-8.
    #[error("expected arguments and variables in UTF-8, found {found}; write it in UTF-8")]
    Text {
        /// The word, as far as it can be shown.
        found: String,
    },
    /// The engine does not know this machine.
    #[error("expected a machine that the engine supports, found another: {0:#}")]
    Engine(wasmtime::Error),
    /// The runtime below the program's clocks could not be made.
    #[error("expected to wait for clocks, found an error of the system: {0}")]
    Waiting(#[from] io::Error),
    /// The module cannot be compiled.
    #[error("expected a WebAssembly module, found what cannot be compiled: {0:#}")]
    Module(wasmtime::Error),
    /// The module is a library.
    #[error("expected a module that exports the function _start, found one that does not; build a WASI command")]
    NoStart,
    /// The module asks for what there is not.
    #[error("expected a module that imports WASI preview 1 alone, found another import: {0:#}")]
    Imports(wasmtime::Error),
    /// A directory that the program is promised is not there.
    #[error("expected the directory {path}, found none that opens: {reason:#}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        reason: wasmtime::Error,
    },
    /// The program was executed and ended otherwise than by returning or exiting.
    #[error("expected the program to end by itself, found: {0:#}")]
    Trapped(wasmtime::Error),
}

impl HostError {
    /// What the agent logs as the run's end.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Trapped(_) => TRAPPED,
            _ => NOT_EXECUTED,
        }
    }
}

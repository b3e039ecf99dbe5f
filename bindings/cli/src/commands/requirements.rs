//! `prism requirements`: from the packages that a program needs to a lock, and to the wheels that an agent installs.

mod lock;
mod needs;
mod tools;
mod wheelhouse;

use std::path::Path;

use clap::Subcommand;
use prism_agent::files::FileError;
use prism_core::code::Code;
use prism_core::requirements::Lock;

use crate::exit::{Failure, Outcome};
use crate::inputs::read_text;
use crate::print::Printer;

pub(crate) const EXAMPLE: &str = "\
Example
  prism requirements lock requirements.txt -o requirements.lock
  prism requirements wheelhouse requirements.lock -o wheelhouse

Then name the wheelhouse as `requirements` in the terms. A lock alone will do if the agent has an index.";

/// Largest lock that is read.
const LOCK_MAX: u64 = 4 << 20;

/// What to do about a lock that does not pin everything.
pub(crate) const UNPINNED: &str =
    "`prism requirements lock REQUIREMENTS.txt -o requirements.lock` pins every package by its hash";

/// The commands below `prism requirements`.
#[derive(Debug, Subcommand)]
pub(crate) enum Requirements {
    /// Pin everything that a program needs, by version and hash, with uv or pip
    #[command(after_help = lock::EXAMPLE)]
    Lock(lock::LockCommand),
    /// Fetch the wheels of a lock, each compared with it
    #[command(after_help = wheelhouse::EXAMPLE)]
    Wheelhouse(wheelhouse::Wheelhouse),
}

impl Requirements {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        match self {
            Self::Lock(lock) => lock.run(printer),
            Self::Wheelhouse(wheelhouse) => wheelhouse.run(printer),
        }
    }
}

/// Reads a lock.
fn read_lock(path: &Path) -> Outcome<(String, Lock)> {
    let text = read_text(path, LOCK_MAX)?;
    let lock = Lock::read(&text)
        .map_err(|error| Failure::new(Code::FileMalformed, error.to_string()).at(path.display()).hint(UNPINNED))?;
    Ok((text, lock))
}

/// Refuses to write where something is.
fn require_free(path: &Path) -> Outcome {
    if path.symlink_metadata().is_ok() {
        return Err(FileError::Exists { path: path.to_owned() }.into());
    }
    Ok(())
}

//! `prism open`: opens an age file, such as a sealed result that was carried by hand.

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;
use prism_agent::files::{Draft, FileError, read_private};
use prism_core::seal::{Identity, open};
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::print::{Printer, Safe, size};

pub(crate) const EXAMPLE: &str = "\
Example
  prism open results.age --identity identity.txt -o results.zip

The file is written only when its last byte is authentic. `age --decrypt` opens the same files.";

/// The arguments of `prism open`.
#[derive(Args, Debug)]
pub(crate) struct Open {
    /// The sealed file (age v1)
    #[arg(value_name = "FILE")]
    sealed: PathBuf,
    /// A file with an age identity (AGE-SECRET-KEY-…), readable by you only
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Opened {
    file: String,
    size: u64,
}

impl Open {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        if self.out.symlink_metadata().is_ok() {
            return Err(FileError::Exists { path: self.out }.into());
        }
        let identity = Identity::from_file(&read_private(&self.identity)?)
            .map_err(|error| Failure::from(error).at(self.identity.display()))?;
        let sealed = File::open(&self.sealed).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => FileError::Missing { path: self.sealed.clone() },
            _ => FileError::Io { verb: "open", path: self.sealed.clone(), source },
        })?;
        let mut draft = Draft::create(&self.out)?;
        let size = open(BufReader::new(sealed), &identity, &mut draft)
            .map_err(|error| Failure::from(error).at(self.sealed.display()))?;
        draft.publish()?;
        printer.show(&Opened { file: self.out.display().to_string(), size })
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "wrote {} ({})", Safe::new(&self.file), size(self.size))
    }
}

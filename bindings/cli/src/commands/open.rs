//! `prism open`: opens a sealed file, such as a result that was carried by hand.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_agent::files::{FileError, Measured};
use prism_agent::seal::blocking::{self, Opening, Watcher};
use prism_agent::seal::{Effort, OpenKey, OpenWith};
use prism_core::digest::Digest;
use prism_core::name::Name;
use prism_core::seal::Context;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::exit::Outcome;
use crate::interrupt;
use crate::print::{Printer, Safe, size};
use crate::progress::Progress;
use crate::unlocking::{identities, passphrase, symmetric_key};

pub(crate) const EXAMPLE: &str = "\
Example
  prism open results.age --identity identity.txt -o results.zip
  prism open h1.age --identity ~/.ssh/id_ed25519 -o h1.zip --digest sha256:…
  prism open notes.age --passphrase -o notes.txt
  prism open h1.cobblestone --symmetric-key h1.secret --asset h1 -o h1.zip

The file is written only when its last byte is authentic, and its digest the expected one. \
`age --decrypt` opens the same age files.";

const LEFT: &str = "nothing was written: the same command begins again";

/// The arguments of `prism open`.
#[derive(Args, Debug)]
#[command(override_usage = "prism open [OPTIONS] --identity <FILE> --out <FILE> <FILE>")]
#[command(group = clap::ArgGroup::new("key").required(true).multiple(true)
    .args(["identity", "passphrase", "passphrase_file", "symmetric_key"]))]
pub(crate) struct Open {
    /// The sealed file
    #[arg(value_name = "FILE")]
    sealed: PathBuf,
    /// A file with an age identity (AGE-SECRET-KEY-…) or an SSH key (ed25519), readable by you only
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Ask for a passphrase
    #[arg(long, conflicts_with = "passphrase_file")]
    passphrase: bool,
    /// Take the passphrase from a file that only you can read
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The 32 bytes of a Cobblestone-256 key, in a file that only you can read
    #[arg(long, value_name = "FILE", requires = "asset", conflicts_with_all = ["identity", "passphrase", "passphrase_file"])]
    symmetric_key: Option<PathBuf>,
    /// Which asset of the manifest a Cobblestone-256 file is
    #[arg(long, value_name = "NAME", requires = "symmetric_key")]
    asset: Option<Name>,
    /// What the opened file has to be, for example sha256:…
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Opened {
    file: String,
    digest: Digest,
    size: u64,
}

impl Open {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        if self.out.symlink_metadata().is_ok() {
            return Err(FileError::Exists { path: self.out }.into());
        }
        let with = self.with()?;
        let total = std::fs::metadata(&self.sealed).map_or(0, |found| found.len());
        let mut progress = Progress::new(printer, "open");
        progress.begins("read", 0, total);
        let mut tell = |done| progress.at("read", done, total.max(done));
        let opening = Opening { sealed: &self.sealed, with: &with, expected: self.digest, effort: Effort::default() };
        let work =
            |cancel: &CancellationToken| Ok(blocking::open(&opening, &self.out, Watcher { tell: &mut tell, cancel })?);
        let Measured { digest, size, .. } = interrupt::heeding(work, LEFT, printer)?;
        drop(progress);
        printer.show(&Opened { file: self.out.display().to_string(), digest, size })
    }

    fn with(&self) -> Outcome<OpenWith> {
        if let (Some(path), Some(asset)) = (&self.symmetric_key, &self.asset) {
            return Ok(OpenWith::Cobblestone(symmetric_key(path)?, Context::asset(asset)));
        }
        let mut keys = identities(&self.identity)?;
        if self.passphrase || self.passphrase_file.is_some() {
            keys.push(OpenKey::Passphrase(passphrase(self.passphrase_file.as_deref())?));
        }
        Ok(OpenWith::Keys(keys))
    }
}

impl fmt::Display for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "wrote {} ({}), {}", Safe::new(&self.file), size(self.size), self.digest)
    }
}

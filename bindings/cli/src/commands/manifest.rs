//! `prism manifest`: the terms of a computation, from a draft to everyone's approval.

mod approve;
mod assemble;
mod draft;
mod show;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use prism_agent::files::{FileError, write_atomic, write_new};
use prism_core::manifest::Terms;

use crate::exit::{Failure, Outcome};
use crate::inputs::{DOCUMENT_MAX, read};
use crate::print::Printer;

pub(crate) const EXAMPLE: &str = "\
Example
  prism manifest new covid19.toml -o manifest.json                    the owner
  prism manifest show manifest.json                                   everyone: what would I approve?
  prism manifest approve manifest.json --key hospital-1.key           every participant
  prism manifest assemble manifest.json *.approval -o covid19.prism   anyone";

/// The commands below `prism manifest`.
#[derive(Debug, Subcommand)]
pub(crate) enum Manifest {
    /// Write a manifest from a short TOML file: digests, sizes, keys and salt are filled in
    #[command(after_help = draft::help())]
    New(draft::New),
    /// Say in plain words what a manifest permits: what would I approve?
    #[command(after_help = show::EXAMPLE)]
    Show(show::Show),
    /// Approve a manifest with a participant's key
    #[command(after_help = approve::EXAMPLE)]
    Approve(approve::Approve),
    /// Put every participant's approval together
    #[command(after_help = assemble::EXAMPLE)]
    Assemble(assemble::Assemble),
}

impl Manifest {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        match self {
            Self::New(new) => new.run(printer),
            Self::Show(show) => show.run(printer),
            Self::Approve(approve) => approve.run(printer),
            Self::Assemble(assemble) => assemble.run(printer),
        }
    }
}

/// Where to write, and whether something may be replaced there.
#[derive(Args, Debug)]
pub(super) struct Target {
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

impl Target {
    /// Refuses before any work what would be refused after it.
    pub(super) fn require_free(&self) -> Outcome {
        if !self.force && self.out.symlink_metadata().is_ok() {
            return Err(Failure::from(FileError::Exists { path: self.out.clone() })
                .hint("choose another name, or replace it with --force"));
        }
        Ok(())
    }

    pub(super) fn write(&self, bytes: &[u8]) -> Outcome {
        write_document(&self.out, bytes, self.force)
    }
}

/// Writes a file that others may read, whole or not at all.
fn write_document(path: &Path, bytes: &[u8], replace: bool) -> Outcome {
    if replace {
        return Ok(write_atomic(path, bytes)?);
    }
    Ok(write_new(path, bytes)?)
}

/// Terms from a file: bare, or inside an envelope with approvals.
pub(super) fn terms(path: &Path) -> Outcome<Terms> {
    Terms::read(&read(path, DOCUMENT_MAX)?).map_err(|error| Failure::from(error).at(path.display()))
}

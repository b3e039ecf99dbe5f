//! `prism grant`: what a provider leaves at a key broker.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_agent::files::{read_private, write_new_private};
use prism_core::digest::Digest;
use prism_core::manifest::{grant, grant_cobblestone};
use prism_core::seal::Identity;
use serde::Serialize;
use zeroize::Zeroizing;

use super::manifest::terms;
use crate::exit::{Failure, Outcome};
use crate::print::{Printer, Safe};
use crate::unlocking::symmetric_key;

pub(crate) const EXAMPLE: &str = "\
Example
  prism grant --manifest covid19.prism --identity h1.identity -o h1.grant
  prism grant --manifest covid19.prism --symmetric-key h1.secret -o h1.grant

Register the file at the key broker under the path that the manifest names (repository/type/tag), for \
machines with the agent's measurement. The broker judges the machine only; agents use the key for the \
manifest that the file names, and for no other.";

/// The arguments of `prism grant`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("opens").required(true).args(["identity", "symmetric_key"]))]
pub(crate) struct Grant {
    /// The manifest that the key is for
    #[arg(long, value_name = "FILE", env = "PRISM_MANIFEST", hide_env_values = true)]
    manifest: PathBuf,
    /// A file with the age identity (AGE-SECRET-KEY-…) that opens the sealed dataset, readable by you only
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// The 32 bytes of the key of a dataset sealed as cobblestone-256, in a file that only you can read
    #[arg(long, value_name = "FILE")]
    symmetric_key: Option<PathBuf>,
    /// The file to write, readable by you only
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Written {
    manifest: Digest,
    file: String,
}

impl Grant {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let manifest = terms(&self.manifest)?.digest();
        write_new_private(&self.out, self.text(manifest)?.as_bytes())?;
        printer.show(&Written { manifest, file: self.out.display().to_string() })
    }

    fn text(&self, manifest: Digest) -> Outcome<Zeroizing<String>> {
        match (&self.identity, &self.symmetric_key) {
            (_, Some(path)) => Ok(grant_cobblestone(&symmetric_key(path)?, manifest)),
            (Some(path), None) => {
                let identity = Identity::from_file(&read_private(path)?);
                Ok(grant(&identity.map_err(|error| Failure::from(error).at(path.display()))?, manifest))
            }
            (None, None) => Err(Failure::usage("expected --identity or --symmetric-key, found neither")),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = Safe::new(&self.file);
        writeln!(f, "wrote {file}, a key for the manifest {}", self.manifest)?;
        writeln!(f, "next: register it at the key broker; whoever has it can open the sealed dataset")
    }
}

//! `prism manifest assemble`: everyone's approval in one file.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use prism_core::digest::Digest;
use prism_core::envelope::Envelope;
use prism_core::manifest::SignedManifest;
use serde::Serialize;

use super::{Target, terms};
use crate::exit::{Failure, Outcome};
use crate::inputs::{DOCUMENT_MAX, read};
use crate::print::{Printer, SIMULATED, Safe};

pub(super) const EXAMPLE: &str = "\
Example
  prism manifest assemble manifest.json *.approval -o covid19.prism

Refuses by name whoever has not approved these very bytes. Anyone can do this: it needs no key.";

/// The arguments of `prism manifest assemble`.
#[derive(Args, Debug)]
pub(crate) struct Assemble {
    /// The manifest
    #[arg(value_name = "FILE")]
    manifest: PathBuf,
    /// Every participant's approval
    #[arg(required = true, value_name = "APPROVAL")]
    approvals: Vec<PathBuf>,
    #[command(flatten)]
    target: Target,
}

#[derive(Serialize)]
struct Assembled {
    manifest: Digest,
    computation: String,
    title: String,
    approved_by: Vec<String>,
    simulated: bool,
    file: String,
}

impl Assemble {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        self.target.require_free()?;
        let found = terms(&self.manifest)?;
        let approvals = self.approvals.iter().map(|path| envelope(path)).collect::<Outcome<Vec<_>>>()?;
        let signed = SignedManifest::assemble(found.bytes(), &approvals)?;
        self.target.write(&signed.to_bytes())?;
        let terms = signed.manifest();
        printer.show(&Assembled {
            manifest: signed.digest(),
            computation: terms.id.to_string(),
            title: terms.title.clone(),
            approved_by: terms.participants.iter().map(|p| p.name.to_string()).collect(),
            simulated: terms.accepts_simulation(),
            file: self.target.out.display().to_string(),
        })
    }
}

fn envelope(path: &Path) -> Outcome<Envelope> {
    Envelope::read(&read(path, DOCUMENT_MAX)?).map_err(|error| Failure::from(error).at(path.display()))
}

impl fmt::Display for Assembled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        writeln!(f, "approved by all {}: {}", self.approved_by.len(), self.approved_by.join(", "))?;
        writeln!(f, "manifest {}", self.manifest)?;
        writeln!(f, "wrote {}", Safe::new(&self.file))
    }
}

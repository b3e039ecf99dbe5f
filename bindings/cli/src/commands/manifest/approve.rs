//! `prism manifest approve`: one participant's signature on the exact bytes.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use prism_core::digest::Digest;
use prism_core::envelope::{Envelope, PayloadType};
use prism_core::key::SigningKey;
use prism_core::manifest::{Manifest, SignedManifest};
use serde::Serialize;

use super::{Target, terms};
use crate::exit::Outcome;
use crate::inputs::{DOCUMENT_MAX, read, signing_key};
use crate::print::{Printer, SIMULATED, Safe};

pub(super) const EXAMPLE: &str = "\
Example
  prism manifest show manifest.json
  prism manifest approve manifest.json --key hospital-1.key

Writes hospital-1.approval beside the manifest: a DSSE envelope over its exact bytes. Read the \
manifest first; what you approve is all that binds the agent later.";

/// The arguments of `prism manifest approve`.
#[derive(Args, Debug)]
pub(crate) struct Approve {
    /// The manifest
    #[arg(value_name = "FILE")]
    manifest: PathBuf,
    /// Your private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to write the approval [default: NAME.approval beside the manifest]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace an approval of other terms
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Approved {
    participant: String,
    roles: Vec<&'static str>,
    manifest: Digest,
    title: String,
    simulated: bool,
    file: String,
}

impl Approve {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        let found = terms(&self.manifest)?;
        let key = signing_key(&self.key)?;
        let approval = SignedManifest::approve(found.bytes(), &key)?;
        let terms = found.manifest();
        let name = terms.participant_with_key(key.public()).map_or_else(String::new, |p| p.name.to_string());
        let out = self.out.unwrap_or_else(|| beside(&self.manifest, &format!("{name}.approval")));
        if !is_approved(&out, found.bytes(), &key) {
            let target = Target { out: out.clone(), force: self.force };
            target.require_free()?;
            target.write(&approval.to_json())?;
        }
        printer.show(&Approved {
            roles: roles(terms, &name),
            participant: name,
            manifest: found.digest(),
            title: terms.title.clone(),
            simulated: terms.accepts_simulation(),
            file: out.display().to_string(),
        })
    }
}

fn beside(manifest: &Path, name: &str) -> PathBuf {
    manifest.parent().map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
}

fn roles(terms: &Manifest, name: &str) -> Vec<&'static str> {
    terms.roles(name).into_iter().map(prism_core::manifest::Role::name).collect()
}

/// Whether the file holds this key's approval of these bytes already.
fn is_approved(path: &Path, bytes: &[u8], key: &SigningKey) -> bool {
    let envelope = read(path, DOCUMENT_MAX).ok().and_then(|file| Envelope::read(&file).ok());
    envelope.is_some_and(|envelope| envelope.verify(PayloadType::Manifest, key.public()).is_ok_and(|it| it == bytes))
}

impl fmt::Display for Approved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        writeln!(f, "{} approves \"{}\" as {}", self.participant, Safe::new(&self.title), self.roles.join(", "))?;
        writeln!(f, "manifest {}", self.manifest)?;
        writeln!(f, "wrote {}", Safe::new(&self.file))
    }
}

//! `prism keys identity`: what opens sealed files, and whom to seal them to.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use prism_agent::files::{FileError, write_new_private};
use prism_core::entropy::SystemEntropy;
use prism_core::name::Name;
use prism_core::seal::{Identity, RecipientKind};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{io_failure, write_new_public};
use crate::exit::Outcome;
use crate::print::{Printer, Safe};

pub(crate) const EXAMPLE: &str = "\
Example
  prism keys identity hospital-1
  prism keys identity lab --kind x25519 -o keys

Writes NAME.identity (as age-keygen does, readable by you only) and NAME.recipient. What exists is never \
overwritten. Share NAME.recipient with those who seal files for you; NAME.identity never leaves this machine.";

/// The arguments of `prism keys identity`.
#[derive(Args, Debug)]
pub(crate) struct NewIdentity {
    /// What to call the files
    #[arg(required = true, value_name = "NAME")]
    names: Vec<Name>,
    /// What protects the files that are sealed to it
    #[arg(long, value_enum, default_value = "hybrid")]
    kind: Kind,
    /// The directory to write to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// X25519 and ML-KEM-768 together: holds against quantum computers, too
    Hybrid,
    /// X25519 alone, which every age tool knows
    X25519,
}

#[derive(Serialize)]
struct Made {
    identities: Vec<Pair>,
}

#[derive(Serialize)]
struct Pair {
    name: String,
    identity: String,
    recipient_file: String,
    recipient: String,
}

impl NewIdentity {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        fs::create_dir_all(&self.out).map_err(|error| io_failure("create", &self.out, error))?;
        let places: Vec<_> = self.names.iter().map(|name| (name, paths(&self.out, name))).collect();
        // All names are free before the first identity is made.
        for path in places.iter().flat_map(|(_, paths)| paths) {
            if path.symlink_metadata().is_ok() {
                return Err(FileError::Exists { path: path.clone() }.into());
            }
        }
        let kind = match self.kind {
            Kind::Hybrid => RecipientKind::Hybrid,
            Kind::X25519 => RecipientKind::X25519,
        };
        let identities = places.into_iter().map(|(name, paths)| make(name, &paths, kind)).collect::<Outcome<_>>()?;
        printer.show(&Made { identities })
    }
}

fn paths(folder: &Path, name: &Name) -> [PathBuf; 2] {
    let file = |end: String| if folder == Path::new(".") { PathBuf::from(end) } else { folder.join(end) };
    [file(format!("{name}.identity")), file(format!("{name}.recipient"))]
}

fn make(name: &Name, [private, public]: &[PathBuf; 2], kind: RecipientKind) -> Outcome<Pair> {
    let identity = Identity::generate(kind, &mut SystemEntropy::default())?;
    let recipient = identity.recipient().to_string();
    let text = Zeroizing::new(format!("# public key: {recipient}\n{}\n", *identity.to_text()));
    write_new_private(private, text.as_bytes())?;
    write_new_public(public, &format!("{recipient}\n"))?;
    Ok(Pair {
        name: name.to_string(),
        identity: private.display().to_string(),
        recipient_file: public.display().to_string(),
        recipient,
    })
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pair in &self.identities {
            writeln!(f, "wrote {} (keep it: only you can read it)", Safe::new(&pair.identity))?;
            writeln!(f, "wrote {} (share it)", Safe::new(&pair.recipient_file))?;
        }
        Ok(())
    }
}

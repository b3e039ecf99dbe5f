//! `prism keys`: a participant's signing key, and identities that open sealed files.

mod identity;

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValue;
use clap::{Args, Subcommand, ValueEnum};
use prism_agent::drafting::public_key;
use prism_agent::files::{FileError, write_new_private};
use prism_core::entropy::SystemEntropy;
use prism_core::key::{KeyAlgorithm, SigningKey};
use prism_core::name::Name;
use serde::Serialize;

use crate::exit::Outcome;
use crate::print::{Printer, Safe};

pub(crate) const EXAMPLE: &str = "\
Example
  prism keys new hospital-1                      hospital-1.key (keep) and hospital-1.pub (share)
  prism keys show hospital-1.pub
  prism keys identity hospital-1                 for sealed files: hospital-1.identity and hospital-1.recipient";

const NEW_EXAMPLE: &str = "\
Example
  prism keys new hospital-1
  prism keys new lab institute --algorithm ecdsa-p384 -o keys

Writes NAME.key (PKCS#8 PEM, readable by you only) and NAME.pub (SPKI PEM). What exists is never \
overwritten. Share NAME.pub with the owner of the computation; NAME.key never leaves this machine.";

const SHOW_EXAMPLE: &str = "\
Example
  prism keys show hospital-1.pub
  prism keys show *.pub --json";

/// The commands below `prism keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key pair for each name
    #[command(after_help = NEW_EXAMPLE)]
    New(New),
    /// Print public keys and their fingerprints
    #[command(after_help = SHOW_EXAMPLE)]
    Show(Show),
    /// Make an identity that opens sealed files, and its recipient, for each name
    #[command(after_help = identity::EXAMPLE)]
    Identity(identity::NewIdentity),
}

/// The arguments of `prism keys new`.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// The participants' names, as the manifest will write them
    #[arg(required = true, value_name = "NAME")]
    names: Vec<Name>,
    /// The kind of key
    #[arg(long, value_enum, default_value = "ed25519")]
    algorithm: Algorithm,
    /// The directory to write to
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// The arguments of `prism keys show`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Public keys (or private ones, of which the public half is shown)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The kinds of key as they are typed.
#[derive(Clone, Copy, Debug)]
struct Algorithm(KeyAlgorithm);

impl ValueEnum for Algorithm {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self(KeyAlgorithm::Ed25519), Self(KeyAlgorithm::EcdsaP256), Self(KeyAlgorithm::EcdsaP384)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()))
    }
}

#[derive(Serialize)]
struct Made {
    keys: Vec<Pair>,
}

#[derive(Serialize)]
struct Pair {
    name: String,
    private: String,
    public: String,
    fingerprint: String,
}

#[derive(Serialize)]
struct Shown {
    keys: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    file: String,
    algorithm: String,
    fingerprint: String,
    key: String,
}

impl Keys {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        match self {
            Self::New(new) => new.run(printer),
            Self::Show(show) => show.run(printer),
            Self::Identity(identity) => identity.run(printer),
        }
    }
}

impl New {
    fn run(self, printer: Printer) -> Outcome {
        fs::create_dir_all(&self.out).map_err(|error| io_failure("create", &self.out, error))?;
        let pairs: Vec<_> = self.names.iter().map(|name| Place::of(&self.out, name)).collect();
        // All names are free before the first key is made.
        pairs.iter().try_for_each(Place::require_free)?;
        let keys = pairs.into_iter().map(|place| place.fill(self.algorithm.0)).collect::<Outcome<_>>()?;
        printer.show(&Made { keys })
    }
}

/// The two files of a pair.
struct Place {
    name: String,
    private: PathBuf,
    public: PathBuf,
}

impl Place {
    fn of(folder: &Path, name: &Name) -> Self {
        let file = |end: &str| if folder == Path::new(".") { PathBuf::from(end) } else { folder.join(end) };
        Self { name: name.to_string(), private: file(&format!("{name}.key")), public: file(&format!("{name}.pub")) }
    }

    fn require_free(&self) -> Outcome {
        for path in [&self.private, &self.public] {
            if path.symlink_metadata().is_ok() {
                return Err(FileError::Exists { path: path.clone() }.into());
            }
        }
        Ok(())
    }

    fn fill(self, algorithm: KeyAlgorithm) -> Outcome<Pair> {
        let key = SigningKey::generate(algorithm, &mut SystemEntropy::default())?;
        write_new_private(&self.private, key.to_pem().as_bytes())?;
        write_new_public(&self.public, &key.public().to_pem())?;
        let fingerprint = key.public().fingerprint().to_string();
        Ok(Pair {
            name: self.name,
            private: self.private.display().to_string(),
            public: self.public.display().to_string(),
            fingerprint,
        })
    }
}

fn write_new_public(path: &Path, text: &str) -> Outcome {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| io_failure("write", path, error))
}

fn io_failure(verb: &'static str, path: &Path, source: io::Error) -> crate::exit::Failure {
    FileError::Io { verb, path: path.to_owned(), source }.into()
}

impl Show {
    fn run(self, printer: Printer) -> Outcome {
        let keys = self.files.iter().map(|file| line(file)).collect::<Outcome<_>>()?;
        printer.show(&Shown { keys })
    }
}

fn line(file: &Path) -> Outcome<Line> {
    let key = public_key(file)?;
    Ok(Line {
        file: file.display().to_string(),
        algorithm: key.algorithm().to_string(),
        fingerprint: key.fingerprint().to_string(),
        key: key.to_string(),
    })
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for pair in &self.keys {
            writeln!(f, "wrote {} (keep it: only you can read it)", Safe::new(&pair.private))?;
            writeln!(f, "wrote {} (share it)  {}", Safe::new(&pair.public), pair.fingerprint)?;
        }
        Ok(())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.keys {
            writeln!(f, "{}", Safe::new(&line.file))?;
            writeln!(f, "  key          {}", line.key)?;
            writeln!(f, "  fingerprint  {}", line.fingerprint)?;
        }
        Ok(())
    }
}

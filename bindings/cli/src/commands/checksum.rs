//! `prism checksum`: the digest by which a manifest names a file or a directory.

mod listed;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use prism_agent::files::{Measured, Source, write_new_private};
use prism_core::code::Code;
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::entropy::SystemEntropy;
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::inputs::read_salt;
use crate::print::{Printer, Safe, size};

pub(crate) const EXAMPLE: &str = "\
Example
  prism checksum h1.zip train.py
  prism checksum h1/                             a directory: digest of its canonical archive
  prism checksum h1.zip --algorithm sha3-256     as Cocos AI names it
  prism checksum h1.csv --salt h1.salt           for data so small that its digest would betray it
  prism checksum h1/ --list h1.sha256            and the digest of each file, as sha256sum writes it
  prism checksum h1/ --compare h1.sha256         names the files that differ from that listing
  prism checksum h1/ --cocos                     the checksum of Cocos AI

A directory has the same digest on every machine: times, modes, owners and empty \
directories do not count, names are sorted, content is stored as it is.

A listing tells later which files are not those that were agreed: `prism data` looks for it, too. \
`cd h1 && sha256sum -c ../h1.sha256` reads it. Keep it as you keep the data.";

/// The arguments of `prism checksum`.
#[derive(Args, Debug)]
pub(crate) struct Checksum {
    /// Files or directories
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to compute the digest
    #[arg(long, value_enum, default_value = "sha256")]
    algorithm: Algorithm,
    /// Salt the digest with this file's secret, which is made if it does not exist; `prism data` needs it, too
    #[arg(long, value_name = "FILE", conflicts_with = "algorithm")]
    salt: Option<PathBuf>,
    /// Write the SHA-256 of each file of the directory to this new file, as sha256sum does
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Name the files of the directory that were added, removed or changed since this listing
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Print the checksum of Cocos AI: of a directory as on a machine in UTC and with files of mode 0644
    #[arg(long, conflicts_with_all = ["algorithm", "salt", "list", "compare"])]
    cocos: bool,
}

/// The digests that need no salt.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    Sha256,
    #[value(name = "sha3-256")]
    Sha3,
}

impl Algorithm {
    fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::sha256(),
            Self::Sha3 => Hasher::sha3_256(),
        }
    }
}

#[derive(Serialize)]
struct Checksums {
    files: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    path: String,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// Said of every directory whose checksum is that of Cocos.
const COCOS: &str = "Cocos AI's own checksum of a directory depends on the time zone and on the modes of the files; \
this is the one of a machine in UTC with mode 0644";

impl Checksum {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        if self.cocos {
            let files: Vec<Line> = self.paths.iter().map(|path| cocos(path)).collect::<Outcome<_>>()?;
            let note = files.iter().find_map(|line| line.note);
            printer.show(&Checksums { files })?;
            if let Some(note) = note {
                printer.note(format_args!("note: {note}"));
            }
            return Ok(());
        }
        if self.list.is_some() || self.compare.is_some() {
            return self.listed(printer);
        }
        let hasher = self.hasher()?;
        let files = self.paths.iter().map(|path| line(path, hasher.clone())).collect::<Outcome<_>>()?;
        printer.show(&Checksums { files })
    }

    fn hasher(&self) -> Outcome<Hasher> {
        Ok(match &self.salt {
            Some(path) => Hasher::salted(&salt(path)?),
            None => self.algorithm.hasher(),
        })
    }
}

fn salt(path: &Path) -> Outcome<Salt> {
    if path.symlink_metadata().is_err() {
        let fresh = Salt::generate(&mut SystemEntropy::default());
        let fresh = fresh.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
        write_new_private(path, fresh.to_text().as_bytes())?;
    }
    read_salt(path)
}

fn line(path: &Path, hasher: Hasher) -> Outcome<Line> {
    let measured = Source::open(path)?.measure(hasher, &mut |_| {})?;
    Ok(Line::new(path, measured))
}

fn cocos(path: &Path) -> Outcome<Line> {
    let source = Source::open(path)?;
    let line = Line::new(path, source.measure_cocos(&mut |_| {})?);
    Ok(Line { note: source.folder().map(|_| COCOS), ..line })
}

impl Line {
    fn new(path: &Path, measured: Measured) -> Self {
        Self { path: path.display().to_string(), digest: measured.digest, size: measured.size, note: None }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}", self.digest, Safe::new(&self.path), size(self.size))
    }
}

impl fmt::Display for Checksums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.files {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

//! `prism checksum`: the digest by which a manifest names a file or a directory.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use prism_agent::files::{Source, write_new_private};
use prism_core::code::Code;
use prism_core::digest::{Digest, Hasher, Salt};
use prism_core::entropy::{SystemEntropy, draw};
use prism_core::hexadecimal::HexBytes;
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

A directory has the same digest on every machine: times, modes, owners and empty \
directories do not count, names are sorted, content is stored as it is.";

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
}

impl Checksum {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let hasher = match &self.salt {
            Some(path) => Hasher::salted(&salt(path)?),
            None => self.algorithm.hasher(),
        };
        let files = self.paths.iter().map(|path| line(path, hasher.clone())).collect::<Outcome<_>>()?;
        printer.show(&Checksums { files })
    }
}

fn salt(path: &Path) -> Outcome<Salt> {
    if path.symlink_metadata().is_err() {
        let fresh = draw::<32>(&mut SystemEntropy::default());
        let fresh = fresh.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
        write_new_private(path, format!("{}\n", HexBytes::new(fresh)).as_bytes())?;
    }
    read_salt(path)
}

fn line(path: &Path, hasher: Hasher) -> Outcome<Line> {
    let measured = Source::open(path)?.measure(hasher, &mut |_| {})?;
    Ok(Line { path: path.display().to_string(), digest: measured.digest, size: measured.size })
}

impl fmt::Display for Checksums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.files {
            writeln!(f, "{}  {}  {}", line.digest, Safe::new(&line.path), size(line.size))?;
        }
        Ok(())
    }
}

//! `prism checksum`: the digest by which a manifest names a file or a directory.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use prism_agent::files::Source;
use prism_core::digest::{Digest, Hasher};
use serde::Serialize;

use crate::exit::Outcome;
use crate::print::{Printer, Safe, size};

pub(crate) const EXAMPLE: &str = "\
Example
  prism checksum h1.zip train.py
  prism checksum h1/                             a directory: digest of its canonical archive
  prism checksum h1.zip --algorithm sha3-256     as Cocos AI names it

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
        let files = self.paths.iter().map(|path| line(path, self.algorithm)).collect::<Outcome<_>>()?;
        printer.show(&Checksums { files })
    }
}

fn line(path: &Path, algorithm: Algorithm) -> Outcome<Line> {
    let measured = Source::open(path)?.measure(algorithm.hasher(), &mut |_| {})?;
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

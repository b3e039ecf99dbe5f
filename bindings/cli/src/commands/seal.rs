//! `prism seal`: a file or folder that only its recipients can open.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use prism_agent::files::{Source, write_new_private};
use prism_agent::seal::blocking::{self, Watcher};
use prism_agent::seal::{Effort, OpenWith, SealTo, SealedFile};
use prism_core::code::Code;
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::seal::{CobblestoneKey, Context};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::exit::{Failure, Outcome};
use crate::interrupt;
use crate::print::{Printer, Safe, size};
use crate::progress::Progress;
use crate::unlocking::{Codec, identities, new_passphrase, recipients, symmetric_key};

pub(crate) const EXAMPLE: &str = "\
Example
  prism keys identity hospital-1                        hospital-1.identity (keep), hospital-1.recipient (share)
  prism seal h1.zip --to hospital-1.recipient           h1.zip.age
  prism seal h1/ --to age1pq1… --to age1pq1… -o h1.age  a folder: its canonical archive
  prism seal notes.txt --passphrase
  prism seal --rewrap h1.zip.age --identity hospital-1.identity --to partner.recipient -o partner.age
  prism seal h1.zip --codec cobblestone-256 --symmetric-key h1.secret --asset h1

The file is a standard age file: `age --decrypt` opens it, and `age-keygen -pq` makes identities too. \
--rewrap writes a new header before the same payload; whoever could open the old file still can.";

const LEFT: &str = "nothing was written: the same command begins again";

/// The arguments of `prism seal`.
#[derive(Args, Debug)]
#[command(override_usage = "prism seal [OPTIONS] --to <KEY> <PATH>")]
#[command(group = clap::ArgGroup::new("lock").required(true).args(["to", "passphrase", "passphrase_file", "symmetric_key"]))]
pub(crate) struct Seal {
    /// The file or directory to seal; with --rewrap, the sealed file
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Who may open it: a recipient (age1pq1…, age1…) or a file of recipients, one a line
    #[arg(long, value_name = "KEY")]
    to: Vec<String>,
    /// Ask for a passphrase
    #[arg(long, conflicts_with_all = ["to", "passphrase_file"])]
    passphrase: bool,
    /// Take the passphrase from a file that only you can read
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    passphrase_file: Option<PathBuf>,
    /// The format
    #[arg(long, value_enum, default_value = "age")]
    codec: Codec,
    /// The 32 bytes of a Cobblestone-256 key; made if the file does not exist
    #[arg(long, value_name = "FILE", requires = "asset", conflicts_with_all = ["to", "passphrase", "passphrase_file"])]
    symmetric_key: Option<PathBuf>,
    /// Which asset of the manifest a Cobblestone-256 file is
    #[arg(long, value_name = "NAME", requires = "symmetric_key")]
    asset: Option<prism_core::name::Name>,
    /// The file to write [default: PATH.age, or PATH.cobblestone]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Threads that work [default: one for each processor, at most 8]
    #[arg(long, value_name = "N")]
    workers: Option<std::num::NonZeroUsize>,
    /// Wrap a sealed file for other recipients: a new header before the same payload
    #[arg(long, requires_all = ["to", "identity"], conflicts_with_all = ["workers", "asset"])]
    rewrap: bool,
    /// With --rewrap, write the new header only, for a payload that stays where it is
    #[arg(long, requires = "rewrap")]
    header_only: bool,
    /// With --rewrap: an identity or SSH key that opens the file now, readable by you only
    #[arg(long, value_name = "FILE", requires = "rewrap")]
    identity: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Made {
    file: String,
    codec: &'static str,
    /// Of the plaintext, as a manifest names the asset.
    digest: Digest,
    size: u64,
    sealed_digest: Digest,
    sealed_size: u64,
}

#[derive(Serialize)]
struct Rewrapped {
    file: String,
    header_only: bool,
}

impl Seal {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        if (self.codec == Codec::Cobblestone256) != self.symmetric_key.is_some() {
            return Err(Failure::usage(
                "expected --codec cobblestone-256 and --symmetric-key together, found one alone",
            ));
        }
        let out = self.out();
        if out.symlink_metadata().is_ok() {
            return Err(prism_agent::files::FileError::Exists { path: out }.into());
        }
        if self.rewrap { self.rewrap(&out, printer) } else { self.seal(&out, printer) }
    }

    fn out(&self) -> PathBuf {
        self.out.clone().unwrap_or_else(|| {
            // A directory may be typed with a slash at its end.
            let mut name = self.path.components().as_path().as_os_str().to_owned();
            name.push(self.codec.ending());
            name.into()
        })
    }

    fn seal(&self, out: &Path, printer: Printer) -> Outcome {
        let source = Source::open(&self.path)?;
        let to = self.lock()?;
        let mut effort = Effort::default();
        effort.workers = self.workers.unwrap_or(effort.workers);
        let total = source.length();
        let mut progress = Progress::new(printer, "seal");
        progress.begins("read", 0, total.unwrap_or(0));
        let mut tell = |done| match total {
            Some(total) => progress.at("read", done, total.max(done)),
            None => progress.aside("read", done, done),
        };
        let work = |cancel: &CancellationToken| {
            Ok(blocking::seal(&source, &to, out, effort, Watcher { tell: &mut tell, cancel })?)
        };
        let made: SealedFile = interrupt::heeding(work, LEFT, printer)?;
        drop(progress);
        printer.show(&Made {
            file: made.path.display().to_string(),
            codec: self.codec.name(),
            digest: made.plain.digest,
            size: made.plain.size,
            sealed_digest: made.sealed.digest,
            sealed_size: made.sealed.size,
        })
    }

    fn lock(&self) -> Outcome<SealTo> {
        if let (Some(path), Some(asset)) = (&self.symmetric_key, &self.asset) {
            if path.symlink_metadata().is_err() {
                let key = CobblestoneKey::generate(&mut SystemEntropy::default())
                    .map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
                write_new_private(path, key.expose())?;
            }
            return Ok(SealTo::Cobblestone(symmetric_key(path)?, Context::asset(asset)));
        }
        if self.to.is_empty() {
            return Ok(SealTo::Passphrase(new_passphrase(self.passphrase_file.as_deref())?));
        }
        Ok(SealTo::Recipients(recipients(&self.to)?))
    }

    fn rewrap(&self, out: &Path, printer: Printer) -> Outcome {
        let with = OpenWith::Keys(identities(&self.identity)?);
        let recipients = recipients(&self.to)?;
        if self.header_only {
            let header = blocking::rewrap_header(&self.path, &with, &recipients)?;
            prism_agent::files::write_new(out, &header)?;
        } else {
            let total = std::fs::metadata(&self.path).map_or(0, |found| found.len());
            let mut progress = Progress::new(printer, "seal");
            progress.begins("copied", 0, total);
            let mut tell = |done| progress.at("copied", done, total.max(done));
            let work = |cancel: &CancellationToken| {
                Ok(blocking::rewrap(&self.path, &with, &recipients, out, Watcher { tell: &mut tell, cancel })?)
            };
            interrupt::heeding(work, LEFT, printer)?;
        }
        printer.show(&Rewrapped { file: out.display().to_string(), header_only: self.header_only })
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "wrote {} ({}), {}", Safe::new(&self.file), size(self.sealed_size), self.codec)?;
        writeln!(f, "  plaintext  {}  {} bytes", self.digest, self.size)?;
        writeln!(f, "  sealed     {}  {} bytes", self.sealed_digest, self.sealed_size)
    }
}

impl fmt::Display for Rewrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.header_only { " (the new header only)" } else { "" };
        writeln!(f, "wrote {}{what}", Safe::new(&self.file))
    }
}

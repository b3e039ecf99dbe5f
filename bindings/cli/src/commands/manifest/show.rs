//! `prism manifest show`: what would I approve?

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_core::digest::Digest;
use prism_core::manifest::{Difference, Manifest, Terms};
use prism_core::name::Name;
use serde::Serialize;
use serde_json::Value;

use super::terms;
use crate::exit::Outcome;
use crate::print::{Printer, SIMULATED, Safe};

pub(super) const EXAMPLE: &str = "\
Example
  prism manifest show manifest.json
  prism manifest show covid19.prism              with who has approved it
  prism manifest show manifest.json --diff manifest-of-last-month.json";

/// The arguments of `prism manifest show`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// A manifest, an approval of one, or a signed manifest
    #[arg(value_name = "FILE")]
    manifest: PathBuf,
    /// List the fields in which another manifest differs from this one
    #[arg(long, value_name = "OTHER")]
    diff: Option<PathBuf>,
}

#[derive(Serialize)]
struct Shown {
    digest: Digest,
    simulated: bool,
    approved_by: Vec<String>,
    not_approved_by: Vec<String>,
    manifest: Manifest,
    #[serde(skip)]
    words: String,
}

#[derive(Serialize)]
struct Compared {
    digest: Digest,
    other_digest: Digest,
    simulated: bool,
    other_simulated: bool,
    differences: Vec<Difference>,
}

impl Show {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        let found = terms(&self.manifest)?;
        match self.diff {
            None => printer.show(&Shown::of(&found)),
            Some(other) => printer.show(&Compared::of(&found, &terms(&other)?)?),
        }
    }
}

impl Shown {
    fn of(found: &Terms) -> Self {
        let names = |list: Vec<&Name>| list.into_iter().map(Name::to_string).collect();
        Self {
            digest: found.digest(),
            simulated: found.manifest().accepts_simulation(),
            approved_by: names(found.approved_by()),
            not_approved_by: names(found.not_approved_by()),
            manifest: found.manifest().clone(),
            words: found.words().to_string(),
        }
    }
}

impl Compared {
    fn of(found: &Terms, other: &Terms) -> Outcome<Self> {
        Ok(Self {
            digest: found.digest(),
            other_digest: other.digest(),
            simulated: found.manifest().accepts_simulation(),
            other_simulated: other.manifest().accepts_simulation(),
            differences: found.differences(other)?,
        })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}\n")?;
        }
        writeln!(f, "{}", self.words)?;
        if self.not_approved_by.is_empty() {
            return writeln!(f, "Approved by all {} participants.", self.approved_by.len());
        }
        if !self.approved_by.is_empty() {
            writeln!(f, "Approved by {}.", self.approved_by.join(", "))?;
        }
        writeln!(f, "Not approved yet, as far as this file shows, by {}.", self.not_approved_by.join(", "))
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated || self.other_simulated {
            writeln!(f, "{SIMULATED}\n")?;
        }
        if self.digest == self.other_digest {
            return writeln!(f, "the same manifest: {}", self.digest);
        }
        writeln!(f, "- {}\n+ {}", self.digest, self.other_digest)?;
        for difference in &self.differences {
            writeln!(f, "{}", Safe::new(&difference.field))?;
            line(f, '-', &difference.old)?;
            line(f, '+', &difference.new)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, sign: char, value: &Value) -> fmt::Result {
    match value {
        Value::Null => Ok(()),
        Value::String(text) => writeln!(f, "  {sign} {}", Safe::new(text)),
        other => writeln!(f, "  {sign} {}", Safe::new(&other.to_string())),
    }
}

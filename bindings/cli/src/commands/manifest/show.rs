//! `prism manifest show`: what would I approve?

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_core::code::Code;
use prism_core::digest::Digest;
use prism_core::envelope::PayloadType;
use prism_core::manifest::Manifest;
use serde::Serialize;
use serde_json::Value;

use super::Found;
use super::diff::{Difference, differences};
use super::words::Words;
use crate::exit::{Failure, Outcome};
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
        let found = Found::read(&self.manifest)?;
        match self.diff {
            None => printer.show(&shown(found)),
            Some(other) => printer.show(&compared(&found, &Found::read(&other)?)?),
        }
    }
}

fn shown(found: Found) -> Shown {
    let approved = |key| found.envelope.as_ref().is_some_and(|e| e.verify(PayloadType::Manifest, key).is_ok());
    let (approved_by, not_approved_by): (Vec<_>, Vec<_>) =
        found.terms.participants.iter().partition(|participant| approved(&participant.key));
    let names = |list: Vec<&prism_core::manifest::Participant>| list.iter().map(|p| p.name.to_string()).collect();
    Shown {
        digest: found.digest,
        simulated: found.terms.accepts_simulation(),
        approved_by: names(approved_by),
        not_approved_by: names(not_approved_by),
        manifest: found.terms,
    }
}

fn compared(found: &Found, other: &Found) -> Outcome<Compared> {
    let value = |terms: &Manifest| {
        serde_json::to_value(terms).map_err(|e| Failure::new(Code::Internal, format!("expected JSON: {e}")))
    };
    Ok(Compared {
        digest: found.digest,
        other_digest: other.digest,
        simulated: found.terms.accepts_simulation(),
        other_simulated: other.terms.accepts_simulation(),
        differences: differences(&value(&found.terms)?, &value(&other.terms)?),
    })
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}\n")?;
        }
        writeln!(f, "{}", Words { terms: &self.manifest, digest: self.digest })?;
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

//! `prism policy new`: from a genuine machine to a draft.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_attest::{Platform, policy_from, verify};
use prism_core::digest::Digest;
use serde::Serialize;

use super::Target;
use crate::args::StateArg;
use crate::exit::Outcome;
use crate::inputs::{moment, now};
use crate::print::{Printer, SIMULATED, Safe};
use crate::simulator;
use crate::vouching::{EndorsementsArg, RootsArg, read_evidence};

pub(super) const EXAMPLE: &str = "\
Example
  prism policy new --from report.bin --endorsements endorsements.json -o policy.toml
  prism policy new --from report.bin --endorsements vcek.der --at 2026-01-31T12:00:00Z -o policy.toml

The machine has to be genuine at that time. The draft pins what the machine said, permits no weakness \
by itself, and is refused everywhere until a person has written confirmed = true into it.";

/// The arguments of `prism policy new`.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// What the machine signed: a report, a quote or evidence from Azure
    #[arg(long, value_name = "EVIDENCE")]
    from: PathBuf,
    #[command(flatten)]
    endorsements: EndorsementsArg,
    #[command(flatten)]
    roots: RootsArg,
    /// The kind of machine [default: what the evidence looks like]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<Platform>,
    /// When to judge: RFC 3339 or Unix seconds [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<u64>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    state: StateArg,
}

#[derive(Serialize)]
struct Drafted {
    file: String,
    platform: Platform,
    simulated: bool,
    evidence: Digest,
    confirm: Vec<Confirm>,
}

#[derive(Serialize)]
struct Confirm {
    field: String,
    why: String,
}

impl New {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        self.target.require_free()?;
        let evidence = read_evidence(&self.from, self.platform)?;
        let roots = self.roots.add_to(simulator::roots(&self.state, evidence.platform())?)?;
        let endorsements = self.endorsements.read(&evidence)?;
        let claims = verify(&evidence, &endorsements, &roots, self.at.unwrap_or_else(now))?;
        let draft = policy_from(&claims);
        self.target.write(draft.to_toml()?.as_bytes())?;
        let confirm = draft.remarks().iter().map(|(field, why)| Confirm { field: field.clone(), why: why.clone() });
        printer.show(&Drafted {
            file: self.target.out.display().to_string(),
            platform: claims.platform(),
            simulated: claims.platform().is_simulated(),
            evidence: claims.evidence(),
            confirm: confirm.collect(),
        })
    }
}

impl fmt::Display for Drafted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        let file = Safe::new(&self.file);
        writeln!(f, "drafted {file} from {} evidence {}", self.platform, self.evidence)?;
        for Confirm { field, why } in &self.confirm {
            writeln!(f, "  {}: {}", Safe::new(field), Safe::new(why))?;
        }
        writeln!(f, "next: check each of these {} places in {file}, then write confirmed = true", self.confirm.len())
    }
}

//! `prism policy new`: from a genuine machine to a draft.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_attest::endorsements::ENDORSEMENTS_FILE_MAX;
use prism_attest::evidence::EVIDENCE_MAX;
use prism_attest::{Endorsements, Evidence, Platform, policy_from, verify};
use prism_core::digest::Digest;
use serde::Serialize;

use super::Target;
use crate::args::StateArg;
use crate::exit::{Failure, Outcome};
use crate::inputs::{moment, now, read};
use crate::print::{Printer, SIMULATED, Safe};
use crate::simulator;

pub(super) const EXAMPLE: &str = "\
Example
  prism policy new --from report.bin --endorsements endorsements.json -o policy.toml
  prism policy new --from report.bin --endorsements vcek.der --at 2026-01-31T12:00:00Z -o policy.toml

The machine has to be genuine at that time. The draft pins what the machine said, permits no weakness \
by itself, and is refused everywhere until a person has written confirmed = true into it.";

/// The arguments of `prism policy new`.
#[derive(Args, Debug)]
pub(crate) struct New {
    /// What the machine signed: a report or a quote
    #[arg(long, value_name = "EVIDENCE")]
    from: PathBuf,
    /// The vendor's vouching: a file of endorsements, or the certificate (DER) of an AMD machine's key
    #[arg(long, value_name = "FILE")]
    endorsements: PathBuf,
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
        let evidence = self.evidence()?;
        let roots = simulator::roots(&self.state, evidence.platform())?;
        let endorsements = self.vouching()?;
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

    fn evidence(&self) -> Outcome<Evidence> {
        let bytes = read(&self.from, EVIDENCE_MAX as u64)?;
        let unknown = || {
            Failure::usage(format!("{}: expected a report or quote, found other bytes", self.from.display()))
                .hint("name the kind of machine with --platform, for example --platform snp")
        };
        let platform = self.platform.or_else(|| Platform::guess(&bytes)).ok_or_else(unknown)?;
        Ok(Evidence::new(platform, bytes)?)
    }

    fn vouching(&self) -> Outcome<Endorsements> {
        let bytes = read(&self.endorsements, ENDORSEMENTS_FILE_MAX as u64)?;
        Endorsements::read_any(&bytes).map_err(|error| Failure::from(error).at(self.endorsements.display()))
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

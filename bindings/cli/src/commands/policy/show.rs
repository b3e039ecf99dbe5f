//! `prism policy show`: what would it accept?

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_core::manifest::platform::{PolicyDocument, Profile};
use serde::Serialize;

use super::document;
use crate::exit::Outcome;
use crate::machines::{Identities, key_only, profile};
use crate::print::{Printer, SIMULATED};

pub(super) const EXAMPLE: &str = "\
Example
  prism policy show policy.toml
  prism policy show policy.toml --json      the policy as JSON, which Prism reads as well";

/// The arguments of `prism policy show`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// A policy, in TOML or JSON
    #[arg(value_name = "FILE")]
    policy: PathBuf,
}

#[derive(Serialize)]
struct Shown {
    simulated: bool,
    policy: PolicyDocument,
}

impl Show {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        let policy = document(&self.policy)?;
        let simulated = policy.profiles().iter().any(|profile| profile.simulated_root().is_some());
        printer.show(&Shown { simulated, policy })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}\n")?;
        }
        if !self.policy.is_confirmed() {
            writeln!(f, "NOT CONFIRMED: nobody has answered for this policy yet, and nothing accepts it\n")?;
        }
        write!(f, "{}", Words(self.policy.profiles(), self.policy.accepts_key_only()))
    }
}

/// Everything that the profiles compare, and what they do not; whether evidence of a key alone is accepted.
pub(super) struct Words<'a>(pub(super) &'a [Profile], pub(super) bool);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Accepts machines{}", if self.0.len() > 1 { " of any of these kinds" } else { "" })?;
        for machine in self.0 {
            profile(f, machine)?;
            write!(f, "{}", Identities::of(machine))?;
        }
        key_only(f, self.1)
    }
}

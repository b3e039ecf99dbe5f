//! `prism policy show`: what would it accept?

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_core::manifest::platform::{PolicyDocument, Profiles};
use serde::Serialize;

use super::document;
use crate::exit::Outcome;
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
        write!(f, "{}", Profiles::new(self.policy.profiles(), self.policy.accepts_key_only()))
    }
}

//! `prism policy check`: is it whole, and has somebody answered for it?

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_core::manifest::platform::{Identities, PlatformPolicy, Profiles};
use serde::Serialize;

use super::document;
use crate::exit::{Failure, Outcome};
use crate::print::{Printer, SIMULATED};

pub(super) const EXAMPLE: &str = "\
Example
  prism policy check policy.toml

Exit code 0 only for a policy that names every field, knows every word and is confirmed; otherwise 2.";

/// The arguments of `prism policy check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// A policy, in TOML or JSON
    #[arg(value_name = "FILE")]
    policy: PathBuf,
}

#[derive(Serialize)]
struct Checked {
    confirmed: bool,
    simulated: bool,
    accepts: Vec<Accepted>,
    #[serde(skip)]
    policy: PlatformPolicy,
}

#[derive(Serialize)]
struct Accepted {
    platform: &'static str,
    not_compared: Vec<&'static str>,
}

impl Check {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        let policy = document(&self.policy)?.into_policy();
        let policy = policy.map_err(|error| Failure::from(error).at(self.policy.display()))?;
        let accepts = policy.accept.iter().map(|profile| Accepted {
            platform: profile.platform(),
            not_compared: Identities::of(profile).not_compared().to_vec(),
        });
        let (simulated, accepts) = (policy.names_simulated(), accepts.collect());
        printer.show(&Checked { confirmed: true, simulated, accepts, policy })
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}\n")?;
        }
        writeln!(f, "whole and confirmed\n")?;
        write!(f, "{}", Profiles::new(&self.policy.accept, self.policy.accept_key_only))
    }
}

//! `prism simulate`: evidence of pretend machines, whole or with named faults.

mod evidence;
mod mutations;

use clap::Subcommand;

use crate::exit::Outcome;
use crate::print::Printer;

pub(crate) const EXAMPLE: &str = "\
Example
  prism simulate evidence --platform tdx -o good
  prism simulate evidence --platform snp --mutate debug -o bad
  prism simulate mutations                      every fault there is, and where it has to be refused

The pretend vendors' keys are made at first use and stay on this machine. SIMULATED - NOT A TEE.";

/// The commands below `prism simulate`.
#[derive(Debug, Subcommand)]
pub(crate) enum Simulate {
    /// Write evidence, endorsements and a policy that accepts the machine without faults
    #[command(after_help = evidence::EXAMPLE)]
    Evidence(evidence::MakeEvidence),
    /// List the named faults, and the stage at which each has to be refused
    #[command(after_help = mutations::EXAMPLE)]
    Mutations(mutations::ListMutations),
}

impl Simulate {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        match self {
            Self::Evidence(evidence) => evidence.run(printer),
            Self::Mutations(mutations) => mutations.run(printer),
        }
    }
}

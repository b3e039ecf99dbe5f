//! `prism agent` and `prism simulator`.

use clap::{Args, Subcommand};

use crate::args::StateArg;
use crate::exit::Outcome;
use crate::print::Printer;

pub(crate) const SIMULATOR_EXAMPLE: &str = "\
Example
  prism simulator root";

/// The commands below `prism simulator`.
#[derive(Debug, Subcommand)]
pub(crate) enum Simulator {
    /// Print the digest of the pretend vendor's root, which manifests name; the root is made at first use
    #[command(after_help = SIMULATOR_EXAMPLE)]
    Root(Root),
}

/// The arguments of `prism simulator root`.
#[derive(Args, Debug)]
pub(crate) struct Root {
    #[command(flatten)]
    state: StateArg,
}

impl Simulator {
    pub(crate) fn run(self, _printer: Printer) -> Outcome {
        let Self::Root(_root) = self;
        Ok(())
    }
}

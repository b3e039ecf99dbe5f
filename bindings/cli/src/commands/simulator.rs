//! `prism simulator`: the pretend vendor of confidential machines.

use std::fmt;

use clap::{Args, Subcommand};
use prism_core::digest::Digest;
use serde::Serialize;

use crate::args::StateArg;
use crate::exit::Outcome;
use crate::print::{Printer, SIMULATED};
use crate::simulator;

pub(crate) const EXAMPLE: &str = "\
Example
  prism simulator root

On the machine that will run the agent; whoever writes the manifest elsewhere puts the digest into \
[platform] as simulated = \"sha256:…\".";

/// The commands below `prism simulator`.
#[derive(Debug, Subcommand)]
pub(crate) enum Simulator {
    /// Print the digest of the pretend vendor's root, made at first use
    #[command(after_help = EXAMPLE)]
    Root(Root),
}

/// The arguments of `prism simulator root`.
#[derive(Args, Debug)]
pub(crate) struct Root {
    /// The root of the pretend Intel instead of the pretend AMD
    #[arg(long)]
    tdx: bool,
    #[command(flatten)]
    state: StateArg,
}

#[derive(Serialize)]
struct Shown {
    root: Digest,
    simulated: bool,
}

impl Simulator {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let Self::Root(root) = self;
        let root = if root.tdx { simulator::tdx_root(&root.state)? } else { simulator::root(&root.state)? };
        printer.show(&Shown { root, simulated: true })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{SIMULATED}")?;
        writeln!(f, "{}", self.root)
    }
}

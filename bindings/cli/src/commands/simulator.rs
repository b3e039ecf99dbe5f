//! `prism simulator`: the pretend vendors of confidential machines.

use std::fmt;

use clap::{Args, Subcommand, ValueEnum};
use prism_attest::Platform;
use prism_core::digest::Digest;
use serde::Serialize;

use crate::args::StateArg;
use crate::exit::Outcome;
use crate::print::{Printer, SIMULATED};
use crate::simulator;

pub(crate) const EXAMPLE: &str = "\
Example
  prism simulator root
  prism simulator root --platform tdx

On the machine that will run the agent; whoever writes the manifest elsewhere puts the digest into \
[platform] as simulated = \"sha256:…\" (or simulated-tdx).";

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
    /// Which machines are pretended
    #[arg(long, value_enum, default_value = "snp")]
    platform: Pretended,
    #[command(flatten)]
    state: StateArg,
}

/// The kinds of machine that are pretended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pretended {
    /// AMD SEV-SNP
    Snp,
    /// Intel TDX
    Tdx,
}

impl Pretended {
    /// What such evidence calls itself.
    pub(crate) const fn platform(self) -> Platform {
        match self {
            Self::Snp => Platform::Simulated,
            Self::Tdx => Platform::SimulatedTdx,
        }
    }
}

#[derive(Serialize)]
struct Shown {
    root: Digest,
    simulated: bool,
}

impl Simulator {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let Self::Root(root) = self;
        let root = simulator::root(&root.state, root.platform.platform())?;
        printer.show(&Shown { root, simulated: true })
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{SIMULATED}")?;
        writeln!(f, "{}", self.root)
    }
}

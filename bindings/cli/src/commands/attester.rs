//! `prism attester`: where this machine's evidence can come from.

use std::fmt;

use clap::{Args, Subcommand};
use prism_agent::attester::{ProbeLine, ProbePaths, probe};
use prism_core::code::Code;
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::print::{Printer, Safe};

pub(crate) const EXAMPLE: &str = "\
Example
  prism attester probe

Run it as the user that the agent will run as, mostly root. Nothing is signed. The exit code is 0 when \
any way to evidence is there, else 5.";

/// The commands below `prism attester`.
#[derive(Debug, Subcommand)]
pub(crate) enum AttesterCommand {
    /// Say which ways to evidence this machine has, and why not the others
    #[command(after_help = EXAMPLE)]
    Probe(Probe),
}

/// The arguments of `prism attester probe`.
#[derive(Args, Debug)]
pub(crate) struct Probe {}

#[derive(Serialize)]
struct Report {
    interfaces: Vec<ProbeLine>,
}

impl AttesterCommand {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let Self::Probe(Probe {}) = self;
        let interfaces = probe(&ProbePaths::default());
        let any = interfaces.iter().any(|line| line.available);
        printer.show(&Report { interfaces })?;
        if any {
            return Ok(());
        }
        let message = "expected a way to evidence on this machine, found none";
        let hint = "run the agent in a confidential VM, or try things out with --platform simulated";
        Err(Failure::new(Code::FileMissing, message).hint(hint))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.interfaces {
            let word = if line.available { "yes" } else { "no " };
            writeln!(f, "{word}  {:10}  {}", line.name.name(), Safe::new(&line.reason))?;
            if let Some(platform) = line.platform {
                writeln!(f, "                 --platform {platform}")?;
            }
            if !line.advice.is_empty() {
                writeln!(f, "                 {}", Safe::new(&line.advice))?;
            }
        }
        Ok(())
    }
}

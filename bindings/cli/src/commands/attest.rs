//! `prism attest`: is this machine real, and is it the one we agreed on?

use std::fmt;

use clap::Args;
use prism_agent::client::AttestError;
use prism_attest::Verdict;
use serde::Serialize;

use crate::exit::Outcome;
use crate::interrupt;
use crate::print::{Printer, SIMULATED, Safe};
use crate::session::AgentArgs;

pub(crate) const EXAMPLE: &str = "\
Example
  prism attest --agent 127.0.0.1:6110 --manifest covid19.prism
  PRISM_AGENT_URL=127.0.0.1:6110 PRISM_MANIFEST=covid19.prism prism attest --json

Sends nothing but a nonce. Lists every condition that was looked at; exit code 0 only when all hold, \
otherwise 4. Every other command attests by itself before it sends anything.";

/// The arguments of `prism attest`.
#[derive(Args, Debug)]
pub(crate) struct Attest {
    #[command(flatten)]
    agent: AgentArgs,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
}

impl Attest {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let signed = self.agent.terms()?;
        let attested = interrupt::run(self.agent.attest(&signed), "nothing was sent; run the command again")?;
        match attested {
            Ok(channel) => printer.show(&Shown { verdict: channel.verdict() }),
            Err(AttestError::Refused(refusal)) => {
                printer.show(&Shown { verdict: refusal.verdict() })?;
                Err(refusal.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdict.is_simulated() {
            writeln!(f, "{SIMULATED}")?;
        }
        write!(f, "{}", Safe::lines(&self.verdict.to_string()))
    }
}

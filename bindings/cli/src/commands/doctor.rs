//! `prism doctor`: each step on the way to an agent, one line each.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use prism_agent::client::AttestedChannel;
use prism_agent::precautions;
use prism_core::code::Code;
use prism_core::manifest::{Role, SignedManifest};
use serde::Serialize;

use crate::args::{StateArg, signed_manifest};
use crate::exit::{Failure, Outcome};
use crate::inputs::{now, signing_key};
use crate::interrupt;
use crate::print::{Printer, SIMULATED, Safe, moment};
use crate::session::{address, connect};

pub(crate) const EXAMPLE: &str = "\
Example
  prism doctor --agent 127.0.0.1:6110 --manifest covid19.prism --key hospital-1.key

Checks whatever is given, and sends nothing but a nonce. The exit code is that of the first step that \
fails.";

/// The arguments of `prism doctor`.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// The agent's address
    #[arg(long, value_name = "HOST:PORT", env = "PRISM_AGENT_URL", hide_env_values = true, value_parser = address)]
    agent: Option<String>,
    /// The signed manifest
    #[arg(long, value_name = "FILE", env = "PRISM_MANIFEST", hide_env_values = true)]
    manifest: Option<PathBuf>,
    /// Your private key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    state: StateArg,
}

/// What was looked at so far.
#[derive(Default)]
struct Rounds {
    steps: Vec<Step>,
    first: Option<Failure>,
}

#[derive(Serialize)]
struct Step {
    name: &'static str,
    ok: bool,
    text: String,
    hint: String,
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    simulated: bool,
    steps: Vec<Step>,
}

impl Rounds {
    /// Notes a step and hands its value on.
    fn note<T>(&mut self, name: &'static str, outcome: Outcome<(T, String)>) -> Option<T> {
        match outcome {
            Ok((value, text)) => {
                self.steps.push(Step { name, ok: true, text, hint: String::new() });
                Some(value)
            }
            Err(failure) => {
                let (text, hint) = (failure.message().to_owned(), failure.advice().to_owned());
                self.steps.push(Step { name, ok: false, text, hint });
                self.first.get_or_insert(failure);
                None
            }
        }
    }
}

impl Doctor {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let mut rounds = Rounds::default();
        rounds.note("memory", Ok(((), precautions::take().to_string())));
        rounds.note("state", self.state.directory().map(|path| ((), path.display().to_string())));
        let signed = self.manifest.as_deref().and_then(|path| rounds.note("manifest", manifest(path)));
        if let Some(path) = &self.key {
            rounds.note("key", key(path, signed.as_ref()));
        }
        let mut simulated = signed.as_ref().is_some_and(|signed| signed.manifest().accepts_simulation());
        if let (Some(agent), Some(signed)) = (&self.agent, &signed) {
            let channel = interrupt::run(reach(agent, signed, &self.state), "nothing was sent");
            simulated |= rounds.note("agent", channel).is_some_and(|channel| channel.trust().is_simulated());
        }
        printer.show(&Report { version: env!("CARGO_PKG_VERSION"), simulated, steps: rounds.steps })?;
        rounds.first.map_or(Ok(()), Err)
    }
}

fn manifest(path: &Path) -> Outcome<(SignedManifest, String)> {
    let signed = signed_manifest(path)?;
    let terms = signed.manifest();
    terms.require_current(now())?;
    let text = format!("{} approved by all, valid until {}", signed.digest(), moment(terms.not_after));
    Ok((signed, text))
}

fn key(path: &Path, signed: Option<&SignedManifest>) -> Outcome<((), String)> {
    let key = signing_key(path)?;
    let terms = signed.map(SignedManifest::manifest);
    let named = terms.and_then(|terms| Some((terms, terms.participant_with_key(key.public())?)));
    let text = match named {
        Some((terms, participant)) => {
            let roles: Vec<_> = terms.roles(participant.name.as_str()).into_iter().map(Role::name).collect();
            format!("{}: {}", participant.name, roles.join(", "))
        }
        None if terms.is_some() => {
            let message = format!("expected the key of a participant, found {}", key.public().fingerprint());
            return Err(Failure::new(Code::KeyUnknown, message));
        }
        None => key.public().fingerprint().to_string(),
    };
    Ok(((), text))
}

async fn reach(agent: &str, signed: &SignedManifest, state: &StateArg) -> Outcome<(AttestedChannel, String)> {
    let channel = connect(agent, signed, state).await?.attest(now()).await?;
    let text = format!("{agent} is trusted: {} conditions met", channel.verdict().findings().len());
    Ok((channel, text))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        writeln!(f, "ok    version   prism {}", self.version)?;
        for Step { name, ok, text, hint } in &self.steps {
            let word = if *ok { "ok  " } else { "FAIL" };
            writeln!(f, "{word}  {name:8}  {}", Safe::new(text))?;
            if !ok {
                writeln!(f, "                {}", Safe::new(hint))?;
            }
        }
        Ok(())
    }
}

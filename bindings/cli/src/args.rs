//! What can be typed. Each command's own arguments stand beside the command.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use prism_agent::state::{default_directory, make_directory};
use prism_core::manifest::SignedManifest;

#[cfg(feature = "pull")]
use crate::commands::release;
use crate::commands::{
    agent, attest, attestation, attester, audit, checksum, completions, doctor, endorsements, explain, grant, keys,
    manifest, measure, metrics, open, policy, requirements, result, seal, status, transcript, upload, watch,
};
#[cfg(feature = "simulator")]
use crate::commands::{simulate, simulator};
use crate::exit::{Failure, Outcome};
use crate::inputs::{DOCUMENT_MAX, read};

const ABOUT: &str = "Train together, show nobody: confidential collaborative computing\n\n\
Several organisations agree on a manifest: who brings which data, which program runs on it, and who receives the \
result. A confidential machine keeps them to it, and anyone can check afterwards that it did.";

const AFTER: &str = "\
Example: hospitals train one model
  prism keys new hospital-1                           each participant; share only hospital-1.pub
  prism manifest new covid19.toml -o manifest.json    the owner
  prism manifest approve manifest.json --key hospital-1.key              each participant
  prism manifest assemble manifest.json *.approval -o covid19.prism
  prism agent serve --manifest covid19.prism --listen 127.0.0.1:6110 \
--platform simulated --state DIR
  export PRISM_AGENT_URL=127.0.0.1:6110 PRISM_MANIFEST=covid19.prism
  prism attest
  prism algo train.py --key lab.key
  prism data h1.zip --key hospital-1.key
  prism watch --key hospital-1.key --until delivering
  prism result --key institute.key -o results.zip
  prism transcript -o run.transcript --key hospital-1.key
  prism audit run.transcript

Exit codes
    0  done
    1  a fault of Prism or of this machine
    2  wrong usage, or a file that is not what its place asks for
    3  refused: the manifest's terms or the other side say no
    4  not trusted: evidence, a signature, a log or a transcript did not hold
    5  not found
    6  unavailable: not reachable, busy or not ready yet; trying again may help
    7  the algorithm failed or was stopped
  130  interrupted (Ctrl-C)

Environment
  PRISM_AGENT_URL, PRISM_MANIFEST   instead of --agent and --manifest
  PRISM_STATE                       what this machine remembers [default: ~/.local/state/prism]
  PRISM_LOG                         diagnostics of an agent: error, warn, info, debug or trace
  NO_COLOR                          no colour

Results go to stdout, progress and errors to stderr. With --json a result is one JSON object on \
stdout (one for each line where there are several), and an error is \
{\"error\":{\"code\",\"message\",\"hint\"}} on stderr. `prism explain CODE` says more about an error.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "prism", version, about = "Train together, show nobody", long_about = ABOUT, after_help = AFTER)]
#[command(max_term_width = 110, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Print results and errors as JSON
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,

    /// Print results and errors only
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) quiet: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order of a day.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make and show signing keys
    #[command(subcommand, after_help = keys::EXAMPLE)]
    Keys(keys::Keys),
    /// Print the digest of a file or a directory, as manifests name it
    #[command(after_help = checksum::EXAMPLE)]
    Checksum(checksum::Checksum),
    /// Write, show, approve and assemble the terms of a computation
    #[command(subcommand, after_help = manifest::EXAMPLE)]
    Manifest(manifest::Manifest),
    /// Pin the packages that a program needs, and fetch their wheels
    #[command(subcommand, after_help = requirements::EXAMPLE)]
    Requirements(requirements::Requirements),
    /// Draft, check and show policies: which confidential machines are accepted
    #[command(subcommand, after_help = policy::EXAMPLE)]
    Policy(policy::Policy),
    /// Fetch, check and show what vendors vouch for
    #[command(subcommand, after_help = endorsements::EXAMPLE)]
    Endorsements(endorsements::EndorsementsCommand),
    /// Compute what a machine's measurements have to be, for a policy
    #[command(subcommand, after_help = measure::EXAMPLE)]
    Measure(measure::Measure),
    /// Print the root of this machine's simulator, a pretend vendor of confidential machines
    #[cfg(feature = "simulator")]
    #[command(subcommand, after_help = simulator::EXAMPLE)]
    Simulator(simulator::Simulator),
    /// Make evidence of pretend machines, with named faults, to see a policy refuse what it should
    #[cfg(feature = "simulator")]
    #[command(subcommand, after_help = simulate::EXAMPLE)]
    Simulate(simulate::Simulate),
    /// Run an agent: the room where the computation happens
    #[command(subcommand, after_help = agent::EXAMPLE)]
    Agent(agent::AgentCommand),
    /// Look which ways to evidence this machine has
    #[command(subcommand, after_help = attester::EXAMPLE)]
    Attester(attester::AttesterCommand),
    /// Ask an agent what it is, and judge the answer
    #[command(after_help = attest::EXAMPLE)]
    Attest(attest::Attest),
    /// Judge evidence that lies in a file, offline
    #[command(subcommand, after_help = attestation::EXAMPLE)]
    Attestation(attestation::Attestation),
    /// Send the algorithm and its requirements
    #[command(after_help = upload::ALGO_EXAMPLE)]
    Algo(upload::Algo),
    /// Send a dataset
    #[command(after_help = upload::DATA_EXAMPLE)]
    Data(upload::Data),
    /// Release the key of a dataset that lies sealed in a store, to the attested agent only
    #[cfg(feature = "pull")]
    #[command(after_help = release::EXAMPLE)]
    Release(release::Release),
    /// Write what a provider leaves at a key broker, for a dataset that lies sealed in a store
    #[command(after_help = grant::EXAMPLE)]
    Grant(grant::Grant),
    /// Follow the audit log live, with the state after every entry
    #[command(after_help = watch::EXAMPLE)]
    Watch(watch::Watch),
    /// Follow what the program prints, if the manifest lets you
    #[command(after_help = watch::LOGS_EXAMPLE)]
    Logs(watch::Logs),
    /// Follow the figures that the program prints, if the manifest lets you
    #[command(after_help = metrics::EXAMPLE)]
    Metrics(metrics::ShowMetrics),
    /// Say how things stand
    #[command(after_help = status::EXAMPLE)]
    Status(status::ShowStatus),
    /// Stop the computation for good
    #[command(after_help = status::STOP_EXAMPLE)]
    Stop(status::Stop),
    /// Take the result, exactly once
    #[command(after_help = result::EXAMPLE)]
    Result(result::TakeResult),
    /// Fetch everything that a stranger needs to judge the computation
    #[command(after_help = transcript::EXAMPLE)]
    Transcript(transcript::Transcript),
    /// Replay a transcript offline: did everything happen as agreed?
    #[command(after_help = audit::EXAMPLE)]
    Audit(audit::Audit),
    /// Seal a file or a directory, so that only its recipients can open it
    #[command(after_help = seal::EXAMPLE)]
    Seal(seal::Seal),
    /// Open a sealed file
    #[command(after_help = open::EXAMPLE)]
    Open(open::Open),
    /// Look for what stands between this machine and an agent
    #[command(after_help = doctor::EXAMPLE)]
    Doctor(doctor::Doctor),
    /// Say what an error code means and what to do about it
    #[command(after_help = explain::EXAMPLE)]
    Explain(explain::Explain),
    /// Print a completion script for a shell
    #[command(after_help = completions::EXAMPLE)]
    Completions(completions::Completions),
}

/// Where clients and simulators keep what they must remember on this machine.
#[derive(Args, Debug)]
pub(crate) struct StateArg {
    /// Directory of what this machine remembers [default: prism in the user's state directory]
    #[arg(long, value_name = "DIR", env = "PRISM_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
}

impl StateArg {
    /// The directory, made if it does not exist, readable by its owner only.
    pub(crate) fn directory(&self) -> Outcome<PathBuf> {
        let directory = self.state.clone().map_or_else(default_state, Ok)?;
        make_directory(&directory)?;
        Ok(directory)
    }
}

/// Where things are remembered unless `--state` says otherwise.
pub(crate) fn default_state() -> Outcome<PathBuf> {
    default_directory().map_err(|error| Failure::from(error).hint("pass --state DIR or set PRISM_STATE"))
}

/// The terms that everybody approved.
#[derive(Args, Debug)]
pub(crate) struct ManifestArg {
    /// The signed manifest
    #[arg(long, value_name = "FILE", env = "PRISM_MANIFEST", hide_env_values = true)]
    manifest: PathBuf,
}

impl ManifestArg {
    /// Reads the manifest and verifies every approval.
    pub(crate) fn read(&self) -> Outcome<SignedManifest> {
        signed_manifest(&self.manifest)
    }
}

/// Reads a signed manifest and verifies every approval.
pub(crate) fn signed_manifest(path: &Path) -> Outcome<SignedManifest> {
    let bytes = read(path, DOCUMENT_MAX)?;
    SignedManifest::read(&bytes).map_err(|error| Failure::from(error).at(path.display()))
}

//! One module for each command.

pub(crate) mod agent;
pub(crate) mod attest;
pub(crate) mod attestation;
pub(crate) mod attester;
pub(crate) mod audit;
pub(crate) mod checksum;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod endorsements;
pub(crate) mod explain;
pub(crate) mod grant;
pub(crate) mod keys;
pub(crate) mod manifest;
pub(crate) mod measure;
pub(crate) mod metrics;
pub(crate) mod open;
pub(crate) mod policy;
#[cfg(feature = "pull")]
pub(crate) mod release;
pub(crate) mod requirements;
pub(crate) mod result;
pub(crate) mod seal;
#[cfg(feature = "simulator")]
pub(crate) mod simulate;
#[cfg(feature = "simulator")]
pub(crate) mod simulator;
pub(crate) mod status;
pub(crate) mod transcript;
pub(crate) mod upload;
pub(crate) mod watch;

use crate::args::Command;
use crate::exit::Outcome;
use crate::print::Printer;

/// Does what was typed.
pub(crate) fn run(command: Command, printer: Printer) -> Outcome {
    match command {
        Command::Keys(keys) => keys.run(printer),
        Command::Checksum(checksum) => checksum.run(printer),
        Command::Manifest(manifest) => manifest.run(printer),
        Command::Endorsements(endorsements) => endorsements.run(printer),
        Command::Requirements(requirements) => requirements.run(printer),
        Command::Policy(policy) => policy.run(printer),
        Command::Measure(measure) => measure.run(printer),
        #[cfg(feature = "simulator")]
        Command::Simulator(simulator) => simulator.run(printer),
        #[cfg(feature = "simulator")]
        Command::Simulate(simulate) => simulate.run(printer),
        Command::Agent(agent) => agent.run(printer),
        Command::Attester(attester) => attester.run(printer),
        Command::Attest(attest) => attest.run(printer),
        Command::Attestation(attestation) => attestation.run(printer),
        Command::Algo(algo) => algo.run(printer),
        Command::Data(data) => data.run(printer),
        Command::Grant(grant) => grant.run(printer),
        #[cfg(feature = "pull")]
        Command::Release(release) => release.run(printer),
        Command::Watch(watch) => watch.run(printer),
        Command::Logs(logs) => logs.run(printer),
        Command::Metrics(metrics) => metrics.run(printer),
        Command::Status(status) => status.run(printer),
        Command::Stop(stop) => stop.run(printer),
        Command::Result(result) => result.run(printer),
        Command::Transcript(transcript) => transcript.run(printer),
        Command::Audit(audit) => audit.run(printer),
        Command::Seal(seal) => seal.run(printer),
        Command::Open(open) => open.run(printer),
        Command::Doctor(doctor) => doctor.run(printer),
        Command::Explain(explain) => explain.run(printer),
        Command::Completions(completions) => completions.run(),
    }
}

//! `prism agent serve`: the room where it happens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
#[cfg(feature = "simulator")]
use prism_agent::drafting::{simulator_file, tdx_simulator_file};
use prism_agent::precautions;
use prism_agent::runner::KeepEnvironments;
use prism_agent::server::{Agent, AgentConfig, PlatformChoice};
use prism_core::audit::entry::LostBoot;
use prism_core::digest::Digest;
use prism_core::hexadecimal::HexBytes;
use prism_core::lifecycle::Phase;
use prism_core::manifest::SignedManifest;
use serde::Serialize;

use crate::args::ManifestArg;
#[cfg(feature = "simulator")]
use crate::args::default_state;
use crate::exit::{Failure, Outcome};
use crate::interrupt::{asked_to_stop, on_runtime};
#[cfg(feature = "pull")]
use crate::packages::IndexArgs;
use crate::print::{Printer, SIMULATED, Safe};
#[cfg(feature = "pull")]
use crate::stores::PullArgs;

pub(crate) const EXAMPLE: &str = "\
Example
  prism agent serve --manifest covid19.prism --listen 127.0.0.1:6110 --platform simulated --state DIR";

const SERVE_EXAMPLE: &str = "\
Example
  prism agent serve --manifest covid19.prism --listen 0.0.0.0:6110 --platform snp --state /var/lib/prism
  prism agent serve --manifest covid19.prism --listen 0.0.0.0:6110 --platform tdx --state /var/lib/prism \
--endorsements tdx.json
  prism agent serve --manifest covid19.prism --listen 127.0.0.1:6110 --platform simulated --state DIR

`prism attester probe` says which platform this machine is. \
Serves one computation and goes on answering questions about its log until Ctrl-C or SIGTERM, which \
stop the run, close the log and end the agent in order. What a boot holds in memory (keys, results) \
dies with it: a new boot says what an earlier one lost. The simulator's keys are this user's: see \
`prism simulator root`. PRISM_LOG=info prints diagnostics on stderr.

Datasets that lie in stores are fetched from the hosts of --pull-allow only, over https. What opens an \
S3-compatible store is taken from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and \
AWS_REGION; without a key, the store is asked without a signature.

Packages of a lock that comes without wheels are fetched by the agent itself from --index and the hosts of \
--index-allow, over https, each compared with the lock's SHA-256. Many indexes keep their files on another host: \
--index https://HOST/simple --index-allow FILES.HOST. No sandbox ever has a network.";

/// The commands below `prism agent`.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Start an agent for one signed manifest
    #[command(after_help = SERVE_EXAMPLE)]
    Serve(Serve),
}

/// The arguments of `prism agent serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    manifest: ManifestArg,
    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:6110")]
    listen: SocketAddr,
    /// What signs the evidence
    #[arg(long, value_enum)]
    platform: Platform,
    /// The agent's own directory; one agent at a time
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// The vendor's endorsements; only SEV-SNP outside of Azure may do without, where the host hands them out
    #[arg(long, value_name = "FILE")]
    endorsements: Option<PathBuf>,
    /// The virtual machine privilege level of SEV-SNP to ask reports for [default: 0]
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u8).range(0..=3))]
    vmpl: Option<u8>,
    /// What executes Python programs [default: python3 on the PATH]
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// What executes WebAssembly programs [default: prism-wasm, beside prism]
    #[arg(long, value_name = "FILE")]
    wasm_host: Option<PathBuf>,
    /// Most bytes of disk that packages may take while they are fetched and installed [default: 16 GiB]
    #[arg(long, value_name = "BYTES")]
    install_bytes: Option<u64>,
    /// Keep environments with installed packages in this directory for later computations on this boot of the machine
    #[arg(long, value_name = "DIR")]
    keep_environments: Option<PathBuf>,
    /// How many GiB they may take together; those not used for longest make way
    #[arg(long, value_name = "GIB", default_value_t = 64, requires = "keep_environments")]
    keep_gib: u32,
    #[cfg(feature = "pull")]
    #[command(flatten)]
    pull: PullArgs,
    #[cfg(feature = "pull")]
    #[command(flatten)]
    packages: IndexArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Platform {
    /// A pretend machine: no hardware protects the data
    #[cfg(feature = "simulator")]
    Simulated,
    /// A pretend TDX machine: no hardware protects the data
    #[cfg(feature = "simulator")]
    SimulatedTdx,
    /// AMD SEV-SNP
    Snp,
    /// Intel TDX
    Tdx,
    /// AMD SEV-SNP in Azure
    AzureSnp,
    /// Intel TDX in Azure
    AzureTdx,
    /// Whatever hardware this machine has; never the simulator
    Auto,
}

/// What the agent says, one line each in JSON.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Ready(Ready),
    State { state: &'static str },
    Stopped { state: &'static str },
}

#[derive(Serialize)]
struct Ready {
    listening: SocketAddr,
    boot: String,
    platform: String,
    simulated: bool,
    log_key: String,
    computation: String,
    manifest: Digest,
    lost: Vec<LostBoot>,
}

impl AgentCommand {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let Self::Serve(serve) = self;
        let signed = serve.manifest.read()?;
        let platform = platform(serve.platform, serve.endorsements, serve.vmpl)?;
        let mut config = AgentConfig::new(serve.listen, serve.state, platform);
        config.runner.python = serve.python;
        config.runner.wasm_host = serve.wasm_host;
        config.runner.install_bytes = serve.install_bytes;
        config.runner.keep_environments = serve.keep_environments.map(|directory| {
            let mut keep = KeepEnvironments::new(directory);
            keep.most_bytes = u64::from(serve.keep_gib) << 30;
            keep
        });
        #[cfg(feature = "pull")]
        let mut config = config.fetching(serve.pull.config()?);
        #[cfg(feature = "pull")]
        {
            config.runner.index = serve.packages.index()?;
        }
        diagnostics();
        precautions::take_all().log();
        on_runtime(run(config, signed, printer))
    }
}

fn platform(platform: Platform, endorsements: Option<PathBuf>, vmpl: Option<u8>) -> Outcome<PlatformChoice> {
    if vmpl.is_some() && !matches!(platform, Platform::Snp) {
        let message = "expected --vmpl with --platform snp, found it with another platform";
        return Err(Failure::usage(message).hint("leave out --vmpl"));
    }
    let required = || {
        endorsements.clone().ok_or_else(|| {
            Failure::usage(
                "expected --endorsements FILE, found none; this machine is not handed the vendor's endorsements",
            )
            .hint("fetch them on any machine with a network, and give the file")
        })
    };
    Ok(match platform {
        Platform::Snp => PlatformChoice::Snp { endorsements, vmpl },
        Platform::Tdx => PlatformChoice::Tdx { endorsements: required()? },
        Platform::AzureSnp => PlatformChoice::AzureSnp { endorsements: required()? },
        Platform::AzureTdx => PlatformChoice::AzureTdx { endorsements: required()? },
        Platform::Auto => PlatformChoice::Auto { endorsements },
        #[cfg(feature = "simulator")]
        Platform::Simulated => PlatformChoice::Simulated { vendor: simulator_file(&default_state()?) },
        #[cfg(feature = "simulator")]
        Platform::SimulatedTdx => PlatformChoice::SimulatedTdx { vendor: tdx_simulator_file(&default_state()?) },
    })
}

async fn run(config: AgentConfig, signed: SignedManifest, printer: Printer) -> Outcome {
    let stop = asked_to_stop()?;
    tokio::pin!(stop);
    let (computation, manifest) = (signed.manifest().id.to_string(), signed.digest());
    let agent = Agent::start(config, signed).await?;
    // Whoever reads this output may go away; the agent stays.
    let say = |event: &Event| drop(printer.show(event));
    say(&Event::Ready(ready(&agent, computation, manifest)));
    let mut phase = agent.phase();
    say(&Event::State { state: phase.name() });
    loop {
        tokio::select! {
            next = agent.phase_after(phase) => {
                phase = next;
                say(&Event::State { state: phase.name() });
            }
            () = &mut stop => break,
        }
    }
    let again = asked_to_stop()?;
    tokio::select! {
        () = agent.shutdown() => say(&Event::Stopped { state: Phase::Closed.name() }),
        () = again => return Err(Failure::interrupted("the log may not be closed: the next boot says what was lost")),
    }
    Ok(())
}

fn ready(agent: &Agent, computation: String, manifest: Digest) -> Ready {
    Ready {
        listening: agent.local_addr(),
        boot: HexBytes::new(*agent.boot_id()).to_string(),
        platform: agent.platform().to_string(),
        simulated: agent.platform().is_simulated(),
        log_key: agent.log_key().to_string(),
        computation,
        manifest,
        lost: agent.lost().to_vec(),
    }
}

/// The agent's own diagnostics go to stderr: warnings, or what `PRISM_LOG` asks for.
fn diagnostics() {
    let asked = std::env::var("PRISM_LOG").ok().and_then(|level| level.parse().ok());
    let level: tracing::Level = asked.unwrap_or(tracing::Level::WARN);
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(ready) => ready.fmt(f),
            Self::State { state } => write!(f, "state: {state}"),
            Self::Stopped { .. } => write!(f, "the agent has ended; what it held in memory is gone"),
        }
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        writeln!(f, "listening on {}", self.listening)?;
        writeln!(f, "  computation   {}", self.computation)?;
        writeln!(f, "  manifest      {}", self.manifest)?;
        writeln!(f, "  boot          {}", self.boot)?;
        writeln!(f, "  platform      {}", self.platform)?;
        writeln!(f, "  log key       {}", self.log_key)?;
        for LostBoot { boot, entries } in &self.lost {
            let boot = Safe::new(boot);
            writeln!(f, "LOST: boot {boot} ended without closing its log after {entries} entries.")?;
            writeln!(f, "      Its uploads, run and results are gone: every provider has to send again.")?;
        }
        Ok(())
    }
}

//! `prism status` and `prism stop`.

use std::fmt;

use clap::Args;
use prism_agent::client::{AssetStatus, ResultStatus, Status};
use serde::Serialize;

use crate::exit::Outcome;
use crate::interrupt;
use crate::print::{Printer, SIMULATED, Safe, size};
use crate::session::ParticipantArgs;

pub(crate) const EXAMPLE: &str = "\
Example
  prism status --key hospital-1.key

What the agent says about the present state, without proof; `prism watch` shows what its log proves.";

pub(crate) const STOP_EXAMPLE: &str = "\
Example
  prism stop --key lab.key

For good: the run is killed, its data and results are destroyed, the log is closed. The owner and every \
provider may stop.";

/// The arguments of `prism status`.
#[derive(Args, Debug)]
pub(crate) struct ShowStatus {
    #[command(flatten)]
    participant: ParticipantArgs,
}

/// The arguments of `prism stop`.
#[derive(Args, Debug)]
pub(crate) struct Stop {
    #[command(flatten)]
    participant: ParticipantArgs,
}

#[derive(Serialize)]
struct Shown {
    simulated: bool,
    state: String,
    boot: String,
    platform: String,
    log_size: u64,
    assets: Vec<Asset>,
    results: Vec<Sealed>,
}

#[derive(Serialize)]
struct Asset {
    name: String,
    provider: String,
    accepted: bool,
    durable: u64,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull: Option<Pull>,
}

#[derive(Serialize)]
struct Pull {
    stage: String,
    received: u64,
    of: u64,
    failures: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    code: String,
}

#[derive(Serialize)]
struct Sealed {
    consumer: String,
    digest: String,
    size: u64,
    released: bool,
    acknowledged: bool,
}

#[derive(Serialize)]
struct Stopped {
    simulated: bool,
    log_index: u64,
}

impl ShowStatus {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                let status = session.status().await?;
                let provider = |name: &str| session.manifest().manifest().asset(name).map(|a| a.provider.to_string());
                printer.show(&shown(status, session.trust().is_simulated(), provider))
            },
            "nothing was changed",
        )
    }
}

impl Stop {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                let receipt = session.stop().await?;
                let log_index = receipt.proof().index();
                printer.show(&Stopped { simulated: session.trust().is_simulated(), log_index })
            },
            "`prism status` shows whether the computation was stopped",
        )
    }
}

fn shown(status: Status, simulated: bool, provider: impl Fn(&str) -> Option<String>) -> Shown {
    let asset = |asset: AssetStatus| Asset {
        provider: provider(&asset.name).unwrap_or_default(),
        name: asset.name,
        accepted: asset.accepted,
        durable: asset.durable,
        size: asset.size,
        pull: asset.pull.map(|pull| Pull {
            stage: pull.stage,
            received: pull.received,
            of: pull.of,
            failures: pull.failures,
            code: pull.code,
        }),
    };
    let result = |result: ResultStatus| Sealed {
        consumer: result.consumer,
        digest: result.digest,
        size: result.sealed_length,
        released: !result.recipient.is_empty(),
        acknowledged: result.acknowledged,
    };
    Shown {
        simulated,
        state: status.state,
        boot: status.boot,
        platform: status.platform,
        log_size: status.log_size,
        assets: status.assets.into_iter().map(asset).collect(),
        results: status.results.into_iter().map(result).collect(),
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        let (state, boot, platform) = (Safe::new(&self.state), Safe::new(&self.boot), Safe::new(&self.platform));
        writeln!(f, "state: {state}   boot {boot}   platform {platform}   {} log entries", self.log_size)?;
        if matches!(self.state.as_str(), "Failed" | "Stopped" | "Closed") {
            writeln!(f, "  `prism watch` says how it came to that")?;
        }
        for asset in &self.assets {
            let name = Safe::new(&asset.name);
            let Asset { provider, durable, size: whole, .. } = asset;
            match (asset.accepted, asset.durable) {
                (false, _) if asset.pull.is_some() => {
                    let pull = asset.pull.iter().map(ToString::to_string).collect::<String>();
                    writeln!(f, "  waiting for   {name} from {provider}, {}: {pull}", size(*whole))?;
                }
                (true, _) => writeln!(f, "  have          {name} from {provider}, {}", size(*whole))?,
                (false, 0) => writeln!(f, "  waiting for   {name} from {provider}, {}", size(*whole))?,
                (false, _) => {
                    writeln!(f, "  waiting for   {name} from {provider}, {} of {}", size(*durable), size(*whole))?;
                }
            }
        }
        for result in &self.results {
            let step = match (result.released, result.acknowledged) {
                (_, true) => "confirmed and destroyed",
                (true, false) => "released, not confirmed yet",
                (false, false) => "ready",
            };
            writeln!(f, "  result        for {}, {}: {step}", Safe::new(&result.consumer), size(result.size))?;
        }
        Ok(())
    }
}

impl fmt::Display for Pull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stage.as_str() {
            "waiting" => write!(f, "its key was not released yet")?,
            "queued" => write!(f, "others are fetched first")?,
            "asking" => write!(f, "the key broker is asked")?,
            "fetching" => write!(f, "fetched {} of {}", size(self.received), size(self.of))?,
            "retrying" => write!(f, "fetched {} of {}, the store is tried again", size(self.received), size(self.of))?,
            "refused" => write!(f, "REFUSED, its key has to be released again")?,
            other => write!(f, "{}", Safe::new(other))?,
        }
        if self.code.is_empty() {
            return Ok(());
        }
        write!(f, " ({} failures, the last: {})", self.failures, Safe::new(&self.code))
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        writeln!(f, "stopped for good, log entry {}", self.log_index)
    }
}

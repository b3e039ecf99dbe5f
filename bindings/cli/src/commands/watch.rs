//! `prism watch` and `prism logs`: what happens, live.

use std::fmt;

use clap::Args;
use prism_agent::client::{LogChunk, Observed, Session};
use prism_core::audit::entry::{Event, Outcome as End};
use prism_core::code::Code;
use prism_core::lifecycle::Phase;
use prism_core::name::Name;
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::interrupt;
use crate::print::{Printer, Safe};
use crate::session::ParticipantArgs;

pub(crate) const EXAMPLE: &str = "\
Example
  prism watch --key hospital-1.key
  prism watch --key hospital-1.key --until delivering
  prism watch --key hospital-1.key --json | jq .state

Shows every entry of the audit log as soon as a signed head proves it, with the state after it, and ends \
when the log is closed, or with the state that --until names: exit code 7 if the run failed or was stopped. Watching changes nothing; Ctrl-C \
ends it.";

pub(crate) const LOGS_EXAMPLE: &str = "\
Example
  prism logs --key lab.key

What the program prints, live, for those whom the manifest lets read it. Control characters are escaped.";

/// The arguments of `prism watch`.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// The first entry to show; all are verified
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// End when this state is reached, for example `delivering` [default: when the log is closed]
    #[arg(long, value_name = "STATE")]
    until: Option<Phase>,
    #[command(flatten)]
    participant: ParticipantArgs,
}

/// The arguments of `prism logs`.
#[derive(Args, Debug)]
pub(crate) struct Logs {
    #[command(flatten)]
    participant: ParticipantArgs,
}

/// One entry as it is shown.
#[derive(Serialize)]
struct Line {
    index: u64,
    simulated: bool,
    state: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    actor: String,
    text: String,
    waiting_for: Vec<String>,
    #[serde(skip)]
    time: String,
    #[serde(rename = "entry")]
    body: serde_json::Value,
}

#[derive(Serialize)]
struct Printed {
    stream: &'static str,
    text: String,
}

impl Watch {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                follow(&session, self.from, self.until, printer).await
            },
            "watching has ended; the computation goes on",
        )
    }
}

async fn follow(session: &Session, from: u64, until: Option<Phase>, printer: Printer) -> Outcome {
    let mut missing = Missing::of(session);
    let simulated = session.trust().is_simulated();
    printer.banner(simulated)?;
    let mut watch = session.watch(0);
    let mut end = None;
    while let Some(observed) = watch.next().await {
        let observed = observed?;
        missing.after(&observed.entry.event);
        if let Event::LogClose(body) = &observed.entry.event {
            end = Some(body.outcome);
        }
        if observed.entry.seq >= from {
            printer.follow(&line(&observed, &missing, simulated))?;
        }
        if until == Some(observed.phase) {
            return Ok(());
        }
    }
    finished(end)
}

/// The exit code says how the computation ended.
fn finished(end: Option<End>) -> Outcome {
    match end {
        None | Some(End::Completed) => Ok(()),
        Some(End::Stopped) => Err(Failure::new(Code::RunStopped, "expected a result, found the run stopped")),
        Some(End::Expired) => Err(Failure::new(
            Code::ManifestNotCurrent,
            "expected every consumer to confirm its result in time, found the manifest's time up",
        )),
        Some(_) => Err(Failure::new(Code::RunFailed, "expected a result, found the run failed")),
    }
}

/// The assets that have not been accepted yet, with their providers.
struct Missing(Vec<(Name, Name)>);

impl Missing {
    fn of(session: &Session) -> Self {
        Self(session.manifest().manifest().assets().into_iter().map(|asset| (asset.name, asset.provider)).collect())
    }

    fn after(&mut self, event: &Event) {
        if let Event::AssetAccepted(body) = event {
            self.0.retain(|(name, _)| *name != body.asset);
        }
    }
}

fn line(observed: &Observed, missing: &Missing, simulated: bool) -> Line {
    let entry = &observed.entry;
    let state = observed.phase.name();
    let waits = matches!(entry.event, Event::ManifestAccepted(_) | Event::AssetAccepted(_));
    let waiting_for = if waits { missing.0.as_slice() } else { &[] };
    Line {
        index: entry.seq,
        simulated,
        state,
        kind: entry.event.kind(),
        actor: entry.actor.to_string(),
        text: entry.words().to_string(),
        waiting_for: waiting_for.iter().map(|(name, provider)| format!("{name} from {provider}")).collect(),
        time: entry.clock(),
        // The bytes were read as an entry already.
        body: serde_json::from_slice(&observed.bytes).unwrap_or_default(),
    }
}

impl Logs {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                let mut logs = session.logs();
                while let Some(chunk) = logs.next().await {
                    show(&printed(chunk?), printer)?;
                }
                Ok(())
            },
            "reading has ended; the computation goes on",
        )
    }
}

/// People see the text as it comes, which may be half a line.
fn show(chunk: &Printed, printer: Printer) -> Outcome {
    if printer.json() {
        return printer.follow(chunk);
    }
    Printer::raw(chunk.to_string().as_bytes())
}

fn printed(chunk: LogChunk) -> Printed {
    let (stream, bytes) = match chunk {
        LogChunk::Stdout(bytes) => ("stdout", bytes),
        LogChunk::Stderr(bytes) => ("stderr", bytes),
        other => ("other", format!("{other:?}").into_bytes()),
    };
    Printed { stream, text: String::from_utf8_lossy(&bytes).into_owned() }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {:19}  {}", self.time, self.state, self.text)?;
        if self.waiting_for.is_empty() { Ok(()) } else { write!(f, "; waiting for {}", self.waiting_for.join(", ")) }
    }
}

impl fmt::Display for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Safe::lines(&self.text))
    }
}

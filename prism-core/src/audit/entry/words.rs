//! Entries of the audit log in plain words.

use std::fmt::{self, Display, Formatter};

use super::{Actor, Entry, Event, LayerState, LogCloseBody, LogOpenBody, Outcome, Releaser, RunEnd, RunExitBody};

use crate::printable::{SIMULATED, Safe, moment, size};

/// One entry as a person wants to read it, without line breaks.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(&'a Entry);

impl Entry {
    /// The entry in plain words, on one line.
    #[must_use]
    pub const fn words(&self) -> Words<'_> {
        Words(self)
    }

    /// The time of day (UTC), as the agent's host claims it: `14:02:11`.
    #[must_use]
    pub fn clock(&self) -> String {
        moment(self.ts / 1000).get(11..19).unwrap_or("--:--:--").to_owned()
    }
}

impl Display for Words<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let actor = &self.0.actor;
        match &self.0.event {
            Event::LogOpen(body) => open(f, body),
            Event::Evidence(body) => write!(f, "the machine signed evidence ({})", body.platform),
            Event::ManifestAccepted(body) => {
                write!(f, "manifest accepted, approved by all {}", body.participants.len())
            }
            Event::SessionAttested(_) => write!(f, "a session was given evidence of its own"),
            Event::AuthOk(_) => write!(f, "{actor} is connected"),
            Event::AuthRefused(body) => write!(f, "REFUSED an authentication: {}", Safe::new(&body.code)),
            Event::AssetBegin(body) if *actor == Actor::Agent => {
                write!(f, "the agent fetches {} ({})", body.asset, size(body.size))
            }
            Event::AssetBegin(body) => write!(f, "{actor} sends {} ({})", body.asset, size(body.size)),
            Event::AssetAccepted(body) => write!(f, "{} accepted, {}", body.asset, body.digest),
            Event::AssetRefused(body) => write!(f, "REFUSED {}: {}", body.asset, Safe::new(&body.code)),
            Event::KeyReleased(body) => match body.by {
                Releaser::Provider => write!(f, "{actor} released the key of {} to the agent", body.asset),
                Releaser::Kbs => write!(f, "the key broker released the key of {} to the agent", body.asset),
            },
            Event::RunStart(body) => write!(f, "the program starts (run {})", body.run),
            Event::RunExit(body) => exit(f, body),
            Event::OutputChecked(body) => write!(f, "result checked: {} files, {}", body.files, size(body.bytes)),
            Event::ResultSealed(body) => write!(f, "result sealed for {} ({})", body.consumer, size(body.size)),
            Event::ResultReleased(body) => {
                let recipient: String = body.recipient.chars().take(16).collect();
                write!(f, "result released to {actor}, recipient {}…", Safe::new(&recipient))
            }
            Event::ResultAcked(_) => write!(f, "{actor} confirmed the result: nobody can fetch it again"),
            Event::Stop(body) => write!(f, "STOPPED by {actor}: {}", Safe::new(&body.code)),
            Event::Error(body) => write!(f, "FAILED: {}", Safe::new(&body.code)),
            Event::LogClose(body) => close(f, body),
        }
    }
}

fn open(f: &mut Formatter<'_>, body: &LogOpenBody) -> fmt::Result {
    write!(f, "boot {} of {}", Safe::new(&body.boot), Safe::new(&body.software))?;
    for lost in &body.lost {
        let boot = Safe::new(&lost.boot);
        write!(f, "; LOST: boot {boot} ended without closing its log after {} entries", lost.entries)?;
    }
    if body.simulated { write!(f, "; {SIMULATED}") } else { Ok(()) }
}

fn exit(f: &mut Formatter<'_>, body: &RunExitBody) -> fmt::Result {
    if let Some(code) = &body.code {
        return write!(f, "the program {} ({})", end(body), Safe::new(code));
    }
    write!(f, "the program {} after {}.{} s", end(body), body.wall_ms / 1000, body.wall_ms / 100 % 10)?;
    let missing = body.layers.iter().filter(|layer| layer.state != LayerState::Active);
    let missing: Vec<_> = missing.map(ToString::to_string).collect();
    let active = body.layers.len() - missing.len();
    match missing.as_slice() {
        [] => write!(f, "; all {active} sandbox layers active"),
        _ => write!(f, "; {active} sandbox layers active; {}", Safe::new(&missing.join(", "))),
    }
}

fn end(body: &RunExitBody) -> String {
    let status = body.status;
    match body.end {
        RunEnd::Exited if status == 0 => "ended well".to_owned(),
        RunEnd::Exited => format!("FAILED with exit status {status}"),
        RunEnd::Signalled => format!("FAILED by signal {status}"),
        RunEnd::MemoryLimit => "FAILED at its memory limit".to_owned(),
        RunEnd::DiskLimit => "FAILED at its disk limit".to_owned(),
        RunEnd::DatasetsLimit => "FAILED at its limit of what it writes in datasets/".to_owned(),
        RunEnd::ProcessLimit => "FAILED at its limit of processes".to_owned(),
        RunEnd::OutputLimit => "FAILED at its limit of printed output".to_owned(),
        RunEnd::WallLimit => "FAILED at its time limit".to_owned(),
        RunEnd::Stopped => "was stopped".to_owned(),
        RunEnd::SandboxUnavailable => "did not start: a demanded sandbox layer is missing".to_owned(),
        RunEnd::RequirementsFailed => "did not start: its requirements could not be installed".to_owned(),
        RunEnd::PreparationFailed => "did not start: what was brought cannot be run".to_owned(),
        RunEnd::OutputLost => "FAILED: what it printed could not be kept".to_owned(),
        RunEnd::SupervisionLost => "FAILED: the agent could not follow it to its end".to_owned(),
        RunEnd::RunnerFailed => "FAILED: the runner itself failed".to_owned(),
    }
}

fn close(f: &mut Formatter<'_>, body: &LogCloseBody) -> fmt::Result {
    write!(f, "the log is closed: {}", body.outcome.words())?;
    match body.refusals_unlogged {
        0 => Ok(()),
        n => write!(f, "; {n} more refusals were counted but not logged"),
    }
}

impl Outcome {
    /// How a computation ended, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Completed => "completed, every consumer confirmed its result",
            Self::Expired => "expired, the manifest's time was up",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

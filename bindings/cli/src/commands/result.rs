//! `prism result`: the result, exactly once.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use prism_agent::client::{ResultOptions, ResultProgress, ResultStep};
use prism_core::digest::Digest;
use prism_core::seal::RecipientKind;
use serde::Serialize;

use crate::exit::Outcome;
use crate::interrupt;
use crate::print::{Printer, SIMULATED, Safe, size};
use crate::progress::Progress;
use crate::session::ParticipantArgs;

pub(crate) const EXAMPLE: &str = "\
Example
  prism result --key institute.key -o results.zip
  prism result --key institute.key -o results.zip --keep-sealed     and results.zip.age for the age tool

Each consumer receives the result once: the agent gives the key to one recipient, ever, and destroys it \
when the result is safe here. Until then the same command with the same -o goes on where it ended; what \
it needs lies beside the output (names that begin with the output's, then .identity, .payload, .header).";

/// The arguments of `prism result`.
#[derive(Args, Debug)]
pub(crate) struct TakeResult {
    /// The archive to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// What protects the result's key on its way
    #[arg(long, value_enum, default_value = "hybrid")]
    recipient: Recipient,
    /// Keep the sealed file and its identity beside the output
    #[arg(long)]
    keep_sealed: bool,
    #[command(flatten)]
    participant: ParticipantArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Recipient {
    /// X25519 and ML-KEM-768 together: holds against quantum computers, too
    Hybrid,
    /// X25519 alone, which every age tool opens
    X25519,
}

#[derive(Serialize)]
struct Taken {
    simulated: bool,
    file: String,
    digest: Digest,
    size: u64,
    sealed: Option<String>,
    log_index: u64,
    receipt: String,
    /// Whether the receipt was compared with the log's newest head.
    compared: bool,
}

impl TakeResult {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let mut options = ResultOptions::default();
        options.keep_sealed = self.keep_sealed;
        options.kind = match self.recipient {
            Recipient::Hybrid => RecipientKind::Hybrid,
            Recipient::X25519 => RecipientKind::X25519,
        };
        let left = "nothing is lost: the same command with the same -o goes on where this one ended";
        interrupt::run(self.take(options, printer), left)
    }

    async fn take(&self, options: ResultOptions, printer: Printer) -> Outcome {
        let session = self.participant.session().await?;
        let mut progress = Progress::new(printer, "result");
        let taken = session.result(&self.out, options, |at| told(&mut progress, at)).await?;
        drop(progress);
        printer.show(&Taken {
            simulated: session.trust().is_simulated(),
            file: taken.path.display().to_string(),
            digest: taken.digest,
            size: taken.size,
            sealed: taken.sealed.map(|path| path.display().to_string()),
            log_index: taken.receipt.proof().index(),
            receipt: taken.receipt.proof().to_text(),
            compared: taken.compared,
        })
    }
}

fn told(progress: &mut Progress, at: ResultProgress) {
    match at.step {
        ResultStep::Identity => progress.begins("received", at.received, at.total),
        ResultStep::Receiving | ResultStep::Received => progress.at("received", at.received, at.total),
        _ => {}
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        writeln!(f, "wrote {} ({}), {}", Safe::new(&self.file), size(self.size), self.digest)?;
        if let Some(sealed) = &self.sealed {
            writeln!(f, "kept {}", Safe::new(sealed))?;
        }
        writeln!(f, "confirmed, log entry {}: nobody can fetch it again", self.log_index)?;
        if self.compared {
            return Ok(());
        }
        writeln!(f, "note: the agent went away before its newest log head could be compared; keep the receipt (--json)")
    }
}

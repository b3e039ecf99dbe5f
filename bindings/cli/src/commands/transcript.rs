//! `prism transcript`: everything a stranger needs, in one file.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::exit::Outcome;
use crate::interrupt;
use crate::print::{Printer, SIMULATED, Safe, size};
use crate::session::ParticipantArgs;

pub(crate) const EXAMPLE: &str = "\
Example
  prism transcript -o run.transcript --key hospital-1.key
  prism audit run.transcript

Best taken when the log is closed. The file proves nothing by itself: `prism audit` does, on any machine.";

/// The arguments of `prism transcript`.
#[derive(Args, Debug)]
pub(crate) struct Transcript {
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    participant: ParticipantArgs,
}

#[derive(Serialize)]
struct Written {
    simulated: bool,
    file: String,
    size: u64,
}

impl Transcript {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        interrupt::run(
            async {
                let session = self.participant.session().await?;
                let size = session.transcript(&self.out).await?;
                let file = self.out.display().to_string();
                printer.show(&Written { simulated: session.trust().is_simulated(), file, size })
            },
            "no file was written; run the command again",
        )
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        let file = Safe::new(&self.file);
        writeln!(f, "wrote {file} ({})\nnext: prism audit {file}", size(self.size))
    }
}

//! `prism endorsements`: what vendors vouch for, in one file that works offline.

mod fetch;
mod list;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use prism_core::code::Code;

use self::list::Listed;
use crate::exit::{Failure, Outcome};
use crate::inputs::{moment, now};
use crate::print::Printer;
use crate::vouching::read_bundle;

pub(crate) const EXAMPLE: &str = "\
Example
  prism endorsements fetch --for report.bin -o bundle.json
  prism endorsements check bundle.json
  prism endorsements show bundle.json

A bundle holds certificates, revocation lists and judgements of AMD and Intel, each with its source and \
its dates. Nothing in it is believed because it is there: verification checks every signature.";

const CHECK_EXAMPLE: &str = "\
Example
  prism endorsements check bundle.json
  prism endorsements check bundle.json --at 2026-01-31T12:00:00Z --json

Exit code 0 only when every entry is current, otherwise 4.";

const SHOW_EXAMPLE: &str = "\
Example
  prism endorsements show bundle.json";

/// The commands below `prism endorsements`.
#[derive(Debug, Subcommand)]
pub(crate) enum EndorsementsCommand {
    /// Ask the vendors, or a mirror of them, for what evidence needs
    #[command(after_help = fetch::EXAMPLE)]
    Fetch(fetch::Fetch),
    /// Say whether everything in a bundle is current
    #[command(after_help = CHECK_EXAMPLE)]
    Check(Check),
    /// List what is in a bundle, with sources and dates
    #[command(after_help = SHOW_EXAMPLE)]
    Show(Show),
}

/// The arguments of `prism endorsements check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The bundle, or one machine's endorsements in any form that `attestation verify` takes
    #[arg(value_name = "FILE|DIR")]
    bundle: PathBuf,
    /// As of this time instead of now: `2026-01-31T12:00:00Z` or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<u64>,
}

/// The arguments of `prism endorsements show`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The bundle, or one machine's endorsements in any form that `attestation verify` takes
    #[arg(value_name = "FILE|DIR")]
    bundle: PathBuf,
}

impl EndorsementsCommand {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        match self {
            Self::Fetch(fetch) => fetch.run(printer),
            Self::Check(check) => check.run(printer),
            Self::Show(show) => printer.show(&Listed::of(&read_bundle(&show.bundle)?, now())),
        }
    }
}

impl Check {
    fn run(self, printer: Printer) -> Outcome {
        let listed = Listed::of(&read_bundle(&self.bundle)?, self.at.unwrap_or_else(now));
        printer.show(&listed)?;
        match listed.not_current() {
            0 if listed.is_empty() => {
                Err(Failure::new(Code::EndorsementsNotCurrent, "expected endorsements, found none"))
            }
            0 => Ok(()),
            count => Err(Failure::new(
                Code::EndorsementsNotCurrent,
                format!("expected every endorsement to be current, found {count} that are not"),
            )),
        }
    }
}

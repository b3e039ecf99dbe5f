//! `prism policy`: which confidential machines are accepted.

mod check;
mod new;
mod show;

use std::path::Path;

use clap::Subcommand;
use prism_core::manifest::platform::PolicyDocument;

use super::manifest::Target;
use crate::exit::{Failure, Outcome};
use crate::inputs::{DOCUMENT_MAX, read};
use crate::print::Printer;

pub(crate) const EXAMPLE: &str = "\
Example
  prism policy new --from report.bin --endorsements endorsements.json -o policy.toml
  prism policy show policy.toml       what would it accept?
  $EDITOR policy.toml                 check every line marked CONFIRM, then write confirmed = true
  prism policy check policy.toml      is it whole, and confirmed?

In a manifest's TOML file, policy = \"policy.toml\" below [platform] makes it the participants' policy.";

/// The commands below `prism policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Draft a policy from the evidence of a genuine machine, for a person to confirm
    #[command(after_help = new::EXAMPLE)]
    New(new::New),
    /// Say whether a policy is whole and confirmed, and what it accepts
    #[command(after_help = check::EXAMPLE)]
    Check(check::Check),
    /// Say in plain words what a policy accepts, confirmed or not
    #[command(after_help = show::EXAMPLE)]
    Show(show::Show),
}

impl Policy {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        match self {
            Self::New(new) => new.run(printer),
            Self::Check(check) => check.run(printer),
            Self::Show(show) => show.run(printer),
        }
    }
}

fn document(path: &Path) -> Outcome<PolicyDocument> {
    PolicyDocument::read(&read(path, DOCUMENT_MAX)?).map_err(|error| Failure::from(error).at(path.display()))
}

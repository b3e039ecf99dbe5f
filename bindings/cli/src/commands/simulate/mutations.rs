//! `prism simulate mutations`: the catalogue.

use std::fmt;

use clap::Args;
use prism_attest::platform::simulated::{Mutation, TdxMutation};
use serde::Serialize;

use crate::commands::simulator::Pretended;
use crate::exit::Outcome;
use crate::print::{Printer, SIMULATED};

pub(super) const EXAMPLE: &str = "\
Example
  prism simulate mutations --platform tdx
  prism simulate mutations --json

Besides these, flip-bit-N flips one bit of the signed evidence.";

/// The arguments of `prism simulate mutations`.
#[derive(Args, Debug)]
pub(crate) struct ListMutations {
    /// Of which machines [default: all]
    #[arg(long, value_enum)]
    platform: Option<Pretended>,
}

#[derive(Serialize)]
struct List {
    simulated: bool,
    mutations: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    platform: &'static str,
    name: String,
    /// `accepted`, or the stage of the refusal.
    expected: String,
    about: &'static str,
}

impl ListMutations {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        let wanted = |platform| self.platform.is_none_or(|only| only == platform);
        let mut mutations = Vec::new();
        if wanted(Pretended::Snp) {
            mutations.extend(Mutation::NAMED.iter().map(|mutation| Row {
                platform: "snp",
                name: mutation.to_string(),
                expected: mutation.expected().to_string(),
                about: mutation.about(),
            }));
        }
        if wanted(Pretended::Tdx) {
            mutations.extend(TdxMutation::NAMED.iter().map(|mutation| Row {
                platform: "tdx",
                name: mutation.to_string(),
                expected: mutation.expected().to_string(),
                about: mutation.about(),
            }));
        }
        printer.show(&List { simulated: true, mutations })
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{SIMULATED}")?;
        for Row { platform, name, expected, about } in &self.mutations {
            writeln!(f, "{platform} {name:26} {expected:12} {about}")?;
        }
        Ok(())
    }
}

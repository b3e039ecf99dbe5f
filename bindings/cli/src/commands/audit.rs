//! `prism audit`: replays a transcript offline, as a stranger would.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_agent::files::write_new;
use prism_attest::audit::{AuditReport, ExpectedComputation, KeyReleased, audit};
use prism_core::audit::entry::{Conditions, Outcome as Ending, Packages, PackagesOrigin, Releaser};
use prism_core::code::Code;
use prism_core::transcript::TRANSCRIPT_MAX;
use serde::Serialize;

use super::manifest::terms;
use crate::exit::{Failure, Outcome};
use crate::inputs::{moment, now, read};
use crate::print::{Printer, SIMULATED, Safe};

pub(crate) const EXAMPLE: &str = "\
Example
  prism audit run.transcript
  prism audit run.transcript --manifest covid19.prism --at 2026-01-31T12:00:00Z
  prism audit run.transcript --html report.html

Needs no key, no agent and no network. Exit code 0 only when every rule holds; otherwise 4, and one \
line for each broken rule. Without --manifest, compare the manifest's digest and the keys with what \
you know from elsewhere.";

/// The arguments of `prism audit`.
#[derive(Args, Debug)]
pub(crate) struct Audit {
    /// The transcript
    #[arg(value_name = "FILE")]
    transcript: PathBuf,
    /// Judge as of this time instead of now: `2026-01-31T12:00:00Z` or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<u64>,
    /// Require that the transcript is about this manifest
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Also write report, terms and log as one HTML file, which needs nothing else and runs nothing
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// List the rules that hold, too
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Audited<'a> {
    #[serde(flatten)]
    report: &'a AuditReport,
    simulated: bool,
    entries: u64,
    at: u64,
    #[serde(skip)]
    all: bool,
}

impl Audit {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let bytes = read(&self.transcript, TRANSCRIPT_MAX as u64)?;
        let expected = match &self.manifest {
            Some(path) => ExpectedComputation::Manifest(terms(path)?.digest()),
            None => ExpectedComputation::AsRecorded,
        };
        let at = self.at.unwrap_or_else(now);
        let report = audit(&bytes, expected, at);
        if let Some(path) = &self.html {
            write_new(path, report.page(&bytes).as_bytes())?;
        }
        let summary = report.summary();
        printer.show(&Audited {
            simulated: summary.is_some_and(|summary| summary.simulated),
            entries: summary.map_or(0, |summary| summary.entries),
            report: &report,
            at,
            all: self.all,
        })?;
        if report.holds() {
            return Ok(());
        }
        let broken = report.broken().count();
        Err(Failure::new(Code::AuditFailed, format!("expected every rule to hold, found {broken} broken")))
    }
}

/// What another run of the same terms could differ by.
fn words(conditions: &Conditions) -> String {
    let Conditions { interpreter, libc, kernel, processor, processors, packages: _ } = conditions;
    let interpreter = if interpreter == "none" { "no interpreter" } else { interpreter };
    format!("{interpreter}, {libc}, kernel {kernel}, {processors} of {processor}")
}

/// The packages that the program had.
fn packages(packages: &Packages) -> String {
    let Packages { origin, wheels } = packages;
    let origin = match origin {
        PackagesOrigin::Installed => "installed for this run",
        PackagesOrigin::Kept => "kept from an earlier run",
        _ => "from elsewhere",
    };
    format!("{origin}, wheels {wheels}")
}

impl fmt::Display for Audited<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.simulated {
            writeln!(f, "{SIMULATED}")?;
        }
        if let Some(summary) = self.report.summary() {
            writeln!(f, "{}", Safe::new(&summary.title))?;
            writeln!(f, "  manifest      {}", summary.manifest)?;
            for (name, fingerprint) in &summary.participants {
                writeln!(f, "  {name:12}  key {fingerprint}")?;
            }
            writeln!(f, "  boot          {}", Safe::new(&summary.boot))?;
            writeln!(f, "  log           {} entries", summary.entries)?;
            for release in &summary.releases {
                let place = release.url.as_ref().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
                let KeyReleased { asset, actor, by, entry, .. } = release;
                let who = if *by == Releaser::Kbs { "its key broker".to_owned() } else { actor.to_string() };
                writeln!(f, "  key released  of {asset} ({place}) by {who} to the agent, entry {entry}")?;
            }
            if let Some(conditions) = &summary.conditions {
                writeln!(f, "  ran with      {}", Safe::new(&words(conditions)))?;
                if let Some(found) = &conditions.packages {
                    writeln!(f, "  packages      {}", packages(found))?;
                }
            }
            for layer in &summary.layers {
                writeln!(f, "  sandbox       {}", Safe::new(&layer.to_string()))?;
            }
            let outcome = summary.outcome.map_or("not known, the log is not closed", Ending::words);
            writeln!(f, "  outcome       {outcome}")?;
        }
        for finding in self.report.findings().iter().filter(|finding| self.all || !finding.ok) {
            writeln!(f, "{}", Safe::new(&finding.to_string()))?;
        }
        let kept = self.report.findings().iter().filter(|finding| finding.ok).count();
        if self.report.holds() {
            return writeln!(f, "audit ok: {kept} checks, every rule holds");
        }
        writeln!(f, "audit failed: {kept} of {} checks hold", self.report.findings().len())
    }
}

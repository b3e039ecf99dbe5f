//! `prism attestation`: judges evidence that lies in a file, offline.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use prism_attest::{Case, Evidence, ExpectedBinding, Platform, Roots, Verdict};
use prism_core::code::Code;
use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::platform::{POLICY_MAX, PlatformPolicy, PolicyDocument};
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::inputs::{moment, now, read};
use crate::print::{Printer, SIMULATED, Safe};
use crate::vouching::{EndorsementsArg, RootsArg, read_evidence};

pub(crate) const EXAMPLE: &str = "\
Example
  prism attestation verify --snp report.bin --endorsements bundle.json --policy policy.toml";

const VERIFY_USAGE: &str =
    "prism attestation verify --snp|--tdx|… FILE --endorsements FILE|DIR --policy FILE [OPTIONS]";

pub(crate) const VERIFY_EXAMPLE: &str = "\
Example
  prism attestation verify --snp report.bin --endorsements bundle.json --policy policy.toml
  prism attestation verify --tdx quote.bin --endorsements DIR --policy policy.toml --at 2026-01-31T12:00:00Z --json

Uses no network and no key: certificates, dates, revocation, signature over the bytes as received, the \
vendor's judgement of security versions, then your policy. Lists every condition that was looked at. \
Exit code 0 only when all hold; otherwise 4. Without --report-data nobody knows what the signed bytes \
stand for: the verdict says so, and a file never makes a trusted channel.";

/// The commands below `prism attestation`.
#[derive(Debug, Subcommand)]
pub(crate) enum Attestation {
    /// Judge what a machine signed: genuine, wanted, and bound as expected?
    #[command(after_help = VERIFY_EXAMPLE, override_usage = VERIFY_USAGE)]
    Verify(Verify),
}

/// The arguments of `prism attestation verify`.
#[derive(Args, Debug)]
pub(crate) struct Verify {
    #[command(flatten)]
    evidence: EvidenceArg,
    #[command(flatten)]
    endorsements: EndorsementsArg,
    /// What is accepted: a policy in TOML or JSON, confirmed by a person
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    roots: RootsArg,
    /// Judge as of this time instead of now: `2026-01-31T12:00:00Z` or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<u64>,
    /// The 64 bytes that the machine has to have signed for, in hexadecimal
    #[arg(long, value_name = "HEX")]
    report_data: Option<HexBytes<64>>,
}

/// What the machine signed, under the name of its kind.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct EvidenceArg {
    /// A report of AMD SEV-SNP
    #[arg(long, value_name = "FILE")]
    snp: Option<PathBuf>,
    /// A quote of Intel TDX
    #[arg(long, value_name = "FILE")]
    tdx: Option<PathBuf>,
    /// Evidence of SEV-SNP on Azure, with its virtual TPM's quote
    #[arg(long, value_name = "FILE")]
    azure_snp: Option<PathBuf>,
    /// Evidence of TDX on Azure, with its virtual TPM's quote
    #[arg(long, value_name = "FILE")]
    azure_tdx: Option<PathBuf>,
    /// A report of a simulated SEV-SNP machine
    #[arg(long, value_name = "FILE")]
    simulated: Option<PathBuf>,
    /// A quote of a simulated TDX machine
    #[arg(long, value_name = "FILE")]
    simulated_tdx: Option<PathBuf>,
}

impl EvidenceArg {
    fn read(&self) -> Outcome<Evidence> {
        let named = [
            (Platform::Snp, &self.snp),
            (Platform::Tdx, &self.tdx),
            (Platform::AzureSnp, &self.azure_snp),
            (Platform::AzureTdx, &self.azure_tdx),
            (Platform::Simulated, &self.simulated),
            (Platform::SimulatedTdx, &self.simulated_tdx),
        ];
        let given = named.into_iter().find_map(|(platform, path)| Some((platform, path.as_ref()?)));
        let (platform, path) = given.ok_or_else(|| Failure::usage("expected evidence, found none; give --snp FILE"))?;
        read_evidence(path, Some(platform))
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    verdict: &'a Verdict,
}

impl Attestation {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let Self::Verify(verify) = self;
        verify.run(printer)
    }
}

impl Verify {
    fn run(self, printer: Printer) -> Outcome {
        let policy = read_policy(&self.policy)?;
        let evidence = self.evidence.read()?;
        let endorsements = self.endorsements.read(&evidence)?;
        let expected =
            self.report_data.map_or_else(ExpectedBinding::unbound, |data| ExpectedBinding::foreign(*data.as_bytes()));
        let now = self.at.unwrap_or_else(now);
        let case = Case { evidence: &evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now };
        let verdict = case.judge_under(&self.roots.add_to(Roots::built_in())?);
        printer.show(&Shown { verdict: &verdict })?;
        if verdict.is_good() {
            return Ok(());
        }
        let unmet = verdict.findings().unmet().count();
        Err(Failure::new(Code::EvidenceRefused, format!("expected every condition to hold, found {unmet} that do not")))
    }
}

/// Reads a policy that a person has confirmed.
fn read_policy(path: &Path) -> Outcome<PlatformPolicy> {
    let bytes = read(path, POLICY_MAX as u64)?;
    let policy = PolicyDocument::read(&bytes).and_then(PolicyDocument::into_policy);
    policy.map_err(|error| Failure::from(error).at(path.display()))
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdict.is_simulated() {
            writeln!(f, "{SIMULATED}")?;
        }
        write!(f, "{}", Safe::lines(&self.verdict.to_string()))
    }
}

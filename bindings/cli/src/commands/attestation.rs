//! `prism attestation`: judges evidence that lies in a file, offline.

mod given;
mod results;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use prism_attest::{Case, Check, ExpectedBinding, Roots, Verdict};
use prism_core::code::Code;
use prism_core::digest::Digest;
use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::platform::{POLICY_MAX, PlatformPolicy, PolicyDocument};
use serde::Serialize;

use self::given::EvidenceArg;
use self::results::ResultsArg;
use crate::exit::{Failure, Outcome};
use crate::inputs::{moment, now, read};
use crate::print::{Printer, SIMULATED, Safe};
use crate::vouching::{EndorsementsArg, RootsArg};

pub(crate) const EXAMPLE: &str = "\
Example
  prism attestation verify --snp report.bin --endorsements bundle.json --policy policy.toml";

const VERIFY_USAGE: &str =
    "prism attestation verify --snp|--tdx|… FILE --endorsements FILE|DIR --policy FILE [OPTIONS]";

pub(crate) const VERIFY_EXAMPLE: &str = "\
Example
  prism attestation verify --snp report.bin --endorsements bundle.json --policy policy.toml
  prism attestation verify --tdx quote.bin --endorsements DIR --policy policy.toml --at 2026-01-31T12:00:00Z --json
  prism attestation verify --tdx quote.bin --event-log ccel.bin --endorsements DIR --policy policy.toml --html card.html

Uses no network and no key: certificates, dates, revocation, signature over the bytes as received, the \
vendor's judgement of security versions, then your policy. Lists every condition that was looked at. \
Exit code 0 only when all hold; otherwise 4. Without --report-data nobody knows what the signed bytes \
stand for: the verdict says so, and a file never makes a trusted channel. Evidence in a TLS certificate \
stands for the certificate's key alone, and is refused unless the policy says accept_key_only = true.";

/// The commands below `prism attestation`.
#[derive(Debug, Subcommand)]
pub(crate) enum Attestation {
    /// Judge what a machine signed: genuine, wanted, and bound as expected?
    #[command(after_help = VERIFY_EXAMPLE, override_usage = VERIFY_USAGE)]
    Verify(Box<Verify>),
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
    #[command(flatten)]
    results: ResultsArg,
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
        let results = self.results.open()?;
        let (policy, policy_digest) = read_policy(&self.policy)?;
        let given = self.evidence.read()?;
        let evidence = &given.evidence;
        let endorsements = self.endorsements.read(evidence)?;
        let expected = match (&given.certificate, self.report_data) {
            (_, Some(data)) => ExpectedBinding::foreign(*data.as_bytes()),
            (Some(certificate), None) => ExpectedBinding::dangerous_key_only(certificate),
            (None, None) => ExpectedBinding::unbound(),
        };
        let now = self.at.unwrap_or_else(now);
        let case = Case { evidence, endorsements: &endorsements, policy: &policy, expected: &expected, now };
        let verdict = case.judge_under(&self.roots.add_to(Roots::built_in())?);
        printer.show(&Shown { verdict: &verdict })?;
        results.write(&verdict, policy_digest)?;
        if verdict.is_good() { Ok(()) } else { Err(refused(&verdict)) }
    }
}

/// What does not hold first, and what to do about it.
fn refused(verdict: &Verdict) -> Failure {
    let first = verdict.refusal().map_or_else(String::new, |first| {
        let (check, expected, found) = (first.check.as_str(), first.expected, first.found);
        format!("; first {check}: expected {expected}, found {found}")
    });
    let unmet = verdict.findings().unmet().count();
    let message = format!("expected every condition to hold, found {unmet} unmet{first}");
    let of_another_kind = verdict.refusal().is_some_and(|first| first.check == Check::PlatformAccepted);
    let hint = match verdict.claims() {
        _ if of_another_kind => {
            "the policy is about another kind of machine than the flag says: `prism policy show` names it"
        }
        Some(_) => {
            "the machine is genuine, but not as the policy or --report-data wants it: `prism policy show` says what \
                    the policy accepts"
        }
        None => {
            "nothing that this evidence says can be believed. If it is the endorsements' dates, fetch them again, or \
                 judge as of the time of the evidence with --at"
        }
    };
    Failure::new(Code::EvidenceRefused, message).hint(hint)
}

/// Reads a policy that a person has confirmed, with the digest of the file.
fn read_policy(path: &Path) -> Outcome<(PlatformPolicy, Digest)> {
    let bytes = read(path, POLICY_MAX as u64)?;
    let policy = PolicyDocument::read(&bytes).and_then(PolicyDocument::into_policy);
    let policy = policy.map_err(|error| Failure::from(error).at(path.display()))?;
    Ok((policy, Digest::sha256(&bytes)))
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.verdict.is_simulated() {
            writeln!(f, "{SIMULATED}")?;
        }
        write!(f, "{}", Safe::lines(&self.verdict.to_string()))
    }
}

//! `prism simulate evidence`: a folder with everything that a verifier needs.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use prism_agent::files::{FileError, write_new};
use prism_attest::binding::{AgentBinding, SessionBinding};
use prism_attest::platform::simulated::{
    Mutation, Mutations, QuoteVersion, ReportVersion, SimulatedKey, SimulatedMachine, SimulatedTd, TdxMutation,
    TdxMutations,
};
use prism_attest::{Endorsements, Evidence, ReportData};
use prism_core::code::Code;
use prism_core::digest::Digest;
use prism_core::entropy::{SystemEntropy, draw};
use prism_core::hexadecimal::Hex;
use prism_core::manifest::platform::{PlatformPolicy, PolicyDocument, Product};
use serde::Serialize;

use crate::args::StateArg;
use crate::commands::simulator::Pretended;
use crate::exit::{Failure, Outcome};
use crate::print::{Printer, SIMULATED, Safe};
use crate::simulator;

pub(super) const EXAMPLE: &str = "\
Example
  prism simulate evidence --platform snp --product turin --report-version 5 -o good
  prism simulate evidence --platform tdx --quote-version 5 -o good
  prism simulate evidence --platform tdx --mutate out-of-date --mutate debug -o bad

Writes report.bin or quote.bin, endorsements.json, policy.toml (which accepts the machine without its \
faults, and nothing else), root.txt (the digest of the pretend vendor's root) and report-data.txt. What \
exists is never overwritten. SIMULATED - NOT A TEE: no root of hardware accepts any of it.";

/// The arguments of `prism simulate evidence`.
#[derive(Args, Debug)]
pub(crate) struct MakeEvidence {
    /// Which machine is pretended
    #[arg(long, value_enum)]
    platform: Pretended,
    /// The generation of processors (SEV-SNP) [default: genoa]
    #[arg(long, value_parser = product)]
    product: Option<Product>,
    /// The version of the report: 2 to 5 (SEV-SNP) [default: 3]
    #[arg(long, value_enum, value_name = "N")]
    report_version: Option<Report>,
    /// The kind of key that signs (SEV-SNP) [default: vcek]
    #[arg(long, value_enum)]
    key: Option<Key>,
    /// The version of the quote: 4, 5, or 5-td10 with the body of TDX 1.0 (TDX) [default: 4]
    #[arg(long, value_enum, value_name = "N")]
    quote_version: Option<Quote>,
    /// A fault, see `prism simulate mutations`; may be given again
    #[arg(long, value_name = "NAME")]
    mutate: Vec<String>,
    /// The folder to write to
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    state: StateArg,
}

fn product(text: &str) -> Result<Product, String> {
    let known = Product::ALL.into_iter().find(|product| product.name().eq_ignore_ascii_case(text));
    known.ok_or_else(|| "expected milan, genoa or turin".to_owned())
}

macro_rules! choices {
    ($(#[$doc:meta])* $type:ident($of:ty) { $($text:literal => $value:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        struct $type($of);

        impl ValueEnum for $type {
            fn value_variants<'a>() -> &'a [Self] {
                &[$(Self($value),)*]
            }

            fn to_possible_value(&self) -> Option<PossibleValue> {
                [$(($value, $text),)*].into_iter().find(|(value, _)| *value == self.0).map(|(_, text)| PossibleValue::new(text))
            }
        }
    };
}

choices! {
    /// Versions of reports as they are typed.
    Report(ReportVersion) {
        "2" => ReportVersion::V2,
        "3" => ReportVersion::V3,
        "4" => ReportVersion::V4,
        "5" => ReportVersion::V5,
    }
}

choices! {
    /// Kinds of key as they are typed.
    Key(SimulatedKey) {
        "vcek" => SimulatedKey::Vcek,
        "vlek" => SimulatedKey::Vlek,
    }
}

choices! {
    /// Versions of quotes as they are typed.
    Quote(QuoteVersion) {
        "4" => QuoteVersion::V4,
        "5" => QuoteVersion::V5Td15,
        "5-td10" => QuoteVersion::V5Td10,
    }
}

/// What is written, before it is.
struct Made {
    name: &'static str,
    evidence: Evidence,
    endorsements: Endorsements,
    policy: PlatformPolicy,
    root: Digest,
}

#[derive(Serialize)]
struct Written {
    simulated: bool,
    platform: String,
    mutations: Vec<String>,
    root: Digest,
    report_data: String,
    files: Vec<String>,
}

impl MakeEvidence {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        let report_data = report_data()?;
        let made = match self.platform {
            Pretended::Snp => self.snp(&report_data)?,
            Pretended::Tdx => self.tdx(&report_data)?,
        };
        let policy = PolicyDocument::confirmed(made.policy).to_toml()?;
        let hex = Hex(report_data.as_bytes()).to_string();
        let files: [(&str, Vec<u8>); 5] = [
            (made.name, made.evidence.bytes().to_vec()),
            ("endorsements.json", made.endorsements.to_json()),
            ("policy.toml", policy.into_bytes()),
            ("root.txt", format!("{}\n", made.root).into_bytes()),
            ("report-data.txt", format!("{hex}\n").into_bytes()),
        ];
        let files = write(&self.out, &files)?;
        let platform = self.platform.platform().to_string();
        let mutations = self.mutate;
        printer.show(&Written { simulated: true, platform, mutations, root: made.root, report_data: hex, files })
    }

    fn snp(&self, report_data: &ReportData) -> Outcome<Made> {
        if self.quote_version.is_some() {
            return Err(foreign("--quote-version", "tdx"));
        }
        let mutations = Mutations::new(self.mutations::<Mutation>()?);
        let mut machine = SimulatedMachine::default();
        machine.product = self.product.unwrap_or(machine.product);
        machine.version = self.report_version.map_or(machine.version, |version| version.0);
        machine.key = self.key.map_or(machine.key, |key| key.0);
        let machine = mutations.machine(&machine);
        let vendor = simulator::amd(&self.state)?;
        let (evidence, endorsements) = vendor.attest_as(&machine, report_data, &mutations)?;
        let (policy, root) = (vendor.policy_for(&machine), vendor.root_digest());
        Ok(Made { name: "report.bin", evidence, endorsements, policy, root })
    }

    fn tdx(&self, report_data: &ReportData) -> Outcome<Made> {
        let snp_only = [
            ("--product", self.product.is_some()),
            ("--report-version", self.report_version.is_some()),
            ("--key", self.key.is_some()),
        ];
        if let Some((option, _)) = snp_only.iter().find(|(_, given)| *given) {
            return Err(foreign(option, "snp"));
        }
        let mutations = TdxMutations::new(self.mutations::<TdxMutation>()?);
        let mut td = SimulatedTd::default();
        td.quote = self.quote_version.map_or(td.quote, |version| version.0);
        let td = mutations.machine(&td);
        let vendor = simulator::intel(&self.state)?;
        let (evidence, endorsements) = vendor.attest_as(&td, report_data, &mutations)?;
        let (policy, root) = (vendor.policy_for(&td), vendor.root_digest());
        Ok(Made { name: "quote.bin", evidence, endorsements, policy, root })
    }

    fn mutations<M: std::str::FromStr>(&self) -> Outcome<Vec<M>> {
        let read = |name: &String| {
            name.parse().map_err(|_| {
                Failure::usage(format!("expected the name of a mutation, found {}", Safe::new(name)))
                    .hint("`prism simulate mutations` lists them")
            })
        };
        self.mutate.iter().map(read).collect()
    }
}

fn foreign(option: &str, platform: &str) -> Failure {
    Failure::usage(format!("expected {option} with --platform {platform} only, found it with the other"))
        .hint(format!("leave out {option}"))
}

/// Report data of an agent and a session that never were.
fn report_data() -> Outcome<ReportData> {
    let random =
        |what| move |error: prism_core::entropy::EntropyError| Failure::new(Code::Internal, format!("{what}: {error}"));
    let mut entropy = SystemEntropy::default();
    let boot: [u8; 16] = draw(&mut entropy).map_err(random("a boot"))?;
    let session = SessionBinding {
        exporter: draw(&mut entropy).map_err(random("a session"))?,
        client_nonce: draw(&mut entropy).map_err(random("a session"))?,
        agent_nonce: draw(&mut entropy).map_err(random("a session"))?,
    };
    let agent = AgentBinding::new(boot, b"simulated".to_vec(), "simulated.invalid".to_owned(), None)
        .map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    Ok(ReportData::compose(&session.leaf(), &agent))
}

/// Writes all files or, where one of the names is taken, none.
fn write(folder: &Path, files: &[(&str, Vec<u8>)]) -> Outcome<Vec<String>> {
    let failed = |source| FileError::Io { verb: "create", path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(failed)?;
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    if let Some(path) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::from(FileError::Exists { path: path.clone() }).hint("choose another folder"));
    }
    for ((_, bytes), path) in files.iter().zip(&paths) {
        write_new(path, bytes)?;
    }
    Ok(paths.iter().map(|path| path.display().to_string()).collect())
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{SIMULATED} (SIMULATED - NOT A TEE)")?;
        for file in &self.files {
            writeln!(f, "wrote {}", Safe::new(file))?;
        }
        if !self.mutations.is_empty() {
            writeln!(f, "faults       {}", Safe::new(&self.mutations.join(" ")))?;
        }
        writeln!(f, "root         {}", self.root)?;
        writeln!(f, "report data  {}", self.report_data)
    }
}

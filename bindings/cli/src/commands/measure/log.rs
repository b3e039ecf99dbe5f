//! `prism measure log`: what an event log tells, and which registers it leads to.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use clap::Args;
use prism_attest::replay::{Bank, EVENT_LOG_MAX, Event, EventLog, Proof, RegisterValue};
use prism_core::code::Code;
use prism_core::hexadecimal::HexBytes;
use serde::Serialize;

use crate::exit::{Failure, Outcome};
use crate::inputs::read;
use crate::print::{Printer, Safe};

pub(super) const EXAMPLE: &str = "\
Example
  prism measure log /sys/firmware/acpi/tables/data/CCEL --rtmrs          Intel TDX
  prism measure log /sys/kernel/security/tpm0/binary_bios_measurements --bank sha256

A log is a story that nobody signed. It is true as far as it leads to the registers that the machine \
signed, and an event's words are true only if they are proven: its digest is of these very words. Exit \
code 4 if the digest of some event has to be of its words and is not (DIFFERS).";

/// An event whose digest is not of its words, and has to be.
const DIFFERS: &str = "DIFFERS";

/// The arguments of `prism measure log`.
#[derive(Args, Debug)]
pub(crate) struct Log {
    /// The event log, in the crypto-agile form of the TCG
    #[arg(value_name = "EVENTLOG")]
    file: PathBuf,
    /// Print the PCRs of this bank: sha1, sha256, sha384 or sha512
    #[arg(long, value_name = "BANK")]
    bank: Option<Bank>,
    /// Print the runtime measurement registers of a trust domain (Intel TDX)
    #[arg(long)]
    rtmrs: bool,
}

#[derive(Serialize)]
struct Replayed {
    banks: Vec<Bank>,
    events: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pcrs: Option<BTreeMap<u8, RegisterValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtmrs: Option<[HexBytes<48>; 4]>,
}

#[derive(Serialize)]
struct Line {
    number: usize,
    register: u32,
    kind: String,
    proof: &'static str,
    words: Option<String>,
    digests: BTreeMap<&'static str, String>,
    bytes: usize,
}

impl Log {
    pub(crate) fn run(self, printer: Printer) -> Outcome {
        let bytes = read(&self.file, EVENT_LOG_MAX as u64)?;
        let replayed = self.replay(&bytes).map_err(|error| Failure::from(error).at(self.file.display()))?;
        let silent = replayed.pcrs.is_none() && replayed.rtmrs.is_none();
        printer.show(&replayed)?;
        if silent {
            printer.note("register values: --bank sha256 for a TPM's log, --rtmrs for one of a trust domain");
        }
        match replayed.events.iter().filter(|line| line.proof == DIFFERS).count() {
            0 => Ok(()),
            lies => Err(Failure::new(
                Code::EvidenceRefused,
                format!("expected digests of the events' words, found {lies} events with another"),
            )
            .hint("believe the words of no event marked DIFFERS; compare the registers with what the machine signed")),
        }
    }

    fn replay(&self, bytes: &[u8]) -> Result<Replayed, prism_attest::replay::EventLogError> {
        let log = EventLog::read(bytes)?;
        Ok(Replayed {
            banks: log.banks(),
            events: log.events().map(|event| line(&event)).collect(),
            pcrs: self.bank.map(|bank| log.replay_pcrs(bank)).transpose()?,
            rtmrs: self.rtmrs.then(|| log.replay_rtmrs()).transpose()?,
        })
    }
}

fn line(event: &Event<'_>) -> Line {
    let digest = |bank: Bank| event.digest(bank).map(|digest| (bank.name(), HexText(digest).to_string()));
    Line {
        number: event.number(),
        register: event.register(),
        kind: event.kind().to_string(),
        proof: match event.proof() {
            Proof::Holds => "proven",
            Proof::Claim => "claim",
            _ => DIFFERS,
        },
        words: event.words(),
        digests: Bank::ALL.into_iter().filter_map(digest).collect(),
        bytes: event.data().len(),
    }
}

/// Bytes as lower-case hexadecimal.
struct HexText<'a>(&'a [u8]);

impl fmt::Display for HexText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.events {
            let Line { number, register, kind, proof, words, .. } = line;
            let words = words.as_deref().unwrap_or_default();
            writeln!(f, "{number:>4}  {register:>2}  {proof:<7}  {kind:<32}  {}", Safe::new(words))?;
        }
        for (number, value) in self.pcrs.iter().flatten() {
            writeln!(f, "PCR{number:<2}  {value}")?;
        }
        for (number, value) in self.rtmrs.iter().flatten().enumerate() {
            writeln!(f, "RTMR{number}  {value}")?;
        }
        Ok(())
    }
}

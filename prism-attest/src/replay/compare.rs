//! Does the log tell the truth about the registers that the machine signed?

use prism_core::hexadecimal::HexBytes;
use prism_core::manifest::platform::EventLogRule;

use super::{Bank, EventLog, Proof};
use crate::finding::{Check, Findings, Notes};

/// Registers as the machine signed them. Only those given are compared; at least one has to be.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Registers<'a> {
    /// Runtime measurement registers of TDX by number, 0 to 3.
    Rtmrs(&'a [(u8, HexBytes<48>)]),
    /// Platform configuration registers of a TPM's bank by number.
    Pcrs(Bank, &'a [(u8, &'a [u8])]),
}

/// Compares a log with signed registers: is it there and well-formed, does it lead to their values, do its digests
/// follow from its data? Every register is one finding.
#[must_use]
pub fn compare(log: Option<&[u8]>, signed: Registers<'_>) -> Findings {
    let mut notes = Notes::default();
    appraise(log, EventLogRule::Require, signed, &mut notes);
    notes.into_findings()
}

impl EventLog<'_> {
    /// Compares what this log leads to with all four signed registers of a trust domain.
    #[must_use]
    pub fn compare_rtmrs(&self, signed: &[HexBytes<48>; 4]) -> Findings {
        let mut notes = Notes::default();
        let numbered: Vec<_> = (0..).zip(signed.iter().copied()).collect();
        self.registers(Registers::Rtmrs(&numbered), &mut notes);
        self.digests(&mut notes);
        notes.into_findings()
    }

    fn registers(&self, signed: Registers<'_>, notes: &mut Notes) {
        let mut note = |name: &str, number: u8, expected: Option<String>, found: String| {
            let ok = expected.as_ref() == Some(&found);
            let expected = expected.unwrap_or_else(|| "a register that the log can tell".to_owned());
            notes.check(
                Check::EventLogRegisters,
                ok,
                format_args!("{name}{number} {expected}"),
                format_args!("{name}{number} {found}"),
            );
        };
        let refused = match signed {
            Registers::Rtmrs(signed) => self.replay_rtmrs().map(|replayed| {
                for (number, value) in signed {
                    let expected = replayed.get(usize::from(*number)).map(ToString::to_string);
                    note("RTMR", *number, expected, value.to_string());
                }
                signed.is_empty()
            }),
            Registers::Pcrs(bank, signed) => self.replay_pcrs(bank).map(|replayed| {
                for (number, value) in signed {
                    let zero = || (*number <= 16 || *number == 23).then(|| hex::encode(vec![0; bank.digest_len()]));
                    let expected = replayed.get(number).map(ToString::to_string).or_else(zero);
                    note("PCR", *number, expected, hex::encode(value));
                }
                signed.is_empty()
            }),
        };
        match refused {
            Ok(false) => {}
            Ok(true) => drop(notes.check(Check::EventLogRegisters, false, "registers to compare with", "none")),
            Err(error) => drop(notes.check(Check::EventLogRegisters, false, "a log that can be replayed", error)),
        }
    }

    fn digests(&self, notes: &mut Notes) {
        let (mut proven, mut claims) = (0_usize, 0_usize);
        let mut differing = None;
        for event in self.events() {
            match event.proof() {
                Proof::Holds => proven += 1,
                Proof::Claim => claims += 1,
                Proof::Differs => drop(differing.get_or_insert((event.number(), event.kind(), event.register()))),
            }
        }
        let found = differing.map_or_else(
            || format!("{proven} events with digests of their data, and {claims} whose data are claims"),
            |(number, kind, register)| format!("another digest in event {number} ({kind}, register {register})"),
        );
        notes.check(Check::EventLogDigests, differing.is_none(), "digests of the events' data", found);
    }
}

/// Notes every condition on a log: one that is at hand has to tell the truth, and a policy may demand that it is.
pub(crate) fn appraise(log: Option<&[u8]>, rule: EventLogRule, signed: Registers<'_>, notes: &mut Notes) {
    let required = rule == EventLogRule::Require;
    let expected = if required { "an event log" } else { "an event log or none" };
    let found = if log.is_some() { "an event log" } else { "none" };
    notes.check(Check::EventLogPresent, log.is_some() || !required, expected, found);
    let Some(log) = log.map(EventLog::read) else { return };
    let found = log.as_ref().map_or_else(ToString::to_string, |log| format!("{} events", log.events().count()));
    notes.check(Check::EventLogForm, log.is_ok(), "a crypto-agile event log of the TCG", found);
    if let Ok(log) = log {
        log.registers(signed, notes);
        log.digests(notes);
    }
}

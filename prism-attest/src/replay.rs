//! Event logs: the story of a boot, told by nobody trustworthy and proven by registers that only grow.
//!
//! Firmware and boot loaders extend registers with digests and write beside them what each digest was of. The log
//! itself is not signed. Replaying it must give the register values that the machine signed; then its digests are true.
//! Whether an event's *data* are true is another question: [`Event::proof`] says for which they are.
//!
//! Read here is the crypto-agile log of the TCG PC Client Platform Firmware Profile 1.06 (section 10): a TPM's
//! `binary_bios_measurements`, and the CCEL of Intel TDX, which is the same with SHA-384 and measurement registers
//! (UEFI 2.10, section 38.4). The same events are also read from the TLV encoding of the TCG Canonical Event Log Format
//! 1.0; records of other content, such as Linux's IMA, are refused.
//!
//! ```
//! use prism_attest::replay::{EventLog, EventLogError};
//!
//! fn kernel_register(ccel: &[u8]) -> Result<String, EventLogError> {
//!     let log = EventLog::read(ccel)?;
//!     for event in log.events() {
//!         println!("{} {} {}", event.number(), event.register(), event.kind());
//!     }
//!     Ok(log.replay_rtmrs()?[1].to_string())
//! }
//! ```

mod agile;
mod bank;
mod canonical;
mod compare;
mod error;
mod event;
mod form;
mod header;
mod kind;
mod proof;
mod registers;
mod rest;
mod words;

pub use self::bank::Bank;
pub(crate) use self::compare::appraise;
pub use self::compare::{Registers, compare};
pub use self::error::EventLogError;
pub use self::event::{Event, Events};
pub use self::kind::EventType;
pub use self::proof::Proof;
pub use self::registers::RegisterValue;

use self::form::Form;
use self::rest::Rest;

/// Longest event log in bytes. A CCEL area has 64 KiB; logs of long-running Linux systems reach some hundred.
pub const EVENT_LOG_MAX: usize = 16 << 20;

/// An event log of which every length, count and algorithm is in order. Nothing in it is believed yet.
#[derive(Clone, Copy, Debug)]
pub struct EventLog<'a> {
    form: Form<'a>,
    records: &'a [u8],
}

impl<'a> EventLog<'a> {
    /// Reads a log to its end: the last byte, or the first record from which on all bytes are zero or all are 0xff.
    ///
    /// # Errors
    /// [`EventLogError`] at the first byte that has no meaning.
    pub fn read(bytes: &'a [u8]) -> Result<Self, EventLogError> {
        if bytes.is_empty() || bytes.len() > EVENT_LOG_MAX {
            return Err(EventLogError::Size { found: bytes.len() });
        }
        let mut rest = Rest(bytes);
        let form = Form::read(&mut rest)?;
        let mut events = Events::of(form, rest.0);
        while events.advance()?.is_some() {}
        Ok(Self { form, records: rest.0 })
    }

    /// The events in their order, without the header.
    #[must_use]
    pub const fn events(&self) -> Events<'a> {
        Events::of(self.form, self.records)
    }

    /// The banks that can be replayed here: those that the header declares, or that a canonical log has digests of.
    #[must_use]
    pub fn banks(&self) -> Vec<Bank> {
        Bank::ALL.into_iter().filter(|bank| self.has(*bank)).collect()
    }

    fn has(&self, bank: Bank) -> bool {
        self.form.declares(bank).unwrap_or_else(|| self.events().any(|event| event.digest(bank).is_some()))
    }
}

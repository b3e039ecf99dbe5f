//! Event logs: the story of a boot, told by nobody trustworthy and proven by registers that only grow.
//!
//! Firmware and boot loaders extend registers with digests and write beside them what each digest was of. The log
//! itself is not signed. Replaying it must give the register values that the machine signed; then its digests are true.
//! Whether an event's *data* are true is another question: [`Event::proof`] says for which they are.
//!
//! Read here is the crypto-agile log of the TCG PC Client Platform Firmware Profile 1.06 (section 10): a TPM's
//! `binary_bios_measurements`, and the CCEL of Intel TDX, which is the same with SHA-384 and measurement registers
//! (UEFI 2.10, section 38.4).
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

mod bank;
mod compare;
mod error;
mod event;
mod header;
mod kind;
mod proof;
mod registers;
mod rest;
mod words;

pub use self::bank::Bank;
pub use self::compare::{Registers, compare};
pub use self::error::EventLogError;
pub use self::event::{Event, Events};
pub use self::kind::EventType;
pub use self::proof::Proof;
pub use self::registers::RegisterValue;

use self::header::Header;
use self::rest::Rest;

/// Longest event log in bytes. A CCEL area has 64 KiB; logs of long-running Linux systems reach some hundred.
pub const EVENT_LOG_MAX: usize = 16 << 20;

/// An event log of which every length, count and algorithm is in order. Nothing in it is believed yet.
#[derive(Clone, Copy, Debug)]
pub struct EventLog<'a> {
    header: Header<'a>,
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
        let header = Header::read(&mut rest)?;
        let mut events = Events::of(header, rest.0);
        while events.advance()?.is_some() {}
        Ok(Self { header, records: rest.0 })
    }

    /// The events in their order, without the header.
    #[must_use]
    pub const fn events(&self) -> Events<'a> {
        Events::of(self.header, self.records)
    }

    /// The banks that the header declares and that can be replayed here.
    #[must_use]
    pub fn banks(&self) -> Vec<Bank> {
        Bank::ALL.into_iter().filter(|bank| self.header.declares(*bank)).collect()
    }
}

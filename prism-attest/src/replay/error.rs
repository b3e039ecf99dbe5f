use prism_core::code::{Code, Coded};

use super::{Bank, EVENT_LOG_MAX};

/// Why an event log cannot be read or replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventLogError {
    /// No bytes, or more than [`EVENT_LOG_MAX`].
    #[error("expected 1 to {EVENT_LOG_MAX} bytes of event log, found {found}; this cannot be one")]
    Size {
        /// The number of bytes found.
        found: usize,
    },
    /// The log does not begin with the header of a crypto-agile log.
    #[error("expected an event log that begins with \"Spec ID Event03\", found {fault}; logs of TPM 1.2 are not read")]
    Header {
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The bytes end inside of an event.
    #[error("expected event {event} whole, found the log's end inside of it; fetch the log again")]
    Truncated {
        /// The event, counted from 1 behind the header.
        event: usize,
    },
    /// An event has no digests, or more than the header declares algorithms.
    #[error("expected event {event} with 1 to {declared} digests, found {found}; the log is damaged or forged")]
    DigestCount {
        /// The event.
        event: usize,
        /// How many algorithms the header declares.
        declared: usize,
        /// The number found.
        found: u32,
    },
    /// An event has a digest of an algorithm that the header does not declare: its length is unknown.
    #[error("expected digests of the declared algorithms in event {event}, found algorithm {algorithm:#06x}")]
    UndeclaredAlgorithm {
        /// The event.
        event: usize,
        /// The algorithm's number in the TCG registry.
        algorithm: u16,
    },
    /// An event has two digests of one algorithm.
    #[error("expected one digest for each algorithm in event {event}, found two of {algorithm:#06x}")]
    RepeatedAlgorithm {
        /// The event.
        event: usize,
        /// The algorithm's number in the TCG registry.
        algorithm: u16,
    },
    /// A record of a canonical log is not one of firmware's events.
    #[error("expected record {event} with number, register, digests, type and data, found {fault}; IMA's are not read")]
    Record {
        /// The record, counted from 1.
        event: usize,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// An event that extends a register lacks the digest of the bank that is replayed.
    #[error(
        "expected event {event} with a digest of {bank}, found none; the register cannot be computed from this log"
    )]
    NoDigest {
        /// The event.
        event: usize,
        /// The bank.
        bank: Bank,
    },
    /// The log has no digests of this bank at all.
    #[error("expected a log of bank {bank}, found none of its digests declared; choose a bank that the log has")]
    NoBank {
        /// The bank.
        bank: Bank,
    },
    /// The name of a bank is unknown.
    #[error("expected a bank sha1, sha256, sha384 or sha512, found another word")]
    UnknownBank,
    /// An event is of a register that cannot be replayed.
    #[error(
        "expected events of registers {accepted}, found register {found} in event {event}; this is another kind of log"
    )]
    Register {
        /// The event.
        event: usize,
        /// Which registers can be replayed.
        accepted: &'static str,
        /// The register found.
        found: u32,
    },
    /// The event that tells the first value of PCR 0 is malformed, comes twice, or comes after PCR 0 was extended.
    #[error("expected one startup locality of 0, 3 or 4 before PCR 0 is extended, found another in event {event}")]
    Locality {
        /// The event.
        event: usize,
    },
}

impl Coded for EventLogError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownBank | Self::NoBank { .. } => Code::Usage,
            _ => Code::FileMalformed,
        }
    }
}

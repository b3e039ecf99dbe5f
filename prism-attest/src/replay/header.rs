//! The first record of a crypto-agile log, `TCG_EfiSpecIDEvent` in the form of TPM 1.2 (profile, section 10.4.5.1).

use super::rest::Rest;
use super::{Bank, EventLogError, EventType};

const SIGNATURE: &[u8; 16] = b"Spec ID Event03\0";

/// Most algorithms of one log; a TPM has at most 16 banks (`HASH_COUNT`).
const ALGORITHMS_MAX: usize = 16;

/// Longest digest of any algorithm in the TCG registry.
const DIGEST_MAX: u16 = 64;

/// What the log says of itself: its algorithms, each two bytes of number and two of length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    algorithms: &'a [[u8; 4]],
}

impl<'a> Header<'a> {
    pub(super) fn read(rest: &mut Rest<'a>) -> Result<Self, EventLogError> {
        let cut = EventLogError::Header { fault: "a header that is cut off" };
        let (kind, digest, event) = record(rest).ok_or(cut.clone())?;
        if kind != EventType::NO_ACTION || digest != [0; 20] {
            return Err(EventLogError::Header { fault: "another event" });
        }
        let mut event = Rest(event);
        if event.take().as_ref() != Some(SIGNATURE) {
            return Err(EventLogError::Header { fault: "another signature" });
        }
        let header = Self::read_body(&mut event).ok_or(cut)?;
        if !event.0.is_empty() {
            return Err(EventLogError::Header { fault: "a header with more bytes than it says" });
        }
        header.check()
    }

    /// Platform class, version, word size; the algorithms; the vendor's own bytes.
    fn read_body(event: &mut Rest<'a>) -> Option<Self> {
        let (_class, [_minor, _major, _errata, _word]) = (event.u32()?, event.take()?);
        let count = usize::try_from(event.u32()?).ok().filter(|count| *count <= ALGORITHMS_MAX)?;
        let (algorithms, _) = event.bytes(count * 4)?.as_chunks();
        let vendor = event.u8()?;
        event.bytes(usize::from(vendor))?;
        Some(Self { algorithms })
    }

    fn check(self) -> Result<Self, EventLogError> {
        if self.algorithms.is_empty() {
            return Err(EventLogError::Header { fault: "one without algorithms" });
        }
        for (position, (algorithm, length)) in self.declared().enumerate() {
            let right = Bank::of(algorithm).is_none_or(|bank| bank.digest_len() == usize::from(length));
            if !right || length == 0 || length > DIGEST_MAX {
                return Err(EventLogError::Header { fault: "an algorithm with an impossible length" });
            }
            if self.declared().take(position).any(|(other, _)| other == algorithm) {
                return Err(EventLogError::Header { fault: "an algorithm twice" });
            }
        }
        Ok(self)
    }

    fn declared(&self) -> impl Iterator<Item = (u16, u16)> + use<'a> {
        self.algorithms.iter().map(|[a, b, c, d]| (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d])))
    }

    pub(super) const fn count(&self) -> usize {
        self.algorithms.len()
    }

    /// Length of the digests of an algorithm, if it is declared.
    pub(super) fn digest_len(&self, algorithm: u16) -> Option<usize> {
        self.declared().find(|(declared, _)| *declared == algorithm).map(|(_, length)| usize::from(length))
    }

    pub(super) fn declares(&self, bank: Bank) -> bool {
        self.digest_len(bank.algorithm()).is_some()
    }
}

/// `TCG_PCR_EVENT`: type, SHA-1 and data; its register does not matter.
fn record<'a>(rest: &mut Rest<'a>) -> Option<(EventType, [u8; 20], &'a [u8])> {
    let _register = rest.u32()?;
    Some((EventType::new(rest.u32()?), rest.take()?, rest.sized()?))
}

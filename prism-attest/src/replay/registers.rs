//! Registers that only grow: each becomes the hash of itself and the next digest.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest::Context;
use prism_core::hexadecimal::HexBytes;
use serde::{Serialize, Serializer};

use super::{Bank, Event, EventLog, EventLogError, EventType};

/// The event that tells the locality from which the TPM was started (profile, section 10.4.5.3).
const STARTUP_LOCALITY: &[u8; 16] = b"StartupLocality\0";

/// The value of a register; its text is lower-case hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterValue(Vec<u8>);

impl RegisterValue {
    /// The bytes, as many as the bank's digests have.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn zero(bank: Bank) -> Self {
        Self(vec![0; bank.digest_len()])
    }

    /// PCR 0 as `TPM2_Startup` leaves it (TPM 2.0 part 1, section 12.2.3.2).
    fn started_at(bank: Bank, locality: u8) -> Self {
        let mut value = Self::zero(bank);
        value.0.iter_mut().rev().take(1).for_each(|byte| *byte = locality);
        value
    }

    fn extend(&mut self, bank: Bank, digest: &[u8]) {
        let mut context = Context::new(bank.function());
        context.update(&self.0);
        context.update(digest);
        self.0.copy_from_slice(context.finish().as_ref());
    }
}

impl fmt::Display for RegisterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for RegisterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RegisterValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl EventLog<'_> {
    /// The values of RTMR0 to RTMR3 that a CCEL leads to. Registers without events are zero; events of register 0 are
    /// about MRTD, which nothing extends.
    ///
    /// # Errors
    /// [`EventLogError`] for a log without SHA-384 or with a register that a trust domain does not have.
    pub fn replay_rtmrs(&self) -> Result<[HexBytes<48>; 4], EventLogError> {
        let bank = Bank::Sha384;
        self.check_bank(bank)?;
        let mut values = [(); 4].map(|()| RegisterValue::zero(bank));
        for event in self.events() {
            let (event_number, found) = (event.number(), event.register());
            let register = usize::try_from(found).unwrap_or(usize::MAX);
            if register > values.len() {
                let accepted = "0 (MRTD) to 4 (RTMR3)";
                return Err(EventLogError::Register { event: event_number, accepted, found });
            }
            let value = register.checked_sub(1).and_then(|index| values.get_mut(index));
            if let Some(value) = value.filter(|_| event.kind() != EventType::NO_ACTION) {
                value.extend(bank, digest(&event, bank)?);
            }
        }
        Ok(values.map(|value| HexBytes::new(value.0.first_chunk().copied().unwrap_or([0; 48]))))
    }

    /// The values of every PCR of this bank that the log extends: 0 to 16 and 23, which a reset leaves at zero.
    ///
    /// # Errors
    /// [`EventLogError`] for a bank that the log does not have, and for PCRs 17 to 22, which a log of this kind cannot
    /// tell.
    pub fn replay_pcrs(&self, bank: Bank) -> Result<BTreeMap<u8, RegisterValue>, EventLogError> {
        self.check_bank(bank)?;
        let mut values = BTreeMap::new();
        let mut locality = None;
        for event in self.events() {
            if event.kind() == EventType::NO_ACTION {
                if let Some(found) = startup_locality(&event)?
                    && (locality.replace(found).is_some() || values.contains_key(&0))
                {
                    return Err(EventLogError::Locality { event: event.number() });
                }
                continue;
            }
            let value = values.entry(pcr(&event)?).or_insert_with_key(|pcr| match (pcr, locality) {
                (0, Some(locality)) => RegisterValue::started_at(bank, locality),
                _ => RegisterValue::zero(bank),
            });
            value.extend(bank, digest(&event, bank)?);
        }
        Ok(values)
    }

    fn check_bank(&self, bank: Bank) -> Result<(), EventLogError> {
        if self.has(bank) { Ok(()) } else { Err(EventLogError::NoBank { bank }) }
    }
}

fn digest<'a>(event: &Event<'a>, bank: Bank) -> Result<&'a [u8], EventLogError> {
    event.digest(bank).ok_or(EventLogError::NoDigest { event: event.number(), bank })
}

fn pcr(event: &Event<'_>) -> Result<u8, EventLogError> {
    let (number, found) = (event.number(), event.register());
    let known = u8::try_from(found).ok().filter(|pcr| matches!(pcr, 0..=16 | 23));
    known.ok_or(EventLogError::Register { event: number, accepted: "0 to 16 and 23", found })
}

/// The locality, if the event tells one.
fn startup_locality(event: &Event<'_>) -> Result<Option<u8>, EventLogError> {
    let Some(rest) = event.data().strip_prefix(STARTUP_LOCALITY.as_slice()) else { return Ok(None) };
    match rest {
        [locality @ (0 | 3 | 4)] if event.register() == 0 => Ok(Some(*locality)),
        _ => Err(EventLogError::Locality { event: event.number() }),
    }
}

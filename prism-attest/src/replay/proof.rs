//! Does an event's digest follow from its data? Only where the profile says so can it be checked.

use super::rest::Rest;
use super::{Bank, Event, EventType};

/// What an event's digests say about its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// Every digest is that of the data: whoever trusts the register can trust the data.
    Holds,
    /// A digest is not that of the data, though it has to be.
    Differs,
    /// The digest is of something that is not in the log: the data are a claim.
    Claim,
}

impl Event<'_> {
    /// Compares the digests with the data where the profile (section 10.4.1) says that they are of the data.
    ///
    /// An event that extends nothing has digests of zeros. Digests of algorithms that are unknown here are not looked at.
    /// Boot variables are hashed whole by some firmware and by their value alone by others; both hold.
    #[must_use]
    pub fn proof(&self) -> Proof {
        let holds = match self.kind() {
            EventType::NO_ACTION => self.digests().all(|(_, digest)| digest.iter().all(|byte| *byte == 0)),
            EventType::SEPARATOR
            | EventType::ACTION
            | EventType::S_CRTM_VERSION
            | EventType::EFI_ACTION
            | EventType::EFI_GPT_EVENT
            | EventType::EFI_VARIABLE_DRIVER_CONFIG
            | EventType::EFI_VARIABLE_AUTHORITY => self.is_hash_of(self.data()),
            EventType::EFI_VARIABLE_BOOT | EventType::EFI_VARIABLE_BOOT2 => {
                variable_value(self.data()).is_some_and(|value| self.is_hash_of(value) || self.is_hash_of(self.data()))
            }
            _ => return Proof::Claim,
        };
        if holds { Proof::Holds } else { Proof::Differs }
    }

    /// Whether there are digests that are known here, and all are of these bytes.
    fn is_hash_of(&self, bytes: &[u8]) -> bool {
        let mut known = self.digests().filter_map(|(number, digest)| Some((Bank::of(number)?, digest))).peekable();
        known.peek().is_some() && known.all(|(bank, digest)| bank.hash(bytes).as_ref() == digest)
    }
}

/// The value in `UEFI_VARIABLE_DATA` (profile, section 10.2.6): behind a GUID, two lengths, and a name of two-byte
/// characters; nothing follows it.
fn variable_value(data: &[u8]) -> Option<&[u8]> {
    let mut rest = Rest(data);
    let _vendor: [u8; 16] = rest.take()?;
    let characters = u64::from_le_bytes(rest.take()?);
    let length = u64::from_le_bytes(rest.take()?);
    rest.bytes(usize::try_from(characters).ok()?.checked_mul(2)?)?;
    let value = rest.bytes(usize::try_from(length).ok()?)?;
    rest.0.is_empty().then_some(value)
}

//! What events say, for people.

use super::rest::Rest;
use super::{Event, EventType};

/// Longest description in characters.
const WORDS_MAX: usize = 160;

impl Event<'_> {
    /// What the event tells, if it is text: a sentence, a name, or a variable's name. It is printable ASCII with `?` for
    /// all else, and true only where [`Event::proof`] holds.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let data = self.data();
        let text = match self.kind() {
            EventType::EFI_VARIABLE_DRIVER_CONFIG
            | EventType::EFI_VARIABLE_BOOT
            | EventType::EFI_VARIABLE_BOOT2
            | EventType::EFI_VARIABLE_AUTHORITY => variable_name(data)?,
            EventType::EFI_PLATFORM_FIRMWARE_BLOB2 | EventType::EFI_HANDOFF_TABLES2 => short_text(data)?,
            EventType::EVENT_TAG => tagged(data)?,
            EventType::S_CRTM_VERSION => wide(data),
            _ => data.to_vec(),
        };
        printable(&text)
    }
}

/// A name of two-byte characters behind a GUID and two lengths.
fn variable_name(data: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Rest(data);
    let (_vendor, characters, _length) = (rest.take::<16>()?, u64::from_le_bytes(rest.take()?), rest.take::<8>()?);
    rest.bytes(usize::try_from(characters).ok()?.checked_mul(2)?).map(wide)
}

/// One byte of length, and so much text.
fn short_text(data: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Rest(data);
    let length = rest.u8()?;
    rest.bytes(usize::from(length)).map(<[u8]>::to_vec)
}

/// `TCG_PCClientTaggedEvent`: a number, a length, and data.
fn tagged(data: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Rest(data);
    let _tag = rest.u32()?;
    rest.sized().map(<[u8]>::to_vec)
}

/// Two-byte characters as one byte each; what does not fit into one is not printable.
fn wide(data: &[u8]) -> Vec<u8> {
    data.as_chunks().0.iter().map(|unit| u8::try_from(u16::from_le_bytes(*unit)).unwrap_or(0x1a)).collect()
}

/// Text without the zeros behind it; nothing for what is hardly text.
fn printable(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = bytes.get(..end).unwrap_or_default();
    let strange = text.iter().filter(|byte| !matches!(byte, b' '..=b'~')).count();
    if text.is_empty() || strange * 4 > text.len() {
        return None;
    }
    let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
    Some(text.iter().take(WORDS_MAX).map(shown).collect())
}

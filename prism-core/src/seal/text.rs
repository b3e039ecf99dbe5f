//! Bech32 (BIP 173) without its limit on length: the text of recipients and identities.

use bech32::primitives::checksum::Checksum;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::primitives::iter::{ByteIterExt as _, Fe32IterExt as _};
use bech32::{Bech32, Fe1024, Hrp};
use zeroize::Zeroizing;

/// Longest text; the longest recipient has 1959 characters.
const TEXT_MAX: usize = 2048;

/// The checksum of BIP 173 for longer texts.
enum Unbounded {}

impl Checksum for Unbounded {
    type MidstateRepr = u32;
    type CorrectionField = Fe1024;
    const ROOT_GENERATOR: Fe1024 = Bech32::ROOT_GENERATOR;
    const ROOT_EXPONENTS: core::ops::RangeInclusive<usize> = Bech32::ROOT_EXPONENTS;
    const CODE_LENGTH: usize = TEXT_MAX;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [u32; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = Bech32::TARGET_RESIDUE;
}

/// The text of `data` in lower case; `prefix` stands before the digit 1.
pub(super) fn encode(prefix: &str, data: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(TEXT_MAX));
    if let Ok(prefix) = Hrp::parse(prefix) {
        text.extend(data.iter().copied().bytes_to_fes().with_checksum::<Unbounded>(&prefix).chars());
    }
    text
}

/// The data in `text` if it is exactly what [`encode`] writes for `prefix`.
pub(super) fn decode(prefix: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let checked = CheckedHrpstring::new::<Unbounded>(text).ok()?;
    let mut data = Zeroizing::new(Vec::with_capacity(TEXT_MAX));
    data.extend(checked.byte_iter());
    (*encode(prefix, &data) == text).then_some(data)
}

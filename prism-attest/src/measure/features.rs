use std::fmt;
use std::str::FromStr;

use super::MeasureError;

/// `SEV_FEATURES` in the save area of every virtual processor (AMD64 manual, volume 2, table B-4).
///
/// The host's KVM decides about them: Linux 6.8 and later set [`GuestFeatures::SNP`] alone unless told otherwise,
/// others also debug swap (`0x21`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GuestFeatures(u64);

impl GuestFeatures {
    /// SEV-SNP is active, and nothing else.
    pub const SNP: Self = Self(1);

    /// The bits as they stand in the save area.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// SEV-ES guests have none.
    pub(super) const NONE: Self = Self(0);

    pub(super) fn check_snp(self) -> Result<(), MeasureError> {
        if self.0 & Self::SNP.0 == 0 { Err(MeasureError::Features { found: self.to_string() }) } else { Ok(()) }
    }
}

impl fmt::Display for GuestFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl FromStr for GuestFeatures {
    type Err = MeasureError;

    /// Reads a number, decimal or hexadecimal after `0x`.
    fn from_str(text: &str) -> Result<Self, MeasureError> {
        let number = text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let number = number.ok().filter(|_| plain);
        number.map(Self).ok_or_else(|| MeasureError::Features { found: "no number".to_owned() })
    }
}

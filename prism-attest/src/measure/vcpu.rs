use std::fmt;
use std::str::FromStr;

use super::MeasureError;

/// What `CPUID` says in `EAX` of leaf 1 (publication 25481): family, model and stepping of a virtual processor.
///
/// ```
/// use prism_attest::measure::VcpuSignature;
/// let milan: VcpuSignature = "EPYC-Milan".parse()?;
/// assert_eq!(milan, VcpuSignature::of(25, 1, 1));
/// assert_eq!(milan.to_string(), "0xa00f11");
/// # Ok::<(), prism_attest::measure::MeasureError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VcpuSignature(u32);

/// The processors of QEMU's `-cpu` as (name, family, model, stepping). A version changes features, not the signature.
const NAMED: &[(&str, u8, u8, u8)] = &[
    ("EPYC", 23, 1, 2),
    ("EPYC-v1", 23, 1, 2),
    ("EPYC-v2", 23, 1, 2),
    ("EPYC-IBPB", 23, 1, 2),
    ("EPYC-v3", 23, 1, 2),
    ("EPYC-v4", 23, 1, 2),
    ("EPYC-v5", 23, 1, 2),
    ("EPYC-Rome", 23, 49, 0),
    ("EPYC-Rome-v1", 23, 49, 0),
    ("EPYC-Rome-v2", 23, 49, 0),
    ("EPYC-Rome-v3", 23, 49, 0),
    ("EPYC-Rome-v4", 23, 49, 0),
    ("EPYC-Rome-v5", 23, 49, 0),
    ("EPYC-Milan", 25, 1, 1),
    ("EPYC-Milan-v1", 25, 1, 1),
    ("EPYC-Milan-v2", 25, 1, 1),
    ("EPYC-Milan-v3", 25, 1, 1),
    ("EPYC-Genoa", 25, 17, 0),
    ("EPYC-Genoa-v1", 25, 17, 0),
    ("EPYC-Genoa-v2", 25, 17, 0),
    ("EPYC-Turin", 26, 0, 0),
    ("EPYC-Turin-v1", 26, 0, 0),
];

impl VcpuSignature {
    /// The signature as `CPUID` gives it.
    #[must_use]
    pub const fn new(signature: u32) -> Self {
        Self(signature)
    }

    /// The signature of a family, model and stepping: what exceeds four bits goes to the extended fields.
    #[must_use]
    pub const fn of(family: u8, model: u8, stepping: u8) -> Self {
        let (base, extended) = if family > 0xf { (0xf, family - 0xf) } else { (family, 0) };
        let high = (extended as u32) << 20 | (model as u32 >> 4) << 16;
        Self(high | (base as u32) << 8 | (model as u32 & 0xf) << 4 | (stepping as u32 & 0xf))
    }

    /// The 32 bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The names that can be read, in QEMU's words.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, ..)| *name)
    }
}

impl fmt::Display for VcpuSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl FromStr for VcpuSignature {
    type Err = MeasureError;

    /// Reads one of [`VcpuSignature::names`], or a signature in hexadecimal after `0x`.
    fn from_str(text: &str) -> Result<Self, MeasureError> {
        if let Some((_, family, model, stepping)) = NAMED.iter().find(|(name, ..)| *name == text) {
            return Ok(Self::of(*family, *model, *stepping));
        }
        let digits = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        number.map(Self).ok_or(MeasureError::UnknownVcpu)
    }
}

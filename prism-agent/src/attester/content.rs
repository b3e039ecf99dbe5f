//! What signed bytes are, by their own first words: an interface's name is not taken for it.

use prism_attest::evidence::Platform;

/// Length of an SEV-SNP report in bytes (AMD 56860, `ATTESTATION_REPORT`).
const SNP_REPORT_LEN: usize = 1184;

/// Where an SEV-SNP report says how it is signed, and the word for ECDSA P-384 with SHA-384.
const SNP_ALGORITHM_AT: usize = 0x34;
const SNP_ALGORITHM: [u8; 4] = [1, 0, 0, 0];

/// Where an SEV-SNP report says which key signed it: bits 2 to 4.
const SNP_KEY_AT: usize = 0x48;

/// TEE type of a TDX quote (Intel TDX DCAP quoting library, "Quote Header").
const TDX_TEE: [u8; 4] = [0x81, 0, 0, 0];

/// First bytes of tagged items in CBOR: newer TDX modules' DICE evidence is a CWT (RFC 8392).
const CBOR_TAGS: std::ops::RangeInclusive<u8> = 0xc0..=0xdb;

/// What some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// An SEV-SNP report.
    SnpReport,
    /// A TDX quote.
    TdxQuote,
    /// Evidence of a TDX module that signs with DICE.
    TdxDice,
    /// None of these.
    Unknown,
}

impl Content {
    /// Looks at the first words.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let at = |place: usize| bytes.get(place..)?.first_chunk::<4>().copied();
        if bytes.len() == SNP_REPORT_LEN && at(SNP_ALGORITHM_AT) == Some(SNP_ALGORITHM) {
            return Self::SnpReport;
        }
        if at(4) == Some(TDX_TEE) {
            return Self::TdxQuote;
        }
        match bytes.first() {
            Some(first) if CBOR_TAGS.contains(first) => Self::TdxDice,
            _ => Self::Unknown,
        }
    }

    /// The platform that signs such bytes.
    pub(super) const fn platform(self) -> Option<Platform> {
        match self {
            Self::SnpReport => Some(Platform::Snp),
            Self::TdxQuote => Some(Platform::Tdx),
            Self::TdxDice | Self::Unknown => None,
        }
    }

    /// For people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::SnpReport => "an SEV-SNP report",
            Self::TdxQuote => "a TDX quote",
            Self::TdxDice => "TDX evidence in the newer DICE form",
            Self::Unknown => "other bytes",
        }
    }
}

/// Whether an SEV-SNP report says that a VLEK signed it; `None` for another key or no report.
pub(super) fn signed_by_vlek(report: &[u8]) -> Option<bool> {
    match (report.get(SNP_KEY_AT)? >> 2) & 0b111 {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

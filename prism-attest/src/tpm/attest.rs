//! `TPMS_ATTEST` of a quote. All numbers are big-endian.

use std::fmt;

use super::{ALG_SHA256, ClockInfo, REGISTERS};
use crate::finding::{Check, Notes, Stop};

/// Begins everything that a TPM signs about itself, and nothing else that it signs (`TPM_GENERATED_VALUE`).
const GENERATED: u32 = 0xff54_4347;
/// A quote (`TPM_ST_ATTEST_QUOTE`).
const QUOTE: u16 = 0x8018;
/// Largest `TPM2B_NAME` and `TPM2B_DATA`: an algorithm's number and its digest, SHA-512 at most.
const NAME_MAX: usize = 66;
/// Largest `TPM2B_DIGEST`.
const DIGEST_MAX: usize = 64;
/// Most banks that one quote selects (`HASH_COUNT`).
const SELECTIONS_MAX: u32 = 16;
/// Most bytes of one selection; three cover the registers that there are.
const SELECT_MAX: u8 = 4;

/// A quote whose form is right. Its signature is not checked yet.
pub(crate) struct Attest<'a> {
    bytes: &'a [u8],
    fields: Fields<'a>,
}

struct Fields<'a> {
    nonce: &'a [u8],
    clock: ClockInfo,
    firmware: u64,
    selections: Vec<Selection>,
    digest: &'a [u8],
}

/// Registers of one bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    algorithm: u16,
    /// Bit *n* selects register *n*.
    registers: u32,
}

impl<'a> Attest<'a> {
    /// Reads exactly `bytes`.
    pub(crate) fn read(bytes: &'a [u8], notes: &mut Notes) -> Result<Self, Stop> {
        let mut rest = Rest(bytes);
        let (magic, kind) = (rest.u32(), rest.u16());
        let found = format!("magic {:#x}, type {:#x}", magic.unwrap_or_default(), kind.unwrap_or_default());
        let quote = magic == Some(GENERATED) && kind == Some(QUOTE);
        let expected = format!("magic {GENERATED:#x}, type {QUOTE:#x}");
        notes.need(Check::TpmQuoteKind, quote, expected, found)?;
        let fields = Fields::read(&mut rest).filter(|_| rest.0.is_empty());
        let found = if fields.is_some() { "a quote" } else { "other lengths, values or bytes after it" };
        notes.need(Check::TpmQuoteForm, fields.is_some(), "a quote with nothing after it", found)?;
        fields.map(|fields| Self { bytes, fields }).ok_or(Stop)
    }

    /// What the signature covers: all of it, as received.
    pub(crate) const fn signed_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes that the program gave for this quote (`extraData`).
    pub(crate) const fn nonce(&self) -> &'a [u8] {
        self.fields.nonce
    }

    pub(crate) const fn clock(&self) -> ClockInfo {
        self.fields.clock
    }

    pub(crate) const fn firmware(&self) -> u64 {
        self.fields.firmware
    }

    pub(super) fn selections(&self) -> &[Selection] {
        &self.fields.selections
    }

    pub(super) const fn digest(&self) -> &'a [u8] {
        self.fields.digest
    }
}

impl<'a> Fields<'a> {
    fn read(rest: &mut Rest<'a>) -> Option<Self> {
        let _qualified_signer = rest.sized(NAME_MAX)?;
        Some(Self {
            nonce: rest.sized(NAME_MAX)?,
            clock: ClockInfo {
                clock: rest.u64()?,
                reset_count: rest.u32()?,
                restart_count: rest.u32()?,
                safe: rest.yes_no()?,
            },
            firmware: rest.u64()?,
            selections: Selection::read_all(rest)?,
            digest: rest.sized(DIGEST_MAX)?,
        })
    }
}

impl Selection {
    /// These registers of the bank of `algorithm`.
    pub(super) fn new(algorithm: u16, registers: impl Iterator<Item = u8>) -> Self {
        Self { algorithm, registers: registers.fold(0, |bits, register| bits | bit(register)) }
    }

    fn read_all(rest: &mut Rest) -> Option<Vec<Self>> {
        let count = rest.u32().filter(|count| *count <= SELECTIONS_MAX)?;
        (0..count).map(|_| Self::read(rest)).collect()
    }

    fn read(rest: &mut Rest) -> Option<Self> {
        let algorithm = rest.u16()?;
        let length = rest.u8().filter(|length| *length <= SELECT_MAX)?;
        let bytes = rest.take(length.into())?;
        let registers = bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        Some(Self { algorithm, registers })
    }
}

fn bit(register: u8) -> u32 {
    1_u32.checked_shl(register.into()).unwrap_or_default()
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> =
            (0..REGISTERS + 8).filter(|number| self.registers & bit(*number) != 0).map(|n| n.to_string()).collect();
        match self.algorithm {
            ALG_SHA256 => write!(f, "registers {} of bank sha256", numbers.join(" ")),
            other => write!(f, "registers {} of bank {other:#06x}", numbers.join(" ")),
        }
    }
}

/// The bytes that are not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*part)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// `TPMI_YES_NO`: one or zero, and nothing else.
    fn yes_no(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// A length in two bytes, and so many bytes.
    fn sized(&mut self, limit: usize) -> Option<&'a [u8]> {
        let length = usize::from(self.u16()?);
        if length > limit { None } else { self.take(length) }
    }
}

//! What a TPM signs, over the bytes received: a quote of its registers (TPM 2.0 Library, part 2, section 10.12).

mod attest;

use std::collections::BTreeMap;

use prism_core::digest::Digest;
use prism_core::manifest::platform::HexBytes;
use serde::Serialize;

pub(crate) use self::attest::{Attest, Selection};
use crate::crypto;
use crate::finding::{Check, Notes, Stop};

/// Registers of a TPM in a PC (PC Client Platform TPM Profile, section 4.6).
pub(crate) const REGISTERS: u8 = 24;

/// Bytes of an RSA key's modulus of 2,048 bits, and of its signatures.
pub(crate) const RSA_2048_LEN: usize = 256;

/// The number of SHA-256 in TPM structures (`TPM_ALG_SHA256`).
const ALG_SHA256: u16 = 0x000b;

/// Values of platform configuration registers by number, bank SHA-256.
pub(crate) type Registers = BTreeMap<u8, HexBytes<32>>;

/// A TPM's clock when it signed (`TPMS_CLOCK_INFO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ClockInfo {
    /// Milliseconds that the TPM was powered since its owner was cleared.
    pub clock: u64,
    /// How often it was reset since then.
    pub reset_count: u32,
    /// How often it was restarted or resumed since its last reset.
    pub restart_count: u32,
    /// Whether the clock has not been set back.
    pub safe: bool,
}

/// Verifies that the key with this modulus signed the message, and that the message is about exactly these registers.
pub(crate) fn verify(
    attest: &Attest,
    (modulus, signature): (&[u8], &[u8]),
    registers: &Registers,
    notes: &mut Notes,
) -> Result<(), Stop> {
    let signed = crypto::rsa_pkcs1_sha256(modulus, attest.signed_bytes(), signature);
    let found = if signed { "a signature that holds" } else { "a signature that does not hold" };
    notes.need(Check::TpmQuoteSignature, signed, "a signature by the machine's attestation key", found)?;
    check_selection(attest, registers, notes)?;
    let digest = digest_of(registers);
    let same = attest.digest() == digest.as_bytes();
    let expected = format!("registers with the quoted digest {}", hex::encode(attest.digest()));
    notes.need(Check::PcrDigest, same, expected, digest.to_hex())
}

fn check_selection(attest: &Attest, registers: &Registers, notes: &mut Notes) -> Result<(), Stop> {
    let claimed = Selection::new(ALG_SHA256, registers.keys().copied());
    let same = attest.selections() == std::slice::from_ref(&claimed);
    let quoted: Vec<_> = attest.selections().iter().map(ToString::to_string).collect();
    let quoted = if quoted.is_empty() { "no register".to_owned() } else { quoted.join(" and ") };
    notes.need(Check::PcrSelection, same, format_args!("exactly {claimed} quoted"), quoted)
}

/// SHA-256 over the values in the order of their numbers (part 1, section 17.7).
fn digest_of(registers: &Registers) -> Digest {
    let values: Vec<u8> = registers.values().flat_map(|value| *value.as_bytes()).collect();
    Digest::sha256(&values)
}

//! The quote's layout (Intel TDX DCAP Quoting Library API, appendix A.3 and A.4), over the bytes as received.

mod body;
mod certification;
mod reader;

use prism_core::hexadecimal::Hex;

#[cfg(test)]
pub(crate) use self::body::Td15;
pub(crate) use self::body::{Body, attributes};
use self::certification::Certification;
pub(crate) use self::certification::QeReport;
use self::reader::{Reader, whole};
use crate::finding::{Check, Notes, Stop};

/// Bytes before the body, in every version.
const HEADER_LEN: usize = 48;

/// ECDSA on P-256 with SHA-256.
const KEY_TYPE: u16 = 2;

/// A trust domain, not an enclave.
const TEE_TDX: u32 = 0x81;

/// Intel's quoting enclave.
const QE_VENDOR: [u8; 16] =
    [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07];

/// Bytes in the header's user data that mark every quote of the simulator.
pub(crate) const SIMULATOR_USER_DATA: &[u8; 20] = b"PRISM-SIMULATED-TDX\0";

/// A quote with known layout. Nobody has verified any of it.
pub(crate) struct Quote<'a> {
    pub(super) version: u16,
    pub(super) user_data: &'a [u8; 20],
    pub(super) body: Body,
    signed: &'a [u8],
    pub(super) signature: &'a [u8; 64],
    /// `x ‖ y` of the key that signed the quote.
    pub(super) attestation_key: &'a [u8; 64],
    pub(super) certification: Certification<'a>,
}

impl<'a> Quote<'a> {
    /// Reads a quote of version 4 or 5. Only if `has_chain`, the certificates of the machine's key may be missing in it.
    pub(crate) fn read(bytes: &'a [u8], has_chain: bool, notes: &mut Notes) -> Result<Self, Stop> {
        let mut rest = Reader::new(bytes);
        let (version, user_data) = read_header(&mut rest, notes)?;
        let body = Body::read(version, &mut rest, notes)?;
        let signed = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
        let length = whole("the length of the signature data", rest.length(), notes)?;
        let data = whole("the signature data", rest.take(length), notes)?;
        let padded = rest.is_zero();
        let found = if padded { "nothing but zeros" } else { "other bytes" };
        notes.need(Check::QuoteTrailing, padded, "nothing but zeros after the signature data", found)?;
        let mut data = Reader::new(data);
        let signature = whole("the signature", data.array(), notes)?;
        let attestation_key = whole("the attestation key", data.array(), notes)?;
        let certification = Certification::read(data, has_chain, notes)?;
        notes.need(Check::QuoteLength, true, "sizes that fit", "sizes that fit")?;
        Ok(Self { version, user_data, body, signed, signature, attestation_key, certification })
    }

    /// What the attestation key signed: header and body.
    pub(super) const fn signed_bytes(&self) -> &'a [u8] {
        self.signed
    }

    /// Whether the quote calls itself simulated.
    pub(super) fn is_marked(&self) -> bool {
        self.user_data == SIMULATOR_USER_DATA
    }
}

/// The header's 48 bytes; bytes 8 to 11 are reserved in version 4, have held versions before, and are signed.
fn read_header<'a>(rest: &mut Reader<'a>, notes: &mut Notes) -> Result<(u16, &'a [u8; 20]), Stop> {
    let header = whole("the header", rest.take(HEADER_LEN), notes)?;
    let mut header = Reader::new(header);
    let version = whole("the version", header.u16(), notes)?;
    notes.need(Check::QuoteVersion, matches!(version, 4 | 5), "4 or 5", version)?;
    let key_type = whole("the key's type", header.u16(), notes)?;
    notes.need(Check::QuoteKeyType, key_type == KEY_TYPE, "2 (ECDSA on P-256)", key_type)?;
    let tee = whole("the kind of machine", header.u32(), notes)?;
    notes.need(Check::QuoteTee, tee == TEE_TDX, "0x81 (TDX)", format_args!("{tee:#x}"))?;
    whole("reserved bytes", header.take(4), notes)?;
    let vendor: &[u8; 16] = whole("the vendor", header.array(), notes)?;
    notes.need(Check::QuoteVendor, *vendor == QE_VENDOR, "Intel's quoting enclave", Hex(vendor))?;
    Ok((version, whole("user data", header.array(), notes)?))
}

//! The report of Azure's paravisor, as its virtual TPM keeps it: a hardware report, and the runtime claims whose digest
//! is in it ("Confidential VM guest attestation design", attestation report format). Nothing but those two is signed or
//! hashed; the numbers around them only have to fit. All numbers are little-endian.

use super::Hardware;
use crate::finding::{Check, Notes, Stop};

const MAGIC: &[u8; 4] = b"HCLA";
/// Bytes before the hardware report.
const HEADER_LEN: usize = 0x20;
/// Bytes for the hardware report, whatever its kind.
const REPORT_LEN: usize = 0x4a0;
/// Bytes of the numbers before the runtime claims.
const DATA_HEADER_LEN: usize = 20;
/// The report was made to certify the attestation key.
const AK_CERTIFICATE: u32 = 2;
const SHA256: u32 = 1;

/// A report whose lengths and numbers fit. Nothing in it is believed yet.
pub(super) struct HclReport<'a> {
    /// The hardware report: `ATTESTATION_REPORT` or `TDREPORT_STRUCT`.
    pub(super) hardware: &'a [u8],
    /// The runtime claims as the paravisor hashed them.
    pub(super) claims: &'a [u8],
}

/// The report cut into its parts.
struct Parts<'a> {
    magic: [u8; 4],
    version: u32,
    size: u32,
    request: u32,
    status: u32,
    reserved: [u8; 12],
    hardware: &'a [u8],
    data_size: u32,
    data_version: u32,
    kind: u32,
    hash: u32,
    claims_len: u32,
    rest: &'a [u8],
}

impl<'a> HclReport<'a> {
    /// Reads a report over hardware of this kind.
    pub(super) fn read(bytes: &'a [u8], hardware: Hardware, notes: &mut Notes) -> Result<Self, Stop> {
        let parts = Parts::read(bytes);
        let least = HEADER_LEN + REPORT_LEN + DATA_HEADER_LEN;
        let found = format!("{} bytes", bytes.len());
        notes.need(Check::HclForm, parts.is_some(), format_args!("at least {least} bytes"), found)?;
        let parts = parts.ok_or(Stop)?;
        parts.check_header(notes)?;
        parts.check_kind(hardware, notes)?;
        let claims = parts.claims(notes)?;
        let (report, padding) = parts.hardware.split_at_checked(hardware.report_len()).ok_or(Stop)?;
        need_zeros(padding, "after the hardware report", notes)?;
        Ok(Self { hardware: report, claims })
    }
}

impl<'a> Parts<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(HEADER_LEN)?;
        let (hardware, rest) = rest.split_at_checked(REPORT_LEN)?;
        let (data, rest) = rest.split_at_checked(DATA_HEADER_LEN)?;
        let (mut header, mut data) = (Numbers(header), Numbers(data));
        Some(Self {
            magic: header.take()?,
            version: header.next()?,
            size: header.next()?,
            request: header.next()?,
            status: header.next()?,
            reserved: header.take()?,
            hardware,
            data_size: data.next()?,
            data_version: data.next()?,
            kind: data.next()?,
            hash: data.next()?,
            claims_len: data.next()?,
            rest,
        })
    }

    fn check_header(&self, notes: &mut Notes) -> Result<(), Stop> {
        let Self { magic, version, request, status, data_version, reserved, .. } = self;
        let known = magic == MAGIC
            && (1..=2).contains(version)
            && *request == AK_CERTIFICATE
            && *status == 0
            && *data_version == 1
            && reserved.iter().all(|byte| *byte == 0);
        let found = format!(
            "{} of version {version}, request {request}, status {status}, data of version {data_version}",
            String::from_utf8_lossy(magic)
        );
        let expected = "HCLA of version 1 or 2, request 2, status 0, data of version 1, zeros in reserved bytes";
        notes.need(Check::HclForm, known, expected, found)
    }

    fn check_kind(&self, hardware: Hardware, notes: &mut Notes) -> Result<(), Stop> {
        let ok = self.kind == hardware.hcl_kind() && self.hash == SHA256;
        let found = format!("hardware report of type {}, hash of type {}", self.kind, self.hash);
        let expected = format!("hardware report of type {} ({hardware}), hash of type {SHA256}", hardware.hcl_kind());
        notes.need(Check::HclForm, ok, expected, found)
    }

    /// The claims, if all three lengths agree with each other and with the bytes.
    fn claims(&self, notes: &mut Notes) -> Result<&'a [u8], Stop> {
        let Self { size, data_size, claims_len, .. } = *self;
        let length = usize::try_from(claims_len).ok();
        let agree = length.is_some_and(|length| {
            let data = length.saturating_add(DATA_HEADER_LEN);
            let all = data.saturating_add(HEADER_LEN + REPORT_LEN);
            usize::try_from(data_size) == Ok(data) && usize::try_from(size) == Ok(all)
        });
        let cut = length.and_then(|length| self.rest.split_at_checked(length)).filter(|_| agree);
        let found = format!("report {size}, data {data_size}, claims {claims_len}, of which {} there", self.rest.len());
        notes.need(Check::HclForm, cut.is_some(), "lengths that agree with each other and the bytes", found)?;
        let (claims, padding) = cut.ok_or(Stop)?;
        need_zeros(padding, "after the claims", notes)?;
        Ok(claims)
    }
}

fn need_zeros(padding: &[u8], place: &str, notes: &mut Notes) -> Result<(), Stop> {
    let zeros = padding.iter().all(|byte| *byte == 0);
    let found = if zeros { "only zeros" } else { "other bytes" };
    notes.need(Check::HclForm, zeros, format_args!("only zeros {place}"), found)
}

/// Numbers that are not read yet.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*part)
    }

    fn next(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}

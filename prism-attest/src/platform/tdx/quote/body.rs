//! The body: what the TDX module reported about the trust domain (`TDREPORT`'s `TDINFO` and `TEE_TCB_INFO`).

use super::reader::{Reader, whole};
use crate::finding::{Check, Notes, Stop};

/// Sizes in bytes, and the descriptor's types of quotes of version 5.
const TD10_LEN: usize = 584;
const TD10_TYPE: u16 = 2;
const TD15_LEN: usize = 648;
const TD15_TYPE: u16 = 3;

/// Bits of `TDATTRIBUTES` (Intel TDX Module ABI, `ATTRIBUTES`).
pub(crate) mod attributes {
    /// The host may read the trust domain's memory and registers.
    pub(crate) const DEBUG: u64 = 1;
    /// Bits 0 to 7 say that the trust domain is not to be trusted.
    pub(crate) const UNTRUSTED: u64 = 0xff;
    /// Host-guarded stepping: profiling, performance and platform monitoring.
    pub(crate) const PROFILING: u64 = 0b111 << 4;
    /// Linear address space separation.
    pub(crate) const LASS: u64 = 1 << 27;
    /// Memory that the host takes away shows as a fault that it cannot hide.
    pub(crate) const SEPT_VE_DISABLE: u64 = 1 << 28;
    /// The trust domain may move to another machine.
    pub(crate) const MIGRATABLE: u64 = 1 << 29;
    /// Supervisor protection keys.
    pub(crate) const PKS: u64 = 1 << 30;
    /// Key locker.
    pub(crate) const KL: u64 = 1 << 31;
    /// Performance monitoring.
    pub(crate) const PERFMON: u64 = 1 << 63;
    /// Every bit that a guest of ours may have. Bit 62 (`TPA`) is a provisioning agent's, which is no guest that runs
    /// computations.
    pub(crate) const KNOWN: u64 = DEBUG | PROFILING | LASS | SEPT_VE_DISABLE | MIGRATABLE | PKS | KL | PERFMON;
}

/// Bits of `XFAM` that have to be set: x87 and SSE.
const XFAM_FIXED1: u64 = 0x3;
/// Bits of `XFAM` that may be set.
const XFAM_FIXED0: u64 = 0x0006_dbe7;

/// The fields of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) tee_tcb_svn: [u8; 16],
    pub(crate) mr_seam: [u8; 48],
    pub(crate) mr_signer_seam: [u8; 48],
    pub(crate) seam_attributes: [u8; 8],
    pub(crate) td_attributes: u64,
    pub(crate) xfam: u64,
    pub(crate) mr_td: [u8; 48],
    pub(crate) mr_config_id: [u8; 48],
    pub(crate) mr_owner: [u8; 48],
    pub(crate) mr_owner_config: [u8; 48],
    pub(crate) rtmr: [[u8; 48]; 4],
    pub(crate) report_data: [u8; 64],
    pub(crate) td15: Option<Td15>,
}

/// What TDX 1.5 adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Td15 {
    /// Versions of the module that runs now; `tee_tcb_svn` are those at the trust domain's start.
    pub(crate) tee_tcb_svn2: [u8; 16],
    pub(crate) mr_service_td: [u8; 48],
}

impl Body {
    /// Reads the body and, in version 5, its descriptor.
    pub(super) fn read(version: u16, rest: &mut Reader, notes: &mut Notes) -> Result<Self, Stop> {
        let length = read_length(version, rest, notes)?;
        let body = whole("the body", rest.take(length), notes)?;
        let body = whole("the body", Self::take(&mut Reader::new(body), length == TD15_LEN), notes)?;
        let unknown = body.td_attributes & !attributes::KNOWN;
        let found = format_args!("{:#x}", body.td_attributes);
        notes.need(Check::QuoteAttributes, unknown == 0, "known bits of TDATTRIBUTES", found)?;
        let fits = body.xfam & XFAM_FIXED1 == XFAM_FIXED1 && body.xfam & !XFAM_FIXED0 == 0;
        let expected = "x87 and SSE, and only extended features that TDX has";
        notes.need(Check::QuoteXfam, fits, expected, format_args!("{:#x}", body.xfam))?;
        Ok(body)
    }

    fn take(bytes: &mut Reader, td15: bool) -> Option<Self> {
        Some(Self {
            tee_tcb_svn: *bytes.array()?,
            mr_seam: *bytes.array()?,
            mr_signer_seam: *bytes.array()?,
            seam_attributes: *bytes.array()?,
            td_attributes: u64::from_le_bytes(*bytes.array()?),
            xfam: u64::from_le_bytes(*bytes.array()?),
            mr_td: *bytes.array()?,
            mr_config_id: *bytes.array()?,
            mr_owner: *bytes.array()?,
            mr_owner_config: *bytes.array()?,
            rtmr: [*bytes.array()?, *bytes.array()?, *bytes.array()?, *bytes.array()?],
            report_data: *bytes.array()?,
            td15: if td15 {
                Some(Td15 { tee_tcb_svn2: *bytes.array()?, mr_service_td: *bytes.array()? })
            } else {
                None
            },
        })
    }
}

fn read_length(version: u16, rest: &mut Reader, notes: &mut Notes) -> Result<usize, Stop> {
    if version == 4 {
        return Ok(TD10_LEN);
    }
    let kind = whole("the body's type", rest.u16(), notes)?;
    let length = whole("the body's size", rest.length(), notes)?;
    let known = matches!((kind, length), (TD10_TYPE, TD10_LEN) | (TD15_TYPE, TD15_LEN));
    let expected = "type 2 with 584 bytes or type 3 with 648 bytes";
    notes.need(Check::QuoteBody, known, expected, format_args!("type {kind} with {length} bytes"))?;
    Ok(length)
}

//! The paravisor's report as far as the guest looks into it: whose it is, and the TDREPORT to be quoted. Whether it is
//! true is the verifier's question.

use prism_attest::evidence::Platform;

use super::AzureError;

const MAGIC: &[u8; 4] = b"HCLA";

/// Where the processor's report begins.
const HARDWARE_AT: usize = 0x20;

/// Length of a TDREPORT (Intel TDX module ABI, `TDREPORT_STRUCT`).
const TD_REPORT_LEN: usize = 1024;

/// Where the runtime data say what kind of report the processor's is.
const KIND_AT: usize = 0x4c0 + 8;
const KIND_SNP: [u8; 4] = [2, 0, 0, 0];
const KIND_TDX: [u8; 4] = [4, 0, 0, 0];

/// Whose processor signed.
pub(super) fn platform(report: &[u8]) -> Result<Platform, AzureError> {
    if !report.starts_with(MAGIC) {
        return Err(AzureError::Report { found: "bytes without its magic" });
    }
    match report.get(KIND_AT..).and_then(<[u8]>::first_chunk) {
        Some(&KIND_SNP) => Ok(Platform::AzureSnp),
        Some(&KIND_TDX) => Ok(Platform::AzureTdx),
        Some(_) => Err(AzureError::Report { found: "one of a processor that this Prism does not know" }),
        None => Err(AzureError::Report { found: "one that ends early" }),
    }
}

/// The TDREPORT inside.
pub(super) fn td_report(report: &[u8]) -> Result<&[u8; TD_REPORT_LEN], AzureError> {
    let found = report.get(HARDWARE_AT..).and_then(<[u8]>::first_chunk);
    found.ok_or(AzureError::Report { found: "one that ends early" })
}

//! `/dev/sev-guest`: for kernels older than 6.7, which have no configfs-tsm.
//!
//! Only the report is asked for here, and the certificates come from a file: `get_ext_report` of the crate `sev` 8.0.0
//! follows the offsets of the host's certificate table through raw pointers and without bounds, so that a host could have
//! this program's memory copied into what it sends as certificates.

use std::path::Path;

use prism_attest::binding::ReportData;
use sev::firmware::guest::Firmware;

use super::{AttesterError, io_error};

/// The guest's device.
pub(super) const DEVICE: &str = "/dev/sev-guest";

/// The SNP guest device.
pub(crate) struct SevGuest {
    device: Firmware,
    level: u8,
}

impl SevGuest {
    /// Opens the device for reports of this virtual machine privilege level.
    pub(super) fn open(level: u8) -> Result<Self, AttesterError> {
        let device = Firmware::open().map_err(io_error("open", Path::new(DEVICE)))?;
        Ok(Self { device, level })
    }

    /// The report as the firmware signed it.
    pub(super) fn report(&mut self, data: &ReportData) -> Result<Vec<u8>, AttesterError> {
        // Without a level the crate asks for level 1, which policies for whole machines do not accept.
        let report = self.device.get_report(None, Some(*data.as_bytes()), Some(u32::from(self.level)));
        report.map_err(|error| AttesterError::Firmware { found: error.to_string() })
    }
}

//! `/dev/sev-guest`: for kernels older than 6.7, which have no configfs-tsm.

use std::path::Path;

use prism_attest::binding::ReportData;
use sev::firmware::guest::Firmware;

use super::{AttesterError, io_error};

/// The guest's device.
pub(super) const DEVICE: &str = "/dev/sev-guest";

/// The SNP guest device.
pub(crate) struct SevGuest(Firmware);

impl SevGuest {
    /// Opens the device.
    pub(super) fn open() -> Result<Self, AttesterError> {
        Firmware::open().map(Self).map_err(io_error("open", Path::new(DEVICE)))
    }

    /// The report as the firmware signed it.
    pub(super) fn report(&mut self, data: &ReportData) -> Result<Vec<u8>, AttesterError> {
        self.0.get_report(None, Some(*data.as_bytes()), None).map_err(|_| AttesterError::Firmware)
    }
}

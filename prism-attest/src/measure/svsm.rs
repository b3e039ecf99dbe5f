use prism_core::hexadecimal::HexBytes;

use super::digest::LaunchDigest;
use super::firmware::{Firmware, SVSM_INFO};
use super::vmsa::SaveArea;
use super::{GuestFeatures, MeasureError, VcpuSignature, Vmm, check_vcpus, sections};

/// An SEV-SNP guest that QEMU starts in COCONUT-SVSM, a service module below the guest's firmware.
#[derive(Clone, Copy, Debug)]
pub struct SvsmLaunch<'a> {
    /// The firmware (OVMF) that the module starts later; it ends at 4 GiB.
    pub firmware: Firmware<'a>,
    /// Bytes of the firmware's variable store, which lies between the module and the firmware.
    pub variables_size: u32,
    /// The module's image.
    pub module: &'a [u8],
    /// How many virtual processors the guest has, 1 to [`VCPUS_MAX`](super::VCPUS_MAX).
    pub vcpus: u32,
    /// The kind of virtual processor.
    pub vcpu: VcpuSignature,
    /// `SEV_FEATURES` of every virtual processor.
    pub features: GuestFeatures,
}

impl SvsmLaunch<'_> {
    /// The measurement that reports of this guest carry.
    ///
    /// # Errors
    /// [`MeasureError`] when module or firmware cannot start such a guest, or a number is out of its range.
    pub fn measurement(&self) -> Result<HexBytes<48>, MeasureError> {
        check_vcpus(self.vcpus)?;
        self.features.check_snp()?;
        let end = self.firmware.address().checked_sub(u64::from(self.variables_size));
        let module = Firmware::ending_at(
            self.module,
            end.ok_or(MeasureError::FirmwareSize { found: self.firmware.bytes().len() })?,
        )?;
        let lacks = MeasureError::FirmwareLacks { missing: "the start address of a service module" };
        let start = module.address() + u64::from(module.number(&SVSM_INFO)?.ok_or(lacks)?);
        let mut digest = LaunchDigest::of_firmware(&self.firmware);
        digest.pages(module.address(), module.bytes());
        sections::add(&mut digest, &module, None, Vmm::Qemu)?;
        let area = SaveArea::for_svsm(start, self.vcpu, self.features).page();
        (0..self.vcpus).for_each(|_| digest.processor(&area));
        Ok(digest.finish())
    }
}

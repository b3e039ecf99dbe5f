//! SEV and SEV-ES, the platforms before SEV-SNP: one SHA-256 over what is loaded. Prism verifies no evidence of theirs;
//! the digest is what their own launch commands compare (publication 55766, section 6.5).

use prism_core::digest::Hasher;
use prism_core::hexadecimal::HexBytes;

use super::vmsa::{RESET_VECTOR, SaveArea};
use super::{DirectBoot, Firmware, GuestFeatures, MeasureError, VcpuSignature, Vmm, check_vcpus};

/// An SEV guest about to be launched.
#[derive(Clone, Copy, Debug)]
pub struct SevLaunch<'a> {
    /// The firmware (OVMF) that the guest starts in.
    pub firmware: Firmware<'a>,
    /// Kernel, initrd and command line, if the host passes them to the firmware.
    pub boot: Option<DirectBoot>,
}

impl SevLaunch<'_> {
    /// SHA-256 of everything loaded.
    ///
    /// # Errors
    /// [`MeasureError::NoKernelHashes`] for a kernel that this firmware would not look at.
    pub fn digest(&self) -> Result<HexBytes<32>, MeasureError> {
        Ok(HexBytes::new(*self.hasher()?.finish().as_bytes()))
    }

    fn hasher(&self) -> Result<Hasher, MeasureError> {
        let mut hasher = Hasher::sha256();
        hasher.update(self.firmware.bytes());
        if let Some(boot) = self.boot {
            self.firmware.hashes_address()?;
            hasher.update(&boot.table());
        }
        Ok(hasher)
    }
}

/// An SEV-ES guest about to be launched.
#[derive(Clone, Copy, Debug)]
pub struct SevEsLaunch<'a> {
    /// Firmware and what it starts.
    pub guest: SevLaunch<'a>,
    /// How many virtual processors the guest has, 1 to [`VCPUS_MAX`](super::VCPUS_MAX).
    pub vcpus: u32,
    /// The kind of virtual processor.
    pub vcpu: VcpuSignature,
    /// The virtual machine monitor.
    pub vmm: Vmm,
}

impl SevEsLaunch<'_> {
    /// SHA-256 of everything loaded and of the first registers of every virtual processor.
    ///
    /// # Errors
    /// [`MeasureError`] when the firmware cannot start such a guest, or a number is out of its range.
    pub fn digest(&self) -> Result<HexBytes<32>, MeasureError> {
        check_vcpus(self.vcpus)?;
        let mut hasher = self.guest.hasher()?;
        let area = |eip| SaveArea::at_reset(eip, self.vcpu, GuestFeatures::NONE, self.vmm);
        hasher.update(area(RESET_VECTOR).page().as_slice());
        if self.vcpus > 1 {
            let other = area(self.guest.firmware.reset_eip()?).page();
            (1..self.vcpus).for_each(|_| hasher.update(other.as_slice()));
        }
        Ok(HexBytes::new(*hasher.finish().as_bytes()))
    }
}

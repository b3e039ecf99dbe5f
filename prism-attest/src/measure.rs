//! The launch measurement that a guest will have, computed from what it is built of.
//!
//! A policy names accepted measurements. This module computes them from firmware, kernel, initrd, command line and
//! the virtual processors, so that a policy can be written for an image before it ever ran.
//!
//! ```
//! use prism_attest::measure::{DirectBoot, Firmware, GuestFeatures, MeasureError, SnpLaunch, Vmm};
//! use prism_core::digest::Digest;
//!
//! fn expected(ovmf: &[u8], kernel: Digest, initrd: Digest) -> Result<String, MeasureError> {
//!     let launch = SnpLaunch {
//!         firmware: Firmware::read(ovmf)?,
//!         boot: Some(DirectBoot::new(kernel, Some(initrd), "console=ttyS0")?),
//!         vcpus: 4,
//!         vcpu: "EPYC-Milan".parse()?,
//!         features: GuestFeatures::SNP,
//!         vmm: Vmm::Qemu,
//!     };
//!     Ok(launch.measurement()?.to_string())
//! }
//! ```
//!
//! Kernel and initrd come as their SHA-256, so that nobody has to hold a large one in memory. This module says what a
//! machine should be; whether one is that is for [`verify()`](crate::verify()) and [`appraise()`](crate::appraise()).

mod boot;
mod digest;
mod error;
mod features;
mod firmware;
mod legacy;
mod sections;
mod svsm;
mod vcpu;
mod vmm;
mod vmsa;

use prism_core::hexadecimal::HexBytes;

pub use self::boot::DirectBoot;
pub use self::error::MeasureError;
pub use self::features::GuestFeatures;
pub use self::firmware::{FIRMWARE_MAX, Firmware, PAGE};
pub use self::legacy::{SevEsLaunch, SevLaunch};
pub use self::svsm::SvsmLaunch;
pub use self::vcpu::VcpuSignature;
pub use self::vmm::Vmm;

use self::digest::LaunchDigest;
use self::vmsa::{RESET_VECTOR, SaveArea};

/// The most virtual processors that a guest can have here; KVM's own bound.
pub const VCPUS_MAX: u32 = 4096;

/// An SEV-SNP guest about to be launched. Every field decides about the measurement.
#[derive(Clone, Copy, Debug)]
pub struct SnpLaunch<'a> {
    /// The firmware (OVMF) that the guest starts in.
    pub firmware: Firmware<'a>,
    /// Kernel, initrd and command line, if the host passes them to the firmware.
    pub boot: Option<DirectBoot>,
    /// How many virtual processors the guest has, 1 to [`VCPUS_MAX`].
    pub vcpus: u32,
    /// The kind of virtual processor, which some hosts put into its registers.
    pub vcpu: VcpuSignature,
    /// `SEV_FEATURES` of every virtual processor.
    pub features: GuestFeatures,
    /// The virtual machine monitor that launches the guest.
    pub vmm: Vmm,
}

impl SnpLaunch<'_> {
    /// The measurement that reports of this guest carry: the launch digest after every `SNP_LAUNCH_UPDATE` in the
    /// monitor's order (publication 56860, section 8.17).
    ///
    /// # Errors
    /// [`MeasureError`] when the firmware cannot start such a guest, or a number is out of its range.
    pub fn measurement(&self) -> Result<HexBytes<48>, MeasureError> {
        check_vcpus(self.vcpus)?;
        self.features.check_snp()?;
        let hashes = self.boot.map(|boot| self.firmware.kernel_hashes_page(&boot)).transpose()?;
        let mut digest = LaunchDigest::of_firmware(&self.firmware);
        sections::add(&mut digest, &self.firmware, hashes.as_ref(), self.vmm)?;
        let area = |eip| SaveArea::at_reset(eip, self.vcpu, self.features, self.vmm);
        digest.processor(&area(RESET_VECTOR).page());
        if self.vcpus > 1 {
            let other = area(self.firmware.reset_eip()?).page();
            (1..self.vcpus).for_each(|_| digest.processor(&other));
        }
        Ok(digest.finish())
    }
}

fn check_vcpus(found: u32) -> Result<(), MeasureError> {
    if (1..=VCPUS_MAX).contains(&found) { Ok(()) } else { Err(MeasureError::Vcpus { found }) }
}

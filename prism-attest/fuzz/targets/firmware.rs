//! Firmware images: whatever is read can be measured.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prism_attest::measure::{DirectBoot, Firmware, GuestFeatures, PAGE, SnpLaunch, VcpuSignature, Vmm};
use prism_core::digest::Digest;

fuzz_target!(|data: &[u8]| {
    let mut image = vec![0; data.len().div_ceil(PAGE) * PAGE - data.len()];
    image.extend(data);
    let Ok(firmware) = Firmware::read(&image) else { return };
    let boot = DirectBoot::new(Digest::sha256(b"kernel"), None, "quiet").ok();
    for vmm in Vmm::ALL {
        let (features, vcpu) = (GuestFeatures::SNP, VcpuSignature::of(25, 1, 1));
        let launch = SnpLaunch { firmware, boot, vcpus: 2, vcpu, features, vmm };
        let _ = launch.measurement();
        let _ = SnpLaunch { boot: None, vcpus: 1, ..launch }.measurement();
    }
});

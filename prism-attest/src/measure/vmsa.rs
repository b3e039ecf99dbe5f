//! The first registers of a virtual processor: the save area that is measured with it (AMD64 manual, volume 2,
//! table B-4).

use super::features::GuestFeatures;
use super::firmware::PAGE;
use super::vcpu::VcpuSignature;
use super::vmm::Vmm;

/// Where the first processor starts.
pub(super) const RESET_VECTOR: u32 = 0xffff_fff0;

/// Offsets in the save area.
mod at {
    pub(super) const ES: usize = 0x0;
    pub(super) const CS: usize = 0x10;
    pub(super) const SS: usize = 0x20;
    pub(super) const DS: usize = 0x30;
    pub(super) const FS: usize = 0x40;
    pub(super) const GS: usize = 0x50;
    pub(super) const GDTR: usize = 0x60;
    pub(super) const LDTR: usize = 0x70;
    pub(super) const IDTR: usize = 0x80;
    pub(super) const TR: usize = 0x90;
    pub(super) const EFER: usize = 0xd0;
    pub(super) const CR4: usize = 0x148;
    pub(super) const CR0: usize = 0x158;
    pub(super) const DR7: usize = 0x160;
    pub(super) const DR6: usize = 0x168;
    pub(super) const RFLAGS: usize = 0x170;
    pub(super) const RIP: usize = 0x178;
    pub(super) const G_PAT: usize = 0x268;
    pub(super) const RDX: usize = 0x310;
    pub(super) const SEV_FEATURES: usize = 0x3b0;
    pub(super) const XCR0: usize = 0x3e8;
    pub(super) const MXCSR: usize = 0x408;
    pub(super) const X87_FCW: usize = 0x410;
}

/// A segment register.
#[derive(Clone, Copy, Debug)]
struct Segment {
    selector: u16,
    attributes: u16,
    limit: u32,
    base: u32,
}

/// A segment from zero.
const fn segment(selector: u16, attributes: u16, limit: u32) -> Segment {
    Segment { selector, attributes, limit, base: 0 }
}

/// A segment of 64 KiB from zero, as at reset.
const fn small(attributes: u16) -> Segment {
    segment(0, attributes, 0xffff)
}

/// A save area in the making; what is not written is zero.
#[derive(Clone, Debug)]
pub(super) struct SaveArea(Box<[u8; PAGE]>);

impl SaveArea {
    /// A processor that starts in real mode at `eip`, as this monitor prepares it.
    pub(super) fn at_reset(eip: u32, vcpu: VcpuSignature, features: GuestFeatures, vmm: Vmm) -> Self {
        let mut area = Self::new(features);
        let (code, stack, task) = match vmm {
            Vmm::Ec2 if eip == RESET_VECTOR => (0x9a, 0x92, 0x83),
            Vmm::Ec2 => (0x9b, 0x92, 0x83),
            Vmm::Qemu | Vmm::Gce => (0x9b, 0x93, 0x8b),
        };
        let code = Segment { selector: 0xf000, attributes: code, limit: 0xffff, base: eip & 0xffff_0000 };
        area.segment(at::CS, code).segment(at::SS, small(stack)).segment(at::TR, small(task));
        for data in [at::ES, at::DS, at::FS, at::GS] {
            area.segment(data, small(0x93));
        }
        area.u64(at::CR0, 0x10).u64(at::RIP, u64::from(eip & 0xffff));
        match vmm {
            Vmm::Qemu => area.u64(at::RDX, u64::from(vcpu.bits())).put(at::MXCSR, &0x1f80_u32.to_le_bytes()),
            Vmm::Ec2 => area.u64(at::RDX, 0x600),
            Vmm::Gce => area.u64(at::RDX, 0x600).u64(at::G_PAT, 0x0007_0106),
        };
        if vmm == Vmm::Qemu {
            area.put(at::X87_FCW, &0x37f_u16.to_le_bytes());
        }
        area
    }

    /// A processor that starts in protected mode at `rip`, as QEMU prepares it for COCONUT-SVSM.
    pub(super) fn for_svsm(rip: u64, vcpu: VcpuSignature, features: GuestFeatures) -> Self {
        let mut area = Self::new(features);
        for data in [at::ES, at::SS, at::DS, at::FS] {
            area.segment(data, segment(16, 0xc93, u32::MAX));
        }
        area.segment(at::CS, segment(8, 0xc9b, u32::MAX)).segment(at::GS, small(0x93)).segment(at::TR, small(0x8b));
        area.u64(at::CR0, 0x11).u64(at::RIP, rip).u64(at::RDX, u64::from(vcpu.bits()));
        area.put(at::MXCSR, &0x1f80_u32.to_le_bytes());
        area
    }

    /// What every monitor writes.
    fn new(features: GuestFeatures) -> Self {
        let mut area = Self(Box::new([0; PAGE]));
        area.segment(at::GDTR, small(0)).segment(at::IDTR, small(0)).segment(at::LDTR, small(0x82));
        // KVM sets SVME in EFER and MCE in CR4.
        area.u64(at::EFER, 0x1000).u64(at::CR4, 0x40).u64(at::RFLAGS, 0x2);
        area.u64(at::DR7, 0x400).u64(at::DR6, 0xffff_0ff0).u64(at::XCR0, 1);
        area.u64(at::G_PAT, 0x0007_0406_0007_0406).u64(at::SEV_FEATURES, features.bits());
        area
    }

    pub(super) fn page(self) -> Box<[u8; PAGE]> {
        self.0
    }

    fn segment(&mut self, offset: usize, segment: Segment) -> &mut Self {
        let Segment { selector, attributes, limit, base } = segment;
        self.put(offset, &selector.to_le_bytes()).put(offset + 2, &attributes.to_le_bytes());
        self.put(offset + 4, &limit.to_le_bytes()).u64(offset + 8, u64::from(base))
    }

    fn u64(&mut self, offset: usize, value: u64) -> &mut Self {
        self.put(offset, &value.to_le_bytes())
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) -> &mut Self {
        self.0.iter_mut().skip(offset).zip(bytes).for_each(|(place, byte)| *place = *byte);
        self
    }
}

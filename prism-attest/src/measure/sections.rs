//! The memory that firmware asks the monitor to prepare (edk2 `OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm`).

use super::MeasureError;
use super::digest::{LaunchDigest, PageType};
use super::firmware::{Firmware, KernelHashes, PAGE, SEV_METADATA};
use super::vmm::Vmm;

const TABLE: &str = "description of memory (SEV metadata)";

/// Most sections of one image; OVMF has 5 or 6.
const SECTIONS_MAX: usize = 64;
/// Most pages of all sections: 4 GiB.
const PAGES_MAX: usize = 1 << 20;

const HEADER_LEN: usize = 16;
const SECTION_LEN: usize = 12;

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Memory,
    Secrets,
    Cpuid,
    SvsmCallingArea,
    KernelHashes,
}

/// Memory from `address` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    address: u64,
    pages: usize,
    kind: Kind,
}

/// The sections in their order; none for firmware without a description.
pub(super) fn read(firmware: &Firmware<'_>) -> Result<Vec<Section>, MeasureError> {
    let fault = |fault| MeasureError::FirmwareTable { table: TABLE, fault };
    let Some(offset) = firmware.number(&SEV_METADATA)? else { return Ok(Vec::new()) };
    let bytes = firmware.bytes();
    let start = bytes.len().checked_sub(offset as usize).ok_or(fault("one before the image"))?;
    let (header, rest) = bytes
        .get(start..)
        .and_then(|bytes| bytes.split_first_chunk::<HEADER_LEN>())
        .ok_or(fault("one that is cut off"))?;
    let [b'A', b'S', b'E', b'V', ..] = header else { return Err(fault("one without its signature")) };
    let [length, version, count] = numbers(header.last_chunk::<12>().unwrap_or(&[0; 12]));
    if version != 1 {
        return Err(fault("one of a version other than 1"));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > SECTIONS_MAX || length as usize != HEADER_LEN + count * SECTION_LEN {
        return Err(fault("a length that does not fit its sections"));
    }
    let sections = rest.get(..count * SECTION_LEN).ok_or(fault("one that is cut off"))?;
    let sections: Vec<_> = sections.as_chunks().0.iter().map(section).collect::<Result<_, _>>()?;
    let pages = sections.iter().map(|section| section.pages).sum::<usize>();
    if pages > PAGES_MAX { Err(fault("sections of more than 4 GiB")) } else { Ok(sections) }
}

fn numbers(bytes: &[u8; SECTION_LEN]) -> [u32; 3] {
    let mut words = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word));
    [(); 3].map(|()| words.next().unwrap_or_default())
}

fn section(bytes: &[u8; SECTION_LEN]) -> Result<Section, MeasureError> {
    let [address, size, kind] = numbers(bytes);
    let kind = match kind {
        1 => Kind::Memory,
        2 => Kind::Secrets,
        3 => Kind::Cpuid,
        4 => Kind::SvsmCallingArea,
        0x10 => Kind::KernelHashes,
        found => return Err(MeasureError::UnknownSection { found }),
    };
    let size = size as usize;
    let one = matches!(kind, Kind::Secrets | Kind::Cpuid | Kind::KernelHashes);
    if !size.is_multiple_of(PAGE) || !(address as usize).is_multiple_of(PAGE) || (one && size != PAGE) {
        return Err(MeasureError::FirmwareTable { table: TABLE, fault: "a section that is not of whole pages" });
    }
    Ok(Section { address: u64::from(address), pages: size / PAGE, kind })
}

/// Adds every section in the monitor's order.
pub(super) fn add(
    digest: &mut LaunchDigest,
    firmware: &Firmware<'_>,
    hashes: Option<&KernelHashes>,
    vmm: Vmm,
) -> Result<(), MeasureError> {
    let sections = read(firmware)?;
    if hashes.is_some() && !sections.iter().any(|section| section.kind == Kind::KernelHashes) {
        return Err(MeasureError::NoKernelHashes);
    }
    // EC2 adds the page of CPUID behind all others.
    let (last, first): (Vec<&Section>, Vec<&Section>) =
        sections.iter().partition(|section| vmm == Vmm::Ec2 && section.kind == Kind::Cpuid);
    first.into_iter().chain(last).try_for_each(|section: &Section| section.add(digest, hashes, vmm))
}

impl Section {
    fn add(&self, digest: &mut LaunchDigest, hashes: Option<&KernelHashes>, vmm: Vmm) -> Result<(), MeasureError> {
        let kind = match (self.kind, hashes) {
            (Kind::KernelHashes, Some(hashes)) => return self.add_hashes(digest, hashes),
            (Kind::Memory, _) if vmm == Vmm::Gce => PageType::Unmeasured,
            (Kind::Memory | Kind::SvsmCallingArea | Kind::KernelHashes, _) => PageType::Zero,
            (Kind::Secrets, _) => PageType::Secrets,
            (Kind::Cpuid, _) => PageType::Cpuid,
        };
        digest.blank(kind, self.address, self.pages);
        Ok(())
    }

    fn add_hashes(&self, digest: &mut LaunchDigest, hashes: &KernelHashes) -> Result<(), MeasureError> {
        if hashes.address != self.address {
            let fault = "a page for kernel hashes where the firmware does not look for them";
            return Err(MeasureError::FirmwareTable { table: TABLE, fault });
        }
        digest.pages(self.address, &hashes.bytes);
        Ok(())
    }
}

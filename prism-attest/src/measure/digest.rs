//! The chain of `PAGE_INFO` that the secure processor keeps during launch (publication 56860, section 8.17.2).

use aws_lc_rs::digest::{SHA384, digest};
use prism_core::hexadecimal::HexBytes;

use super::firmware::{Firmware, PAGE};

/// The address under which every save area is measured: the highest page, with the bits above 47 cleared.
const SAVE_AREA_ADDRESS: u64 = 0xffff_ffff_f000;

/// Length of `PAGE_INFO`.
const PAGE_INFO_LEN: u16 = 0x70;

/// `PAGE_TYPE` of section 8.17.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageType {
    Normal = 1,
    SaveArea = 2,
    Zero = 3,
    Unmeasured = 4,
    Secrets = 5,
    Cpuid = 6,
}

/// The launch digest so far.
#[derive(Clone, Debug)]
pub(super) struct LaunchDigest([u8; 48]);

impl LaunchDigest {
    /// The digest after the firmware's own pages, of which the last one ends at 4 GiB.
    pub(super) fn of_firmware(firmware: &Firmware<'_>) -> Self {
        if let Some(digest) = firmware.pages_digest() {
            return Self(*digest.as_bytes());
        }
        let mut chain = Self([0; 48]);
        chain.pages(firmware.address(), firmware.bytes());
        chain
    }

    /// Adds pages with their contents.
    pub(super) fn pages(&mut self, address: u64, bytes: &[u8]) {
        for (at, page) in page_addresses(address).zip(bytes.chunks(PAGE)) {
            self.add(PageType::Normal, at, sha384(page));
        }
    }

    /// Adds the first registers of one virtual processor.
    pub(super) fn processor(&mut self, page: &[u8; PAGE]) {
        self.add(PageType::SaveArea, SAVE_AREA_ADDRESS, sha384(page));
    }

    /// Adds `count` pages of which only kind and address are measured.
    pub(super) fn blank(&mut self, kind: PageType, address: u64, count: usize) {
        for at in page_addresses(address).take(count) {
            self.add(kind, at, [0; 48]);
        }
    }

    pub(super) fn finish(self) -> HexBytes<48> {
        HexBytes::new(self.0)
    }

    fn add(&mut self, kind: PageType, address: u64, contents: [u8; 48]) {
        let mut info = Vec::with_capacity(usize::from(PAGE_INFO_LEN));
        info.extend(self.0);
        info.extend(contents);
        info.extend(PAGE_INFO_LEN.to_le_bytes());
        // The page's type; not an initial migration image; no permissions of VMPL 3, 2, 1; reserved.
        info.extend([kind as u8, 0, 0, 0, 0, 0]);
        info.extend(address.to_le_bytes());
        self.0 = sha384(&info);
    }
}

fn page_addresses(first: u64) -> impl Iterator<Item = u64> {
    (0..).map(move |number: u64| first.saturating_add(number.saturating_mul(PAGE as u64)))
}

fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut value = [0; 48];
    value.copy_from_slice(digest(&SHA384, bytes).as_ref());
    value
}

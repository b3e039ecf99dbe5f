//! OVMF's own description at its end: a table of GUIDs read backwards, and the sections of memory that it needs
//! (edk2 `OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm` and `X64/OvmfSevMetadata.asm`).

use prism_core::hexadecimal::HexBytes;

use super::boot::{DirectBoot, TABLE_PADDED};
use super::{MeasureError, sections};

/// Bytes in a page of the guest.
pub const PAGE: usize = 4096;

/// Longest firmware in bytes. OVMF has 2 or 4 MiB.
pub const FIRMWARE_MAX: usize = 64 << 20;

/// Firmware ends where 32-bit addresses do.
const FOUR_GIB: u64 = 1 << 32;

/// A GUID as it stands in memory: its first three parts in little-endian.
pub(super) type Guid = [u8; 16];

/// 96b582de-1fb2-45f7-baea-a366c55a082d.
const FOOTER: Guid = 0xde82_b596_b21f_f745_baea_a366_c55a_082d_u128.to_be_bytes();
/// dc886566-984a-4798-a75e-5585a7bf67cc.
pub(super) const SEV_METADATA: Guid = 0x6665_88dc_4a98_9847_a75e_5585_a7bf_67cc_u128.to_be_bytes();
/// a789a612-0597-4c4b-a49f-cbb1fe9d1ddd.
pub(super) const SVSM_INFO: Guid = 0x12a6_89a7_9705_4b4c_a49f_cbb1_fe9d_1ddd_u128.to_be_bytes();
/// 7255371f-3a3b-4b04-927b-1da6efa8d454.
const HASH_TABLE: Guid = 0x1f37_5572_3b3a_044b_927b_1da6_efa8_d454_u128.to_be_bytes();
/// 00f771de-1a7e-4fcb-890e-68c77e2fb44e.
const RESET_BLOCK: Guid = 0xde71_f700_7e1a_cb4f_890e_68c7_7e2f_b44e_u128.to_be_bytes();

/// The reset vector's own bytes, behind the table.
const BEHIND_TABLE: usize = 32;
/// A length and a GUID end every entry, and the table.
const ENTRY_END: usize = 2 + 16;

const TABLE: &str = "table of GUIDs";
const HASHES: &str = "place for kernel hashes";

/// Firmware whose description of itself is in order.
#[derive(Clone, Copy, Debug)]
pub struct Firmware<'a> {
    bytes: &'a [u8],
    table: &'a [u8],
    end: u64,
    pages_digest: Option<HexBytes<48>>,
}

impl<'a> Firmware<'a> {
    /// Reads an OVMF image, byte for byte as the host loads it.
    ///
    /// # Errors
    /// [`MeasureError`] when its size or its tables are not those of such an image.
    pub fn read(bytes: &'a [u8]) -> Result<Self, MeasureError> {
        Self::ending_at(bytes, FOUR_GIB)
    }

    /// Reads an image that the monitor loads so that it ends at this address.
    pub(super) fn ending_at(bytes: &'a [u8], end: u64) -> Result<Self, MeasureError> {
        let size = bytes.len();
        if size == 0 || size > FIRMWARE_MAX || !size.is_multiple_of(PAGE) || size as u64 > end {
            return Err(MeasureError::FirmwareSize { found: size });
        }
        let table = footer(bytes)?;
        let firmware = Self { bytes, table, end, pages_digest: None };
        Entries(table).try_for_each(|entry| entry.map(drop))?;
        sections::read(&firmware)?;
        Ok(firmware)
    }

    /// Takes the launch digest after the firmware's own pages from elsewhere, for a vendor that publishes it together
    /// with the last pages of an image.
    #[must_use]
    pub const fn with_pages_digest(mut self, digest: HexBytes<48>) -> Self {
        self.pages_digest = Some(digest);
        self
    }

    /// The launch digest after the firmware's own pages.
    #[must_use]
    pub fn launch_digest(&self) -> HexBytes<48> {
        super::LaunchDigest::of_firmware(self).finish()
    }

    pub(super) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) const fn pages_digest(&self) -> Option<HexBytes<48>> {
        self.pages_digest
    }

    /// Where its first byte lies in the guest's memory.
    pub(super) const fn address(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    /// The data of a table's entry; the last one wins, as it is found first from the end.
    pub(super) fn entry(&self, guid: &Guid) -> Option<&'a [u8]> {
        Entries(self.table).flatten().find(|(found, _)| found == guid).map(|(_, data)| data)
    }

    /// The first four bytes of an entry: an offset or an address.
    pub(super) fn number(&self, guid: &Guid) -> Result<Option<u32>, MeasureError> {
        let Some(data) = self.entry(guid) else { return Ok(None) };
        let fault = MeasureError::FirmwareTable { table: TABLE, fault: "an entry that is too short" };
        data.first_chunk().map(|bytes| Some(u32::from_le_bytes(*bytes))).ok_or(fault)
    }

    /// Where processors but the first one start.
    pub(super) fn reset_eip(&self) -> Result<u32, MeasureError> {
        let found = self.number(&RESET_BLOCK)?.filter(|eip| *eip != 0);
        found.ok_or(MeasureError::FirmwareLacks { missing: "a start address for more than one virtual processor" })
    }

    /// Where the monitor writes the hashes, if this firmware looks at them.
    pub(super) fn hashes_address(&self) -> Result<u32, MeasureError> {
        self.number(&HASH_TABLE)?.filter(|address| *address != 0).ok_or(MeasureError::NoKernelHashes)
    }

    /// The page with the hashes in their place.
    pub(super) fn kernel_hashes_page(&self, boot: &DirectBoot) -> Result<KernelHashes, MeasureError> {
        let address = self.hashes_address()?;
        let offset = address as usize % PAGE;
        let mut bytes = [0; PAGE];
        let place = bytes.get_mut(offset..).and_then(|rest| rest.get_mut(..TABLE_PADDED));
        let fault = MeasureError::FirmwareTable { table: HASHES, fault: "one across two pages" };
        place.ok_or(fault)?.copy_from_slice(&boot.table());
        Ok(KernelHashes { address: u64::from(address) - offset as u64, bytes })
    }
}

/// A page that holds kernel hashes.
#[derive(Debug)]
pub(super) struct KernelHashes {
    pub(super) address: u64,
    pub(super) bytes: [u8; PAGE],
}

/// The entries between the table's start and its own length and GUID.
fn footer(bytes: &[u8]) -> Result<&[u8], MeasureError> {
    let fault = |fault| MeasureError::FirmwareTable { table: TABLE, fault };
    let (before, _) = bytes.split_at_checked(bytes.len() - BEHIND_TABLE).ok_or(MeasureError::NoFirmwareTable)?;
    let (before, found) = before.split_last_chunk::<16>().ok_or(MeasureError::NoFirmwareTable)?;
    if *found != FOOTER {
        return Err(MeasureError::NoFirmwareTable);
    }
    let (before, length) = before.split_last_chunk::<2>().ok_or(fault("no length"))?;
    let length = usize::from(u16::from_le_bytes(*length)).checked_sub(ENTRY_END).ok_or(fault("a length below 18"))?;
    let start = before.len().checked_sub(length).ok_or(fault("a length beyond the image"))?;
    before.get(start..).ok_or(fault("a length beyond the image"))
}

/// Entries from the last to the first, each its data, a length and a GUID.
struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(Guid, &'a [u8]), MeasureError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.0);
        if rest.is_empty() {
            return None;
        }
        let entry = entry(rest).map(|(before, guid, data)| {
            self.0 = before;
            (guid, data)
        });
        Some(entry.ok_or(MeasureError::FirmwareTable { table: TABLE, fault: "an entry of an impossible length" }))
    }
}

fn entry(bytes: &[u8]) -> Option<(&[u8], Guid, &[u8])> {
    let (before, guid) = bytes.split_last_chunk::<16>()?;
    let (before, length) = before.split_last_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length)).checked_sub(ENTRY_END)?;
    let (before, data) = before.split_at_checked(before.len().checked_sub(length)?)?;
    Some((before, *guid, data))
}

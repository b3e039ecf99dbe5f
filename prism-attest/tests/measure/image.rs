//! Firmware made here: zeros, a description of memory, a table of GUIDs.

use prism_attest::measure::PAGE;

pub(crate) const FOOTER: &str = "de82b596b21ff745baeaa366c55a082d";
pub(crate) const SEV_METADATA: &str = "666588dc4a989847a75e5585a7bf67cc";
pub(crate) const HASH_TABLE: &str = "1f3755723b3a044b927b1da6efa8d454";
pub(crate) const RESET_BLOCK: &str = "de71f7007e1acb4f890e68c77e2fb44e";
pub(crate) const SVSM_INFO: &str = "12a689a797054b4ca49fcbb1fe9d1ddd";

/// Where the firmware's description of memory starts, from its end.
const METADATA_FROM_END: u32 = 1024;

/// An image with everything that can be told about it.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) pages: usize,
    /// GUID and data, in the order of the image.
    pub(crate) entries: Vec<(&'static str, Vec<u8>)>,
    /// Address, size and type.
    pub(crate) sections: Vec<[u32; 3]>,
    pub(crate) version: u32,
    pub(crate) signature: [u8; 4],
}

impl Image {
    /// Two pages with every kind of section, kernel hashes at 0x800c00 and a start address for other processors.
    pub(crate) fn new() -> Self {
        Self {
            pages: 2,
            entries: vec![
                (SEV_METADATA, METADATA_FROM_END.to_le_bytes().to_vec()),
                (HASH_TABLE, [0x0080_0c00_u32.to_le_bytes(), 0x400_u32.to_le_bytes()].concat()),
                (RESET_BLOCK, 0x0080_b004_u32.to_le_bytes().to_vec()),
            ],
            sections: vec![
                [0x0080_1000, 0x3000, 1],
                [0x0080_6000, 0x1000, 2],
                [0x0080_7000, 0x1000, 3],
                [0x0080_8000, 0x2000, 4],
                [0x0080_0000, 0x1000, 0x10],
            ],
            version: 1,
            signature: *b"ASEV",
        }
    }

    /// Without this entry.
    pub(crate) fn without(mut self, guid: &str) -> Self {
        self.entries.retain(|(name, _)| *name != guid);
        self
    }

    /// With this entry's data replaced, or with one more.
    pub(crate) fn with(self, guid: &'static str, data: &[u8]) -> Self {
        let mut image = self.without(guid);
        image.entries.push((guid, data.to_vec()));
        image
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.pages * PAGE];
        let count = u32::try_from(self.sections.len()).unwrap();
        let header = [16 + 12 * count, self.version, count].map(u32::to_le_bytes).concat();
        let sections = self.sections.iter().flatten().flat_map(|number| number.to_le_bytes());
        let metadata: Vec<u8> = self.signature.into_iter().chain(header).chain(sections).collect();
        let start = bytes.len() - METADATA_FROM_END as usize;
        bytes[start..start + metadata.len()].copy_from_slice(&metadata);
        let mut table = Vec::new();
        for (guid, data) in &self.entries {
            table.extend(data);
            table.extend(u16::try_from(data.len() + 18).unwrap().to_le_bytes());
            table.extend(hex::decode(guid).unwrap());
        }
        table.extend(u16::try_from(table.len() + 18).unwrap().to_le_bytes());
        table.extend(hex::decode(FOOTER).unwrap());
        let end = bytes.len() - 32;
        bytes[end - table.len()..end].copy_from_slice(&table);
        bytes
    }
}

use prism_core::digest::{Digest, DigestAlgorithm, Hasher};

use super::MeasureError;
use super::firmware::Guid;

/// 9438d606-4f22-4cc9-b479-a793d411fd21.
const HEADER: Guid = 0x06d6_3894_224f_c94c_b479_a793_d411_fd21_u128.to_be_bytes();
/// 97d02dd8-bd20-4c94-aa78-e7714d36ab2a.
const COMMAND_LINE: Guid = 0xd82d_d097_20bd_944c_aa78_e771_4d36_ab2a_u128.to_be_bytes();
/// 44baf731-3a2f-4bd7-9af1-41e29169781d.
const INITRD: Guid = 0x31f7_ba44_2f3a_d74b_9af1_41e2_9169_781d_u128.to_be_bytes();
/// 4de79437-abd2-427f-b835-d5b172d2045b.
const KERNEL: Guid = 0x3794_e74d_d2ab_7f42_b835_d5b1_72d2_045b_u128.to_be_bytes();

/// A GUID, a length of two bytes and a SHA-256.
const ENTRY_LEN: u16 = 16 + 2 + 32;
/// A GUID, a length, and the three entries.
const TABLE_LEN: u16 = 16 + 2 + 3 * ENTRY_LEN;

/// Length of the table with what fills it up to 16 bytes.
pub(super) const TABLE_PADDED: usize = 176;

/// What the host hands to the firmware to start: its hashes are measured, and the firmware starts nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectBoot {
    kernel: Digest,
    initrd: Digest,
    command_line: Digest,
}

impl DirectBoot {
    /// Takes the SHA-256 of kernel and initrd, and the command line itself (QEMU's `-append`), which may be empty.
    ///
    /// # Errors
    /// [`MeasureError::NotSha256`] for digests of another algorithm, [`MeasureError::CommandLine`] for a zero byte.
    pub fn new(kernel: Digest, initrd: Option<Digest>, command_line: &str) -> Result<Self, MeasureError> {
        if command_line.contains('\0') {
            return Err(MeasureError::CommandLine);
        }
        let mut hasher = Hasher::sha256();
        hasher.update(command_line.as_bytes());
        hasher.update(b"\0");
        Ok(Self {
            kernel: sha256(kernel, "the kernel")?,
            initrd: sha256(initrd.unwrap_or_else(|| Digest::sha256(b"")), "the initrd")?,
            command_line: hasher.finish(),
        })
    }

    /// SHA-256 of the kernel.
    #[must_use]
    pub const fn kernel(&self) -> Digest {
        self.kernel
    }

    /// SHA-256 of the initrd; of nothing if there is none.
    #[must_use]
    pub const fn initrd(&self) -> Digest {
        self.initrd
    }

    /// SHA-256 of the command line and its final zero byte.
    #[must_use]
    pub const fn command_line(&self) -> Digest {
        self.command_line
    }

    /// The table that the monitor writes into the guest's memory.
    pub(super) fn table(&self) -> [u8; TABLE_PADDED] {
        let mut bytes = [HEADER.as_slice(), &TABLE_LEN.to_le_bytes()].concat();
        for (guid, digest) in [(COMMAND_LINE, self.command_line), (INITRD, self.initrd), (KERNEL, self.kernel)] {
            bytes.extend(guid);
            bytes.extend(ENTRY_LEN.to_le_bytes());
            bytes.extend(digest.as_bytes());
        }
        let mut table = [0; TABLE_PADDED];
        table.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        table
    }
}

fn sha256(digest: Digest, part: &'static str) -> Result<Digest, MeasureError> {
    if digest.algorithm() == DigestAlgorithm::Sha256 { Ok(digest) } else { Err(MeasureError::NotSha256 { part }) }
}

//! The inverse of reading, for the simulator.

use super::Fields;

impl Fields {
    /// The report byte for byte.
    pub(crate) fn write(&self) -> Vec<u8> {
        let parts: [&[u8]; 34] = [
            &self.version.to_le_bytes(),
            &self.guest_svn.to_le_bytes(),
            &self.policy.to_le_bytes(),
            &self.family_id,
            &self.image_id,
            &self.vmpl.to_le_bytes(),
            &self.algorithm.to_le_bytes(),
            &self.current_tcb,
            &self.platform_info.to_le_bytes(),
            &self.key_info.to_le_bytes(),
            &self.reserved_4c,
            &self.report_data,
            &self.measurement,
            &self.host_data,
            &self.id_key,
            &self.author_key,
            &self.report_id,
            &self.report_id_ma,
            &self.reported_tcb,
            &self.cpuid,
            &self.reserved_18b,
            &self.chip_id,
            &self.committed_tcb,
            &self.current_firmware,
            &self.reserved_1eb,
            &self.committed_firmware,
            &self.reserved_1ef,
            &self.launch_tcb,
            &self.launch_mitigations.to_le_bytes(),
            &self.current_mitigations.to_le_bytes(),
            &self.reserved_208,
            &self.r,
            &self.s,
            &self.reserved_330,
        ];
        parts.concat()
    }
}

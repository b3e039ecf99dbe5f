//! What a pretend machine looks like.

use aws_lc_rs::digest;
use prism_core::manifest::platform::{
    Accept, HexBytes, List, Minimum, Product, SigningKeyRule, SnpPolicy, Tcb, VlekRule, Vmpl,
};

use crate::platform::snp::SIMULATOR_FAMILY;
use crate::platform::snp::product::tcb_bytes;
use crate::platform::snp::report::{ALGORITHM, Fields, key_info, platform, policy};

/// The firmware interface that pretend guests demand is 0.31.
const ABI_MINOR: u8 = 31;

/// The mitigations that pretend machines have.
const MITIGATIONS: u64 = 0x3f;

/// Layout of a simulated report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportVersion {
    /// Without the processor's family and model.
    V2,
    /// With them.
    V3,
    /// As version 3.
    V4,
    /// With mitigation vectors.
    V5,
}

/// Which key signs a simulated report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimulatedKey {
    /// The pretend chip's own.
    Vcek,
    /// A pretend cloud provider's.
    Vlek,
}

/// A pretend machine. The default is a Genoa with committed firmware that a strict policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SimulatedMachine {
    /// Generation of processors.
    pub product: Product,
    /// Layout of the report.
    pub version: ReportVersion,
    /// Which key signs.
    pub key: SimulatedKey,
    /// Launch measurement.
    pub measurement: HexBytes<48>,
    /// `HOST_DATA`.
    pub host_data: HexBytes<32>,
    /// Guest security version.
    pub guest_svn: u32,
    /// Privilege level of the program that asks.
    pub vmpl: Vmpl,
    /// Security versions, all four of them.
    pub tcb: Tcb,
}

impl Default for SimulatedMachine {
    fn default() -> Self {
        Self {
            product: Product::Genoa,
            version: ReportVersion::V3,
            key: SimulatedKey::Vcek,
            measurement: simulated_measurement(),
            host_data: HexBytes::new([0; 32]),
            guest_svn: 1,
            vmpl: Vmpl::MOST_PRIVILEGED,
            tcb: Tcb { fmc: 0, bootloader: 10, tee: 0, snp: 23, microcode: 84 },
        }
    }
}

/// Family, model and stepping of one processor of each product.
const fn cpuid(product: Product) -> [u8; 3] {
    match product {
        Product::Milan => [0x19, 0x01, 0x01],
        Product::Genoa => [0x19, 0x11, 0x01],
        _ => [0x1a, 0x02, 0x01],
    }
}

fn simulated_measurement() -> HexBytes<48> {
    let mut bytes = [0; 48];
    bytes.copy_from_slice(digest::digest(&digest::SHA384, b"PRISM SIMULATOR - NOT A TEE").as_ref());
    HexBytes::new(bytes)
}

impl SimulatedMachine {
    /// The strictest policy that accepts such machines.
    #[must_use]
    pub fn policy(&self) -> SnpPolicy {
        let products = [(self.product, Minimum::both(self.tcb))].into();
        let mut policy = SnpPolicy::strict(products, Accept::only(self.measurement));
        policy.host_data = Accept::only(self.host_data);
        policy.family_ids = Accept::only(HexBytes::new(*SIMULATOR_FAMILY));
        policy.vmpls = List::only(self.vmpl);
        policy.min_guest_svn = self.guest_svn;
        policy.min_abi.minor = ABI_MINOR;
        let mitigations = if self.version == ReportVersion::V5 { MITIGATIONS } else { 0 };
        (policy.min_mitigations.launch, policy.min_mitigations.current) = (mitigations, mitigations);
        policy.require.alias_check = true;
        if self.key == SimulatedKey::Vlek {
            let rule = VlekRule { csp_ids: Accept::only("CN=simulated.invalid".to_owned()) };
            policy.signing_keys = List::only(SigningKeyRule::Vlek(rule));
        }
        policy
    }

    /// The fields of this machine's report before it is signed.
    pub(super) fn report(&self, chip: [u8; 64], report_data: [u8; 64]) -> Fields {
        let (version, has_cpuid, mitigations) = match self.version {
            ReportVersion::V2 => (2, false, 0),
            ReportVersion::V3 => (3, true, 0),
            ReportVersion::V4 => (4, true, 0),
            ReportVersion::V5 => (5, true, MITIGATIONS),
        };
        let tcb = tcb_bytes(self.product, self.tcb);
        let key = if self.key == SimulatedKey::Vlek { 1 << key_info::SIGNING_KEY_SHIFT } else { 0 };
        Fields {
            version,
            guest_svn: self.guest_svn,
            policy: policy::ALWAYS_ONE | policy::SMT | u64::from(ABI_MINOR),
            family_id: *SIMULATOR_FAMILY,
            image_id: *b"prism-agent\0\0\0\0\0",
            vmpl: self.vmpl.into(),
            algorithm: ALGORITHM,
            current_tcb: tcb,
            committed_tcb: tcb,
            reported_tcb: tcb,
            launch_tcb: tcb,
            platform_info: platform::SMT | platform::ALIAS_CHECK,
            key_info: key,
            report_data,
            measurement: *self.measurement.as_bytes(),
            host_data: *self.host_data.as_bytes(),
            report_id: [0x51; 32],
            report_id_ma: [0xff; 32],
            cpuid: if has_cpuid { cpuid(self.product) } else { [0; 3] },
            chip_id: if self.key == SimulatedKey::Vlek { [0; 64] } else { chip },
            current_firmware: [40, 55, 1],
            committed_firmware: [40, 55, 1],
            launch_mitigations: mitigations,
            current_mitigations: mitigations,
            id_key: [0; 48],
            author_key: [0; 48],
            reserved_4c: [0; 4],
            reserved_18b: [0; 21],
            reserved_1eb: [0; 1],
            reserved_1ef: [0; 1],
            reserved_208: [0; 152],
            r: [0; 72],
            s: [0; 72],
            reserved_330: [0; 368],
        }
    }
}

//! What a genuine SEV-SNP machine said.

use std::fmt;

use prism_core::manifest::platform::{AbiVersion, HexBytes, Product, Tcb};
use serde::{Serialize, Serializer};

use super::chain::Key;
use super::product;
use super::report::{Fields, Report, key_info, policy};

/// A chip's identity, unless the host hides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChipId {
    /// `CHIP_ID` as reported; on Turin eight bytes followed by zeros.
    Shown(HexBytes<64>),
    /// All zeros: the host hides it.
    Masked,
}

impl fmt::Display for ChipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shown(id) => id.fmt(f),
            Self::Masked => f.write_str("masked"),
        }
    }
}

impl Serialize for ChipId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Verified facts about an SEV-SNP machine. Whether they are wanted is for a policy to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SnpClaims {
    pub(super) version: u32,
    pub(super) product: Product,
    #[serde(rename = "signing_key")]
    pub(super) key: Key,
    pub(super) measurement: HexBytes<48>,
    pub(super) host_data: HexBytes<32>,
    pub(super) family_id: HexBytes<16>,
    pub(super) image_id: HexBytes<16>,
    pub(super) report_id: HexBytes<32>,
    pub(super) migration_report_id: HexBytes<32>,
    pub(super) chip_id: ChipId,
    pub(super) id_key: HexBytes<48>,
    /// `None` unless `AUTHOR_KEY_EN` is set.
    pub(super) author_key: Option<HexBytes<48>>,
    pub(super) vmpl: u32,
    pub(super) guest_svn: u32,
    pub(super) guest_policy: Bits,
    pub(super) platform_info: Bits,
    pub(super) reported_tcb: Tcb,
    pub(super) current_tcb: Tcb,
    pub(super) committed_tcb: Tcb,
    pub(super) launch_tcb: Tcb,
    pub(super) current_firmware: Firmware,
    pub(super) committed_firmware: Firmware,
    pub(super) launch_mitigations: Bits,
    pub(super) current_mitigations: Bits,
    pub(super) revocation_list: bool,
    #[serde(skip)]
    report_data: [u8; 64],
}

/// A set of bits, written in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits(pub(crate) u64);

impl Bits {
    pub(crate) const fn has(self, bit: u64) -> bool {
        self.0 & bit == bit
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A firmware's version; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Firmware {
    major: u8,
    minor: u8,
    build: u8,
}

impl From<[u8; 3]> for Firmware {
    fn from([build, minor, major]: [u8; 3]) -> Self {
        Self { major, minor, build }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

impl Serialize for Firmware {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl SnpClaims {
    pub(super) fn new(report: &Report, product: Product, key: Key, revocation_list: bool) -> Self {
        let fields: &Fields = &report.fields;
        let tcb = |bytes| product::tcb(product, bytes).0;
        let has_author = fields.key_info & key_info::AUTHOR_KEY != 0;
        let shown = fields.chip_id != [0; 64];
        Self {
            version: fields.version,
            product,
            key,
            measurement: HexBytes::new(fields.measurement),
            host_data: HexBytes::new(fields.host_data),
            family_id: HexBytes::new(fields.family_id),
            image_id: HexBytes::new(fields.image_id),
            report_id: HexBytes::new(fields.report_id),
            migration_report_id: HexBytes::new(fields.report_id_ma),
            chip_id: if shown { ChipId::Shown(HexBytes::new(fields.chip_id)) } else { ChipId::Masked },
            id_key: HexBytes::new(fields.id_key),
            author_key: has_author.then(|| HexBytes::new(fields.author_key)),
            vmpl: fields.vmpl,
            guest_svn: fields.guest_svn,
            guest_policy: Bits(fields.policy),
            platform_info: Bits(fields.platform_info),
            reported_tcb: tcb(fields.reported_tcb),
            current_tcb: tcb(fields.current_tcb),
            committed_tcb: tcb(fields.committed_tcb),
            launch_tcb: tcb(fields.launch_tcb),
            current_firmware: fields.current_firmware.into(),
            committed_firmware: fields.committed_firmware.into(),
            launch_mitigations: Bits(fields.launch_mitigations),
            current_mitigations: Bits(fields.current_mitigations),
            revocation_list,
            report_data: fields.report_data,
        }
    }

    /// Version of the report's layout: 2 to 5.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The processor's product.
    #[must_use]
    pub const fn product(&self) -> Product {
        self.product
    }

    /// The cloud provider whose key signed; `None` if the chip's own key signed.
    #[must_use]
    pub fn csp_id(&self) -> Option<&str> {
        match &self.key {
            Key::Vcek => None,
            Key::Vlek(provider) => Some(provider),
        }
    }

    /// SHA-384 over what was launched.
    #[must_use]
    pub const fn measurement(&self) -> HexBytes<48> {
        self.measurement
    }

    /// What the host said at launch.
    #[must_use]
    pub const fn host_data(&self) -> HexBytes<32> {
        self.host_data
    }

    /// The chip that signed.
    #[must_use]
    pub const fn chip_id(&self) -> ChipId {
        self.chip_id
    }

    /// Privilege level of the program that asked for the report: 0 to 3.
    #[must_use]
    pub const fn vmpl(&self) -> u32 {
        self.vmpl
    }

    /// Security versions whose key signed.
    #[must_use]
    pub const fn reported_tcb(&self) -> Tcb {
        self.reported_tcb
    }

    /// Security versions at launch.
    #[must_use]
    pub const fn launch_tcb(&self) -> Tcb {
        self.launch_tcb
    }

    /// Whether AMD's revocation list was at hand. Without it nobody knows whether the issuer was revoked.
    #[must_use]
    pub const fn has_revocation_list(&self) -> bool {
        self.revocation_list
    }

    /// Whether the host may read the guest's memory.
    #[must_use]
    pub const fn is_debuggable(&self) -> bool {
        self.guest_policy.has(policy::DEBUG)
    }

    pub(crate) const fn report_data(&self) -> &[u8; 64] {
        &self.report_data
    }

    /// The lowest firmware interface that the guest's policy demands.
    pub(crate) const fn abi(&self) -> AbiVersion {
        let [minor, major, ..] = self.guest_policy.0.to_le_bytes();
        AbiVersion { major, minor }
    }
}

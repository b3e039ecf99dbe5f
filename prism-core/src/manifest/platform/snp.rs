//! What an AMD SEV-SNP machine has to report. Field names follow AMD's SEV-SNP firmware ABI (publication 56860).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Accept, HexBytes, List};

/// Everything a report has to say. All conditions have to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SnpPolicy {
    /// Accepted processor products, each with its lowest security versions.
    #[serde(deserialize_with = "products")]
    pub products: BTreeMap<Product, Minimum>,
    /// Which kinds of key may sign.
    pub signing_keys: List<SigningKeyRule>,
    /// Accepted launch measurements (SHA-384).
    pub measurements: Accept<HexBytes<48>>,
    /// Accepted values of `HOST_DATA`.
    pub host_data: Accept<HexBytes<32>>,
    /// Accepted values of `FAMILY_ID`.
    pub family_ids: Accept<HexBytes<16>>,
    /// Accepted values of `IMAGE_ID`.
    pub image_ids: Accept<HexBytes<16>>,
    /// Accepted values of `REPORT_ID`, which the firmware draws at each launch.
    pub report_ids: Accept<HexBytes<32>>,
    /// Accepted processors by `CHIP_ID`; on Turin eight bytes followed by zeros.
    pub chip_ids: Accept<HexBytes<64>>,
    /// Accepted digests (SHA-384) of the key that signed the identity block.
    pub id_keys: Accept<HexBytes<48>>,
    /// Accepted digests (SHA-384) of the author key.
    pub author_keys: Accept<HexBytes<48>>,
    /// Accepted privilege levels of the program that asked for the report.
    pub vmpls: List<Vmpl>,
    /// Lowest security version of the guest, from the identity block.
    pub min_guest_svn: u32,
    /// Lowest firmware interface version that the guest's policy demands.
    pub min_abi: AbiVersion,
    /// Bits that the mitigation vectors must have (reports of version 5 and later carry them).
    pub min_mitigations: Mitigations,
    /// Weaknesses that are accepted.
    pub allow: SnpAllow,
    /// Protections that are demanded.
    pub require: SnpRequire,
    /// Whether AMD's revocation list must be at hand.
    pub revocation: Revocation,
}

impl SnpPolicy {
    /// The strictest policy that an ordinary production machine meets: signed by a chip's own key, at VMPL 0, not
    /// debuggable, not migratable, committed firmware, revocation list at hand. Simultaneous multithreading is
    /// accepted; identities other than the measurement are not compared until they are filled in.
    #[must_use]
    pub fn strict(products: BTreeMap<Product, Minimum>, measurements: Accept<HexBytes<48>>) -> Self {
        Self {
            products,
            signing_keys: List::only(SigningKeyRule::Vcek),
            measurements,
            host_data: Accept::Any,
            family_ids: Accept::Any,
            image_ids: Accept::Any,
            report_ids: Accept::Any,
            chip_ids: Accept::Any,
            id_keys: Accept::Any,
            author_keys: Accept::Any,
            vmpls: List::only(Vmpl::MOST_PRIVILEGED),
            min_guest_svn: 0,
            min_abi: AbiVersion { major: 0, minor: 0 },
            min_mitigations: Mitigations { launch: 0, current: 0 },
            allow: SnpAllow::only_smt(),
            require: SnpRequire::nothing_more(),
            revocation: Revocation::Require,
        }
    }
}

/// A generation of AMD EPYC processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Product {
    /// Third generation, family 0x19.
    Milan,
    /// Fourth generation, family 0x19.
    Genoa,
    /// Fifth generation, family 0x1A: other layout of security versions, shorter chip identity.
    Turin,
}

impl Product {
    /// Every product that is known here.
    pub const ALL: [Self; 3] = [Self::Milan, Self::Genoa, Self::Turin];

    /// AMD's own spelling, as in its certificates.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Milan => "Milan",
            Self::Genoa => "Genoa",
            Self::Turin => "Turin",
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text names no known product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of milan, genoa, turin, found another word; use a known product")]
#[non_exhaustive]
pub struct ProductError;

impl FromStr for Product {
    type Err = ProductError;

    fn from_str(text: &str) -> Result<Self, ProductError> {
        Self::ALL.into_iter().find(|product| product.name().eq_ignore_ascii_case(text)).ok_or(ProductError)
    }
}

/// Lowest security versions of one product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minimum {
    /// Lowest `REPORTED_TCB`: the one whose key signed.
    pub min_tcb: Tcb,
    /// Lowest `LAUNCH_TCB`: the one under which the guest was started.
    pub min_launch_tcb: Tcb,
}

impl Minimum {
    /// The same lowest versions at launch and now.
    #[must_use]
    pub const fn both(tcb: Tcb) -> Self {
        Self { min_tcb: tcb, min_launch_tcb: tcb }
    }
}

/// Security versions of the parts of a machine's trusted computing base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tcb {
    /// FMC firmware; only Turin has it, zero elsewhere.
    pub fmc: u8,
    /// Boot loader of the secure processor.
    pub bootloader: u8,
    /// Operating system of the secure processor.
    pub tee: u8,
    /// SEV-SNP firmware.
    pub snp: u8,
    /// Lowest microcode patch level of all cores.
    pub microcode: u8,
}

impl Tcb {
    /// Whether no part is below the same part of `minimum`.
    #[must_use]
    pub const fn reaches(&self, minimum: &Self) -> bool {
        self.fmc >= minimum.fmc
            && self.bootloader >= minimum.bootloader
            && self.tee >= minimum.tee
            && self.snp >= minimum.snp
            && self.microcode >= minimum.microcode
    }
}

impl fmt::Display for Tcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fmc, bootloader, tee, snp, microcode } = self;
        write!(f, "fmc {fmc}, bootloader {bootloader}, tee {tee}, snp {snp}, microcode {microcode}")
    }
}

/// A kind of key that may sign reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SigningKeyRule {
    /// The chip's own key (VCEK), bound to its identity and firmware versions.
    Vcek,
    /// A key that AMD made for a cloud provider (VLEK); it hides which chip signed.
    Vlek(VlekRule),
}

/// Which cloud providers' keys are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VlekRule {
    /// Accepted `CSP_ID`s as the certificates spell them, for example `CN=cc-us-east-2.amazonaws.com`.
    pub csp_ids: Accept<String>,
}

/// A virtual machine privilege level: 0 (most privileged) to 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Vmpl(u8);

impl Vmpl {
    /// Level 0.
    pub const MOST_PRIVILEGED: Self = Self(0);
}

/// A number is not a privilege level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a privilege level from 0 to 3, found {found}; use a level that exists")]
#[non_exhaustive]
pub struct VmplError {
    /// The number found.
    pub found: u32,
}

impl TryFrom<u32> for Vmpl {
    type Error = VmplError;

    fn try_from(level: u32) -> Result<Self, VmplError> {
        match u8::try_from(level) {
            Ok(level) if level <= 3 => Ok(Self(level)),
            _ => Err(VmplError { found: level }),
        }
    }
}

impl From<Vmpl> for u32 {
    fn from(vmpl: Vmpl) -> Self {
        Self::from(vmpl.0)
    }
}

impl fmt::Display for Vmpl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Version of the firmware's interface, written `major.minor` in decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbiVersion {
    /// Major part.
    pub major: u8,
    /// Minor part.
    pub minor: u8,
}

/// A text is not an interface version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a version such as \"1.51\", found something else; write two numbers from 0 to 255 with a dot")]
#[non_exhaustive]
pub struct AbiVersionError;

impl FromStr for AbiVersion {
    type Err = AbiVersionError;

    fn from_str(text: &str) -> Result<Self, AbiVersionError> {
        let (major, minor) = text.split_once('.').ok_or(AbiVersionError)?;
        let number = |part: &str| part.parse::<u8>().map_err(|_| AbiVersionError);
        let version = Self { major: number(major)?, minor: number(minor)? };
        if version.to_string() == text { Ok(version) } else { Err(AbiVersionError) }
    }
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for AbiVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AbiVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Bits that must be set in the mitigation vectors; zero demands none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mitigations {
    /// In the vector taken at launch.
    pub launch: u64,
    /// In the vector of now.
    pub current: u64,
}

/// Weaknesses that are accepted. `false` refuses a machine that has the weakness.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent, named condition of the policy document")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SnpAllow {
    /// The host may read and write the guest's memory.
    pub debug: bool,
    /// A migration agent may move the guest.
    pub migration: bool,
    /// Two hardware threads may share a core.
    pub smt: bool,
    /// Memory may sit on CXL devices.
    pub cxl: bool,
    /// Trusted devices may be attached (SEV-TIO).
    pub trusted_io: bool,
    /// Firmware that the host has loaded but not committed may run.
    pub provisional_firmware: bool,
    /// A report signed by a chip's own key may hide the chip's identity.
    pub masked_chip_id: bool,
}

impl SnpAllow {
    /// Accepts nothing but simultaneous multithreading.
    #[must_use]
    pub const fn only_smt() -> Self {
        Self {
            debug: false,
            migration: false,
            smt: true,
            cxl: false,
            trusted_io: false,
            provisional_firmware: false,
            masked_chip_id: false,
        }
    }
}

/// Protections that are demanded. `true` refuses a machine that lacks the protection.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent, named condition of the policy document")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SnpRequire {
    /// The memory was checked for aliases since the last reset (against `BadRAM`, CVE-2024-21944).
    pub alias_check: bool,
    /// The host cannot read the guest's ciphertext in memory.
    pub ciphertext_hiding: bool,
    /// The guest may run on one socket only.
    pub single_socket: bool,
    /// Running-average power limits are off (against power side channels).
    pub rapl_disabled: bool,
    /// Memory has error-correcting codes.
    pub ecc: bool,
    /// All memory of the machine is encrypted, not only the guest's.
    pub tsme: bool,
    /// The guest demands AES-256-XTS for its memory.
    pub aes_256_xts: bool,
    /// The guest forbids moving its pages.
    pub page_swap_disabled: bool,
}

impl SnpRequire {
    /// Demands no protection beyond what SEV-SNP always gives.
    #[must_use]
    pub const fn nothing_more() -> Self {
        Self {
            alias_check: false,
            ciphertext_hiding: false,
            single_socket: false,
            rapl_disabled: false,
            ecc: false,
            tsme: false,
            aes_256_xts: false,
            page_swap_disabled: false,
        }
    }
}

/// What a missing revocation list means. One that is at hand is always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Revocation {
    /// No list, no trust.
    Require,
    /// A missing list is accepted and shown.
    IfPresent,
}

fn products<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Product, Minimum>, D::Error> {
    use serde::de::Error;
    let products = BTreeMap::<Product, Minimum>::deserialize(deserializer)?;
    if products.is_empty() {
        return Err(D::Error::custom("expected at least one product, found none; name the accepted products"));
    }
    let fmc = |minimum: &Minimum| minimum.min_tcb.fmc | minimum.min_launch_tcb.fmc;
    if products.iter().any(|(product, minimum)| *product != Product::Turin && fmc(minimum) != 0) {
        return Err(D::Error::custom(
            "expected fmc 0 for Milan and Genoa, found another number; only Turin has an FMC",
        ));
    }
    Ok(products)
}

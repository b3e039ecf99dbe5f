//! What the virtual TPM of a confidential machine has to report, beside the machine's own evidence.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Accept, EventLogRule, HexBytes, SnpPolicy, TdxPolicy};

/// Everything a TPM quote has to say. All conditions have to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VtpmPolicy {
    /// What stands behind the key that signed the quote.
    pub ak_anchor: AkAnchor,
    /// Accepted values of the platform configuration registers (bank SHA-256). The quote has to cover every register
    /// that is named here; the others are not appraised, and the verdict says so.
    #[serde(deserialize_with = "registers")]
    pub pcrs: BTreeMap<PcrIndex, Accept<HexBytes<32>>>,
    /// Accepted machines by the id that the paravisor has for them (`vmUniqueId`), written as it writes it.
    pub vm_ids: Accept<String>,
    /// Accepted numbers of the TPM's resets (`resetCount`): with the next, one boot of one machine.
    pub reset_counts: Accept<u32>,
    /// Accepted numbers of the TPM's restarts since its last reset (`restartCount`).
    pub restart_counts: Accept<u32>,
    /// Protections that are demanded.
    pub require: VtpmRequire,
    /// Whether the event log behind the registers must be at hand.
    pub event_log: EventLogRule,
}

impl VtpmPolicy {
    /// Accepts these registers, quoted by the key that the machine's own evidence names, on any machine that boots
    /// securely and whose TPM's clock is safe; a missing event log is accepted.
    #[must_use]
    pub const fn new(pcrs: BTreeMap<PcrIndex, Accept<HexBytes<32>>>) -> Self {
        Self {
            ak_anchor: AkAnchor::Hcl,
            pcrs,
            vm_ids: Accept::Any,
            reset_counts: Accept::Any,
            restart_counts: Accept::Any,
            require: VtpmRequire { secure_boot: true, safe_clock: true },
            event_log: EventLogRule::IfPresent,
        }
    }
}

/// Protections of the guest that are demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct VtpmRequire {
    /// The paravisor says that the firmware boots signed programs only.
    pub secure_boot: bool,
    /// The TPM's clock has not been set back.
    pub safe_clock: bool,
}

impl fmt::Display for AkAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hcl => f.write_str("hcl"),
        }
    }
}

/// What stands behind a TPM's attestation key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AkAnchor {
    /// The paravisor's runtime claims, whose digest is in the report data that the processor signed (Azure's HCL
    /// report).
    Hcl,
}

/// The number of a platform configuration register: 0 to 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PcrIndex(u8);

/// A number or text names no register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the number of a register from 0 to 23, found something else; write it in decimal without zeros before"
)]
#[non_exhaustive]
pub struct PcrIndexError;

impl PcrIndex {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for PcrIndex {
    type Error = PcrIndexError;

    fn try_from(index: u8) -> Result<Self, PcrIndexError> {
        if index <= 23 { Ok(Self(index)) } else { Err(PcrIndexError) }
    }
}

impl FromStr for PcrIndex {
    type Err = PcrIndexError;

    fn from_str(text: &str) -> Result<Self, PcrIndexError> {
        let index = Self::try_from(text.parse::<u8>().map_err(|_| PcrIndexError)?)?;
        if index.to_string() == text { Ok(index) } else { Err(PcrIndexError) }
    }
}

impl fmt::Display for PcrIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for PcrIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PcrIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Accepts SEV-SNP machines on Azure: the processor's report and the virtual TPM's quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AzureSnpPolicy {
    /// What the processor's report has to say. Its measurement is that of Azure's paravisor.
    pub snp: SnpPolicy,
    /// What the virtual TPM has to say about the guest.
    pub vtpm: VtpmPolicy,
}

impl AzureSnpPolicy {
    /// Accepts machines that meet both.
    #[must_use]
    pub const fn new(snp: SnpPolicy, vtpm: VtpmPolicy) -> Self {
        Self { snp, vtpm }
    }
}

/// Accepts TDX machines on Azure: the processor's quote and the virtual TPM's quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AzureTdxPolicy {
    /// What the processor's quote has to say. Its measurement is that of Azure's paravisor, which was seen to run
    /// without `SEPT_VE_DISABLE`: `require.sept_ve_disable` refuses such machines. No log stands behind its registers
    /// (the paravisor keeps the virtual TPM's only), so that a document that requires one is refused.
    #[serde(deserialize_with = "without_log")]
    pub tdx: TdxPolicy,
    /// What the virtual TPM has to say about the guest.
    pub vtpm: VtpmPolicy,
}

impl AzureTdxPolicy {
    /// Accepts machines that meet both.
    #[must_use]
    pub const fn new(tdx: TdxPolicy, vtpm: VtpmPolicy) -> Self {
        Self { tdx, vtpm }
    }
}

fn without_log<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TdxPolicy, D::Error> {
    let policy = TdxPolicy::deserialize(deserializer)?;
    if policy.event_log == EventLogRule::IfPresent {
        return Ok(policy);
    }
    Err(serde::de::Error::custom(
        "expected event_log = \"if-present\" under azure-tdx.tdx, found \"require\"; the event log on Azure is that of the \
         virtual TPM: require it under azure-tdx.vtpm",
    ))
}

fn registers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<PcrIndex, Accept<HexBytes<32>>>, D::Error> {
    use serde::de::Error;
    let registers = BTreeMap::deserialize(deserializer)?;
    if registers.is_empty() {
        return Err(D::Error::custom("expected at least one register, found none; name the registers that count"));
    }
    Ok(registers)
}

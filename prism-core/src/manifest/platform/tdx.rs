//! What an Intel TDX machine has to report. Field names follow Intel's TDX module ABI (document 348551) and the TDX
//! DCAP quote format; byte strings are written as they stand in the quote, least significant byte first.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::LIST_MAX;
use super::{Accept, HexBytes, List};

/// Everything a quote and Intel's words about its platform have to say. All conditions have to hold.
///
/// Revocation lists are no condition here: Intel's rules always demand them, so verification fails without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TdxPolicy {
    /// Accepted statuses of the platform, its TDX module and its quoting enclave together, as Intel's verification
    /// library converges them. `Revoked` cannot be listed.
    pub tcb_status: List<TdxStatus>,
    /// How long an out-of-date machine is accepted: for so many days of 86,400 seconds after the `tcbDate` of the
    /// level that it reached (Intel's `platform_grace_period`). Where platform, module and quoting enclave are out of
    /// date at several levels, the earliest `tcbDate` counts. The two `OutOfDate…` statuses must be listed besides;
    /// with 0 days they are as good as never accepted. No other status looks at it.
    pub grace_days: u32,
    /// Advisories that must not be open on the machine, whatever its status. Written out even when there is none.
    #[serde(deserialize_with = "advisories")]
    pub deny_advisories: BTreeSet<AdvisoryId>,
    /// Lowest `tcbEvaluationDataNumber` of the TCB information and of the quoting enclave's identity.
    pub min_tcb_evaluation_number: u32,
    /// Accepted values of `MRTD`, the measurement of the guest's first memory (SHA-384).
    pub mrtd: Accept<HexBytes<48>>,
    /// Accepted values of the runtime registers.
    pub rtmrs: Rtmrs,
    /// Accepted values of `MRCONFIGID`.
    pub mr_config_ids: Accept<HexBytes<48>>,
    /// Accepted values of `MROWNER`.
    pub mr_owners: Accept<HexBytes<48>>,
    /// Accepted values of `MROWNERCONFIG`.
    pub mr_owner_configs: Accept<HexBytes<48>>,
    /// Accepted measurements of the TDX module (`MRSEAM`).
    pub mr_seams: Accept<HexBytes<48>>,
    /// Accepted values of `MRSERVICETD`; quotes of TDX 1.0 have none, which only `"any"` accepts.
    pub mr_service_tds: Accept<HexBytes<48>>,
    /// Accepted values of `TDATTRIBUTES`, every bit compared.
    pub td_attributes: Accept<HexBytes<8>>,
    /// Accepted values of `XFAM`, every bit compared.
    pub xfam: Accept<HexBytes<8>>,
    /// Accepted kinds of platform by `FMSPC`.
    pub fmspcs: Accept<HexBytes<6>>,
    /// Accepted processors by the `PPID` in the certificate of the provisioning key.
    pub ppids: Accept<HexBytes<16>>,
    /// Accepted machines of several processors by their platform instance id; single ones have none, which only
    /// `"any"` accepts.
    pub platform_instance_ids: Accept<HexBytes<16>>,
    /// Lowest `TEE_TCB_SVN`, each of its 16 bytes for itself; in quotes of TDX 1.5 also the lowest `TEE_TCB_SVN_2`.
    pub min_tee_tcb_svn: HexBytes<16>,
    /// Lowest security version (`ISVSVN`) of the quoting enclave.
    pub min_qe_svn: u16,
    /// Lowest security version (`PCESVN`) of the provisioning certification enclave.
    pub min_pce_svn: u16,
    /// Weaknesses that are accepted.
    pub allow: TdxAllow,
    /// Protections that are demanded.
    pub require: TdxRequire,
    /// Whether the event log behind the runtime registers must be at hand.
    pub event_log: EventLogRule,
}

impl TdxPolicy {
    /// The strictest policy that an ordinary production machine meets: up to date in every part, not debuggable, not
    /// migratable, no service guest bound, no page swapped in behind the guest's back. Platform properties that Intel
    /// certifies for most servers (several processors, cached keys, simultaneous multithreading) are accepted;
    /// identities other than the measurements are not compared until they are filled in.
    #[must_use]
    pub fn strict(mrtd: Accept<HexBytes<48>>, rtmrs: Rtmrs) -> Self {
        Self {
            tcb_status: List::only(TdxStatus::UpToDate),
            grace_days: 0,
            deny_advisories: BTreeSet::new(),
            min_tcb_evaluation_number: 0,
            mrtd,
            rtmrs,
            mr_config_ids: Accept::Any,
            mr_owners: Accept::Any,
            mr_owner_configs: Accept::Any,
            mr_seams: Accept::Any,
            mr_service_tds: Accept::Any,
            td_attributes: Accept::Any,
            xfam: Accept::Any,
            fmspcs: Accept::Any,
            ppids: Accept::Any,
            platform_instance_ids: Accept::Any,
            min_tee_tcb_svn: HexBytes::new([0; 16]),
            min_qe_svn: 0,
            min_pce_svn: 0,
            allow: TdxAllow::only_ordinary_platforms(),
            require: TdxRequire { sept_ve_disable: true },
            event_log: EventLogRule::IfPresent,
        }
    }
}

/// What Intel says about the security versions of a machine. `Revoked` is missing on purpose: nothing accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TdxStatus {
    /// Every part has the newest security version.
    UpToDate,
    /// Up to date, and the software in the guest has to be built with mitigations.
    SwHardeningNeeded,
    /// Up to date, and the platform should be configured more strictly.
    ConfigurationNeeded,
    /// Both of the two before.
    ConfigurationAndSwHardeningNeeded,
    /// Some part has known weaknesses.
    OutOfDate,
    /// Out of date, and the platform should be configured more strictly.
    OutOfDateConfigurationNeeded,
    /// The platform was updated after this guest's launch; the guest should be launched anew.
    TdRelaunchAdvised,
    /// To be launched anew, and the platform should be configured more strictly.
    TdRelaunchAdvisedConfigurationNeeded,
}

impl TdxStatus {
    /// Every status that a policy can accept.
    pub const ALL: [Self; 8] = [
        Self::UpToDate,
        Self::SwHardeningNeeded,
        Self::ConfigurationNeeded,
        Self::ConfigurationAndSwHardeningNeeded,
        Self::OutOfDate,
        Self::OutOfDateConfigurationNeeded,
        Self::TdRelaunchAdvised,
        Self::TdRelaunchAdvisedConfigurationNeeded,
    ];

    /// Intel's own spelling, as in its TCB information.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "UpToDate",
            Self::SwHardeningNeeded => "SWHardeningNeeded",
            Self::ConfigurationNeeded => "ConfigurationNeeded",
            Self::ConfigurationAndSwHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
            Self::OutOfDate => "OutOfDate",
            Self::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
            Self::TdRelaunchAdvised => "TDRelaunchAdvised",
            Self::TdRelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
        }
    }

    /// Whether the policy's grace days limit how long this status is accepted.
    #[must_use]
    pub const fn is_out_of_date(self) -> bool {
        matches!(self, Self::OutOfDate | Self::OutOfDateConfigurationNeeded)
    }
}

impl fmt::Display for TdxStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text names no status that a policy can accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected one of UpToDate, SWHardeningNeeded, ConfigurationNeeded, ConfigurationAndSWHardeningNeeded, OutOfDate, \
     OutOfDateConfigurationNeeded, TDRelaunchAdvised, TDRelaunchAdvisedConfigurationNeeded, found another word; use \
     Intel's spelling, and never Revoked, which cannot be accepted"
)]
#[non_exhaustive]
pub struct TdxStatusError;

impl FromStr for TdxStatus {
    type Err = TdxStatusError;

    fn from_str(text: &str) -> Result<Self, TdxStatusError> {
        Self::ALL.into_iter().find(|status| status.name() == text).ok_or(TdxStatusError)
    }
}

impl Serialize for TdxStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for TdxStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The name of one of Intel's security advisories, for example `INTEL-SA-00837`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct AdvisoryId(String);

impl AdvisoryId {
    /// The name as Intel writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AdvisoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text is not the name of an advisory. A misspelt one would deny nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an advisory such as \"INTEL-SA-00837\", found something else; write INTEL-SA- and five digits")]
#[non_exhaustive]
pub struct AdvisoryIdError;

impl FromStr for AdvisoryId {
    type Err = AdvisoryIdError;

    fn from_str(text: &str) -> Result<Self, AdvisoryIdError> {
        let digits = text.strip_prefix("INTEL-SA-").ok_or(AdvisoryIdError)?;
        let plain = digits.len() == 5 && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { Ok(Self(text.to_owned())) } else { Err(AdvisoryIdError) }
    }
}

impl<'de> Deserialize<'de> for AdvisoryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Accepted values of the four runtime registers (SHA-384). The guest's firmware, boot loader and operating system
/// extend them; with OVMF, 0 holds the firmware's configuration, 1 the boot loader and kernel, 2 the command line and
/// initial file system, 3 is free for applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Rtmrs {
    /// Accepted values of `RTMR0`.
    pub rtmr0: Accept<HexBytes<48>>,
    /// Accepted values of `RTMR1`.
    pub rtmr1: Accept<HexBytes<48>>,
    /// Accepted values of `RTMR2`.
    pub rtmr2: Accept<HexBytes<48>>,
    /// Accepted values of `RTMR3`.
    pub rtmr3: Accept<HexBytes<48>>,
}

impl Rtmrs {
    /// The registers in their order.
    #[must_use]
    pub fn new(registers: [Accept<HexBytes<48>>; 4]) -> Self {
        let [rtmr0, rtmr1, rtmr2, rtmr3] = registers;
        Self { rtmr0, rtmr1, rtmr2, rtmr3 }
    }

    /// The four registers in their order.
    #[must_use]
    pub const fn each(&self) -> [&Accept<HexBytes<48>>; 4] {
        [&self.rtmr0, &self.rtmr1, &self.rtmr2, &self.rtmr3]
    }
}

/// Weaknesses that are accepted. `false` refuses a machine that has the weakness.
#[expect(clippy::struct_excessive_bools, reason = "each is an independent, named condition of the policy document")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TdxAllow {
    /// The host may read and write the guest's memory (any of the bits 0 to 7 of `TDATTRIBUTES`).
    pub debug: bool,
    /// The guest may be moved to another machine (bit 29 of `TDATTRIBUTES`).
    pub migratable: bool,
    /// A service guest may be bound to the guest (`MRSERVICETD` is not zero).
    pub service_td: bool,
    /// The guest uses performance counters (bit 63 of `TDATTRIBUTES`).
    pub perfmon: bool,
    /// The guest uses Key Locker (bit 31 of `TDATTRIBUTES`).
    pub key_locker: bool,
    /// The guest uses supervisor protection keys (bit 30 of `TDATTRIBUTES`).
    pub pks: bool,
    /// Processors may be added to the machine later (`Dynamic Platform` in the certificate).
    pub dynamic_platform: bool,
    /// Intel keeps the machine's root keys in its registration service (`Cached Keys` in the certificate).
    pub cached_keys: bool,
    /// Two hardware threads may share a core (`SMT Enabled` in the certificate).
    pub smt: bool,
}

impl TdxAllow {
    /// Accepts the platform properties that most servers have, and no weakness of the guest.
    #[must_use]
    pub const fn only_ordinary_platforms() -> Self {
        Self {
            debug: false,
            migratable: false,
            service_td: false,
            perfmon: false,
            key_locker: false,
            pks: false,
            dynamic_platform: true,
            cached_keys: true,
            smt: true,
        }
    }
}

/// Protections that are demanded. `true` refuses a machine that lacks the protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TdxRequire {
    /// Access to a page that the host took away stops the guest instead of raising an exception in it (bit 28 of
    /// `TDATTRIBUTES`); without it the host can make the guest handle such exceptions when it likes.
    pub sept_ve_disable: bool,
}

/// What a missing event log means. One that is at hand always has to lead to the registers that the policy pins, or to
/// every register that it names if it pins none, and its data to its digests where they can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventLogRule {
    /// No log, no trust.
    Require,
    /// A missing log is accepted and shown.
    IfPresent,
}

fn advisories<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<AdvisoryId>, D::Error> {
    use serde::de::Error;
    let written = Vec::<AdvisoryId>::deserialize(deserializer)?;
    if written.len() > LIST_MAX {
        return Err(D::Error::custom(super::ListError::TooLong));
    }
    let number = written.len();
    let advisories: BTreeSet<_> = written.into_iter().collect();
    if advisories.len() == number { Ok(advisories) } else { Err(D::Error::custom(super::ListError::Duplicate)) }
}

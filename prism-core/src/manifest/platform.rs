//! Which machines the participants accept: the platform policy inside the manifest.
//!
//! A policy is *any of* its profiles, and a profile is *all of* its conditions. Nothing is optional: a missing field,
//! an unknown field, an empty list or a duplicate is an error when the policy is read, and "anything goes" has to be
//! written out as `"any"`. The types only say what is wanted; `prism-attest` compares machines with them.
//!
//! ```
//! use prism_core::manifest::platform::{Accept, Minimum, PlatformPolicy, Product, Profile, SnpPolicy, Tcb};
//! let lowest = Tcb { fmc: 0, bootloader: 10, tee: 0, snp: 23, microcode: 84 };
//! let measurement = "5f".repeat(48).parse()?;
//! let snp = SnpPolicy::strict([(Product::Genoa, Minimum::both(lowest))].into(), Accept::only(measurement));
//! let policy = PlatformPolicy::new(vec![Profile::Snp(snp)])?;
//! let text = serde_json::to_string(&policy)?;
//! assert_eq!(serde_json::from_str::<PlatformPolicy>(&text)?, policy);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod list;
mod snp;
mod tdx;
mod vtpm;
mod words;

use serde::{Deserialize, Serialize};

pub use self::document::{POLICY_MAX, PolicyDocument, PolicyError, Remarks};
pub use self::list::{Accept, LIST_MAX, List, ListError};
pub use self::snp::{
    AbiVersion, AbiVersionError, Minimum, Mitigations, Product, ProductError, Revocation, SigningKeyRule, SnpAllow,
    SnpPolicy, SnpRequire, Tcb, VlekRule, Vmpl, VmplError,
};
pub use self::tdx::{
    AdvisoryId, AdvisoryIdError, EventLogRule, Rtmrs, TdxAllow, TdxPolicy, TdxRequire, TdxStatus, TdxStatusError,
};
pub use self::vtpm::{AkAnchor, AzureSnpPolicy, AzureTdxPolicy, PcrIndex, PcrIndexError, VtpmPolicy, VtpmRequire};
pub use self::words::{Identities, Machines, Profiles};
pub use crate::hexadecimal::{HexBytes, HexError};

use crate::digest::Digest;

/// The machines that the participants accept: any one of the profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PlatformPolicy {
    /// The acceptable profiles; one of them has to hold whole.
    pub accept: List<Profile>,
    /// Whether evidence in a TLS certificate may stand for the certificate's key alone (RA-TLS), not for a channel and
    /// a moment. Whoever stole the key, or relays to another machine's, then passes. Not written means no.
    #[serde(default, skip_serializing_if = "is_no")]
    pub accept_key_only: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
pub(crate) const fn is_no(accepted: &bool) -> bool {
    !*accepted
}

impl PlatformPolicy {
    /// A policy that accepts any one of `profiles`.
    ///
    /// # Errors
    /// [`ListError`] for no profile or the same profile twice.
    pub fn new(profiles: Vec<Profile>) -> Result<Self, ListError> {
        Ok(Self { accept: List::new(profiles)?, accept_key_only: false })
    }

    /// A policy of exactly this profile.
    #[must_use]
    pub fn only(profile: Profile) -> Self {
        Self { accept: List::only(profile), accept_key_only: false }
    }

    /// Whether some profile accepts a simulated machine; whoever shows a policy says so aloud.
    #[must_use]
    pub fn names_simulated(&self) -> bool {
        self.accept.iter().any(|profile| profile.simulated_root().is_some())
    }
}

/// One acceptable kind of machine, tagged by the platform's name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Profile {
    /// AMD SEV-SNP under AMD's own roots.
    Snp(SnpPolicy),
    /// Intel TDX under Intel's own root.
    Tdx(TdxPolicy),
    /// AMD SEV-SNP on Azure, with its virtual TPM.
    AzureSnp(AzureSnpPolicy),
    /// Intel TDX on Azure, with its virtual TPM.
    AzureTdx(AzureTdxPolicy),
    /// A pretend AMD machine under a pretend vendor's root: for tests and demonstrations, protects nothing.
    Simulated(SimulatedPolicy),
    /// A pretend Intel machine under a pretend vendor's root: for tests and demonstrations, protects nothing.
    SimulatedTdx(SimulatedTdxPolicy),
}

impl Profile {
    /// The platform's name as it is written in the manifest.
    #[must_use]
    pub const fn platform(&self) -> &'static str {
        match self {
            Self::Snp(_) => "snp",
            Self::Tdx(_) => "tdx",
            Self::AzureSnp(_) => "azure-snp",
            Self::AzureTdx(_) => "azure-tdx",
            Self::Simulated(_) => "simulated",
            Self::SimulatedTdx(_) => "simulated-tdx",
        }
    }

    /// The simulator's root, if the profile accepts simulated machines.
    #[must_use]
    pub const fn simulated_root(&self) -> Option<Digest> {
        match self {
            Self::Simulated(simulated) => Some(simulated.root),
            Self::SimulatedTdx(simulated) => Some(simulated.root),
            Self::Snp(_) | Self::Tdx(_) | Self::AzureSnp(_) | Self::AzureTdx(_) => None,
        }
    }
}

/// Accepts machines of one simulator, and which of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SimulatedPolicy {
    /// SHA-256 of the pretend vendor's root certificate (DER).
    pub root: Digest,
    /// What the pretend SEV-SNP machine has to report.
    pub snp: SnpPolicy,
}

impl SimulatedPolicy {
    /// Accepts pretend machines under this root that meet `snp`.
    #[must_use]
    pub const fn new(root: Digest, snp: SnpPolicy) -> Self {
        Self { root, snp }
    }
}

/// Accepts TDX machines of one simulator, and which of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SimulatedTdxPolicy {
    /// SHA-256 of the pretend vendor's root certificate (DER).
    pub root: Digest,
    /// What the pretend TDX machine has to report.
    pub tdx: TdxPolicy,
}

impl SimulatedTdxPolicy {
    /// Accepts pretend machines under this root that meet `tdx`.
    #[must_use]
    pub const fn new(root: Digest, tdx: TdxPolicy) -> Self {
        Self { root, tdx }
    }
}

#[cfg(test)]
mod tests;

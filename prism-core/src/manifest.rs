//! The manifest: the frozen terms that every participant signs.
//!
//! `M`, the exact bytes of a strict JSON document, is what is hashed and signed; it is never re-serialised to be
//! verified. [`Manifest::read`] turns bytes into terms that agree with themselves; [`SignedManifest`] adds that every
//! participant named in them has approved these very bytes (protocol, section 2).

mod algorithm;
mod approval;
mod check;
mod dataset;
mod difference;
pub mod draft;
mod media;
mod object;
mod participant;
pub mod platform;
mod results;
mod terms;
mod version;
mod words;

pub use algorithm::{Algorithm, Auxiliary, Device, Install, Limits, Requirements, Runtime, SandboxLayer, Variable};
pub use approval::{ApprovalError, SignedManifest};
pub use check::ManifestError;
pub use dataset::Dataset;
pub use difference::Difference;
pub use media::{MediaType, MediaTypeError};
pub use object::{
    Codec, GRANT_MAX, GrantError, HttpsUrl, KeyRelease, ObjectKey, ObjectUrl, ResourcePath, ResourcePathError,
    SealedObject, UrlError, grant, grant_cobblestone, granted,
};
pub use participant::{Participant, Role};
pub use results::{LogsPolicy, Network, Results};
pub use terms::{Terms, TermsError};
pub use version::{PythonVersion, PythonVersionError};
pub use words::Words;

use serde::{Deserialize, Serialize};

use crate::UnixSeconds;
use crate::asset::{AssetKind, AssetTerms};
use crate::hexadecimal::HexBytes;
use crate::key::PublicKey;
use crate::name::Name;
use platform::PlatformPolicy;

/// Longest manifest in bytes.
pub const MANIFEST_MAX: usize = 1 << 20;

/// The terms of one computation. Every field is required in the JSON form; unknown fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the manifest is built field by field by whoever drafts it")]
pub struct Manifest {
    /// Format tag, always [`Format::V1`].
    pub format: Format,
    /// Identifier that people and logs use; the digest names the computation.
    pub id: Name,
    /// What the computation is for, one printable line of at most 200 characters.
    pub title: String,
    /// 16 fresh random bytes in lower-case hex, so that equal terms still have different digests.
    pub salt: HexBytes<16>,
    /// First second (Unix time) at which the terms hold.
    pub not_before: UnixSeconds,
    /// Last second (Unix time) at which the terms hold.
    pub not_after: UnixSeconds,
    /// Who defined the computation.
    pub owner: Name,
    /// Everyone who has to approve.
    pub participants: Vec<Participant>,
    /// Which machines may do the job.
    pub platform: PlatformPolicy,
    /// What runs.
    pub algorithm: Algorithm,
    /// On which data.
    pub datasets: Vec<Dataset>,
    /// Who gets what comes out.
    pub results: Results,
    /// Who may read what the algorithm prints.
    pub logs: LogsPolicy,
    /// What the algorithm may reach.
    pub network: Network,
    /// Participants that review a result before it is delivered; empty for none.
    pub reviewers: Vec<Name>,
    /// Participants that only read the log.
    pub auditors: Vec<Name>,
    /// How often the computation may run; an agent runs it once in its boot.
    pub max_runs: u32,
}

/// The manifest's format tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Format {
    /// Version 1.
    #[serde(rename = "prism.manifest/v1")]
    V1,
}

impl Manifest {
    /// Reads terms from the exact bytes of a manifest and checks that they agree with themselves.
    ///
    /// # Errors
    /// [`ManifestError`] names the field and what is expected there.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = crate::strict::read(bytes, MANIFEST_MAX)?;
        check::agreement(&manifest)?;
        Ok(manifest)
    }

    /// The bytes `M` that participants approve: JSON for people to read, in the order of the fields.
    ///
    /// # Errors
    /// [`ManifestError`] when the terms contradict themselves; what this returns can always be read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        check::agreement(self)?;
        let mut bytes = serde_json::to_vec_pretty(self).map_err(ManifestError::unwritable)?;
        bytes.push(b'\n');
        Self::read(&bytes)?;
        Ok(bytes)
    }

    /// The participant of that name.
    #[must_use]
    pub fn participant(&self, name: &str) -> Option<&Participant> {
        self.participants.iter().find(|p| p.name.as_str() == name)
    }

    /// The participant who holds `key`.
    #[must_use]
    pub fn participant_with_key(&self, key: &PublicKey) -> Option<&Participant> {
        self.participants.iter().find(|p| &p.key == key)
    }

    /// Everything that has to be brought in: the algorithm, its requirements and auxiliary files, every dataset, in the manifest's order.
    #[must_use]
    pub fn assets(&self) -> Vec<AssetTerms> {
        let algorithm = &self.algorithm;
        let mut assets = vec![AssetTerms {
            kind: AssetKind::Algorithm,
            name: algorithm.name.clone(),
            provider: algorithm.provider.clone(),
            digest: algorithm.digest,
            size: algorithm.size,
            source: None,
        }];
        assets.extend(algorithm.requirements.iter().map(|requirements| AssetTerms {
            kind: AssetKind::Requirements,
            name: requirements.name.clone(),
            provider: algorithm.provider.clone(),
            digest: requirements.digest,
            size: requirements.size,
            source: None,
        }));
        assets.extend(algorithm.auxiliary.iter().map(|auxiliary| AssetTerms {
            kind: AssetKind::Auxiliary,
            name: auxiliary.name.clone(),
            provider: algorithm.provider.clone(),
            digest: auxiliary.digest,
            size: auxiliary.size,
            source: None,
        }));
        assets.extend(self.datasets.iter().map(|dataset| AssetTerms {
            kind: AssetKind::Dataset,
            name: dataset.name.clone(),
            provider: dataset.provider.clone(),
            digest: dataset.digest,
            size: dataset.size,
            source: dataset.source.clone(),
        }));
        assets
    }

    /// The asset of that name.
    #[must_use]
    pub fn asset(&self, name: &str) -> Option<AssetTerms> {
        self.assets().into_iter().find(|asset| asset.name.as_str() == name)
    }

    /// The roles that follow from where `name` is used, in a fixed order.
    #[must_use]
    pub fn roles(&self, name: &str) -> Vec<Role> {
        let is = |other: &Name| other.as_str() == name;
        let among = |names: &[Name]| names.iter().any(is);
        [
            (Role::Owner, is(&self.owner)),
            (Role::AlgorithmProvider, is(&self.algorithm.provider)),
            (Role::DatasetProvider, self.datasets.iter().any(|d| is(&d.provider))),
            (Role::Consumer, among(&self.results.consumers)),
            (Role::Reviewer, among(&self.reviewers)),
            (Role::Auditor, among(&self.auditors)),
        ]
        .into_iter()
        .filter_map(|(role, holds)| holds.then_some(role))
        .collect()
    }

    /// Whether a pretend platform is among those accepted.
    #[must_use]
    pub fn accepts_simulation(&self) -> bool {
        self.platform.names_simulated()
    }

    /// Refuses a time outside `not_before..=not_after`.
    ///
    /// # Errors
    /// [`ManifestError::NotCurrent`].
    pub fn require_current(&self, now: UnixSeconds) -> Result<(), ManifestError> {
        if (self.not_before..=self.not_after).contains(&now) {
            return Ok(());
        }
        Err(ManifestError::NotCurrent { not_before: self.not_before, not_after: self.not_after, now })
    }
}

#[cfg(test)]
pub(crate) mod tests;

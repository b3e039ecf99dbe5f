//! The short form in which people write terms, and the defaults that complete it to a [`Manifest`].
//!
//! A [`Draft`] names files where the manifest holds digests, sizes and keys. Whoever can read files asks
//! [`Draft::sources`] what to read, brings what it found as [`Resolved`], and [`Draft::complete`] does the rest. The
//! form is plain serde, so TOML, JSON and a dictionary of another language serve equally.

mod complete;
mod quantity;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::platform::{
    AzureSnpPolicy, AzureTdxPolicy, PlatformPolicy, SimulatedPolicy, SimulatedTdxPolicy, SnpPolicy, TdxPolicy,
};
use super::{
    Codec, Device, HttpsUrl, Manifest, ManifestError, MediaType, ObjectUrl, PythonVersion, ResourcePath, Runtime,
    SandboxLayer,
};
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::key::PublicKey;
use crate::name::Name;
pub use quantity::{Bytes, Moment, Processors, QuantityError, Span};

/// Terms as people write them. What is left out has the default that its field names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Draft {
    /// What the computation is for.
    pub title: String,
    /// Identifier that people and logs use. Default: made from the title.
    pub id: Option<Name>,
    /// Who defines the computation.
    pub owner: Name,
    /// How long the terms hold from now on. Default: 30 days.
    pub valid: Option<Span>,
    /// First moment at which the terms hold. Default: now.
    pub not_before: Option<Moment>,
    /// Last moment at which the terms hold; instead of `valid`.
    pub not_after: Option<Moment>,
    /// How often the computation may run. Default: once.
    pub max_runs: Option<u32>,
    /// Participants that only read the log. Default: none.
    #[serde(default)]
    pub auditors: Vec<Name>,
    /// Which machines may do the job.
    pub platform: DraftPlatform,
    /// Everyone who has to approve.
    pub participants: BTreeMap<Name, DraftParticipant>,
    /// What runs.
    pub algorithm: DraftAlgorithm,
    /// On which data.
    #[serde(rename = "dataset")]
    pub datasets: Vec<DraftDataset>,
    /// Who gets what comes out.
    pub results: DraftResults,
    /// Who may read what the algorithm prints. Default: nobody.
    #[serde(default)]
    pub logs: DraftLogs,
}

/// Accepted platforms; at least one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftPlatform {
    /// Accept a simulator. It protects nothing. Default: no.
    pub simulated: Option<DraftSimulator>,
    /// Accept a simulator of TDX machines. It protects nothing. Default: no.
    #[serde(rename = "simulated-tdx")]
    pub simulated_tdx: Option<DraftSimulator>,
    /// A file with a whole platform policy: one of its own, or in the manifest's JSON form.
    pub policy: Option<String>,
    /// Accepted SEV-SNP machines.
    #[serde(default)]
    pub snp: Vec<SnpPolicy>,
    /// Accepted TDX machines.
    #[serde(default)]
    pub tdx: Vec<TdxPolicy>,
    /// Accepted SEV-SNP machines on Azure.
    #[serde(default, rename = "azure-snp")]
    pub azure_snp: Vec<AzureSnpPolicy>,
    /// Accepted TDX machines on Azure.
    #[serde(default, rename = "azure-tdx")]
    pub azure_tdx: Vec<AzureTdxPolicy>,
}

/// Which simulator is accepted.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged, expecting = "true, or the digest of a simulator's root such as \"sha256:…\"")]
#[non_exhaustive]
pub enum DraftSimulator {
    /// This machine's (`true`), or none (`false`).
    OfThisMachine(bool),
    /// The one with this root, from `prism simulator root` on the agent's machine.
    Root(Digest),
}

impl DraftSimulator {
    /// Whether a simulator is accepted at all.
    const fn is_accepted(self) -> bool {
        !matches!(self, Self::OfThisMachine(false))
    }

    /// What has to be read, if anything is accepted.
    fn source(self, of: impl Fn(Option<Digest>) -> Source) -> Option<Source> {
        match self {
            Self::OfThisMachine(wanted) => wanted.then(|| of(None)),
            Self::Root(root) => Some(of(Some(root))),
        }
    }
}

/// A named key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftParticipant {
    /// The organisation as people call it.
    pub organisation: String,
    /// A public key as text, or the path of its PEM file.
    pub key: String,
}

/// What runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftAlgorithm {
    /// Who brings it.
    pub provider: Name,
    /// The file or folder; or `name`, `digest` and `size` when it is elsewhere.
    pub file: Option<String>,
    /// The asset's name. Default: the name of the file or folder.
    pub name: Option<Name>,
    /// Digest, when the file is elsewhere.
    pub digest: Option<Digest>,
    /// Size, when the file is elsewhere.
    pub size: Option<Bytes>,
    /// What executes it. Default: `python3`.
    pub runtime: Option<Runtime>,
    /// The file that runs, when the algorithm is a folder or an archive of one.
    pub entry: Option<String>,
    /// Arguments. Default: none.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables. Default: none.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// A lock file, or a folder (or its `.zip`) with `requirements.lock` and the wheels. Default: none.
    pub requirements: Option<String>,
    /// The version of the agent's interpreter, such as `3.11`. Default: any.
    pub interpreter: Option<PythonVersion>,
    /// Files that the program looks for in its `HOME`. Default: none.
    #[serde(default)]
    pub auxiliary: Vec<DraftAuxiliary>,
    /// Devices without which the run is refused. Default: none.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Bounds on what the run may use.
    #[serde(default)]
    pub limits: DraftLimits,
    /// Sandbox layers without which the run is refused. Default: no-new-privileges, seccomp, resource-limits.
    pub sandbox: Option<Vec<SandboxLayer>>,
}

/// A file or folder beside the program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftAuxiliary {
    /// The file or folder; or `name`, `digest` and `size` when it is elsewhere.
    pub file: Option<String>,
    /// The asset's name. Default: the name of the file or folder.
    pub name: Option<Name>,
    /// Digest, when the file is elsewhere.
    pub digest: Option<Digest>,
    /// Size, when the file is elsewhere.
    pub size: Option<Bytes>,
    /// Where the program finds it, below its `HOME`.
    pub path: String,
    /// Whether the agent unpacks it. Default: folders are unpacked, files are not.
    pub unpack: Option<bool>,
}

/// Bounds on what the run may use.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftLimits {
    /// Memory. Default: 4 GiB.
    pub memory: Option<Bytes>,
    /// Processors. Default: 2.
    pub processors: Option<Processors>,
    /// Processes and threads at a time. Default: 256.
    pub processes: Option<u32>,
    /// Open files of one process. Default: 1024.
    pub open_files: Option<u32>,
    /// What the run may write to its files. Default: 10 GiB.
    pub disk: Option<Bytes>,
    /// What the run may write in its copy of `datasets/`. Default: it counts as `disk`.
    pub datasets: Option<Bytes>,
    /// Kept standard output and standard error, each. Default: 1 MiB.
    pub output: Option<Bytes>,
    /// Wall time, installation of requirements included. Default: 1 hour.
    pub time: Option<Span>,
}

/// One provider's data.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftDataset {
    /// Who brings it.
    pub provider: Name,
    /// The file or folder; or `name`, `digest` and `size` when it is elsewhere.
    pub file: Option<String>,
    /// The asset's name. Default: the name of the file or folder.
    pub name: Option<Name>,
    /// Digest, when the file is elsewhere.
    pub digest: Option<Digest>,
    /// Size, when the file is elsewhere.
    pub size: Option<Bytes>,
    /// Below which name in `datasets/` the agent unpacks it. Default: folders are unpacked under their own name, files
    /// are not unpacked.
    pub unpack: Option<Name>,
    /// Where the agent fetches it, sealed. Default: the provider uploads it.
    pub source: Option<DraftSource>,
}

/// Where a dataset lies sealed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftSource {
    /// `https://…` or `s3://bucket/key`.
    pub url: ObjectUrl,
    /// A local copy of the sealed file; or `digest` and `size` of it.
    pub sealed: Option<String>,
    /// Digest of the sealed file, when there is no copy here.
    pub digest: Option<Digest>,
    /// Size of the sealed file, when there is no copy here.
    pub size: Option<Bytes>,
    /// How it is sealed. Default: `age`.
    pub codec: Option<Codec>,
    /// The key broker that releases the key. Default: the provider releases it.
    pub kbs: Option<DraftKbs>,
}

/// A key broker and the key's name there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftKbs {
    /// The broker's address.
    pub url: HttpsUrl,
    /// `repository/type/tag`.
    pub resource: ResourcePath,
}

/// Who gets what comes out.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftResults {
    /// Who receives the result.
    pub consumers: Vec<Name>,
    /// Largest result. Default: 1 GiB.
    pub max: Option<Bytes>,
    /// Patterns of files that may leave. Default: every file.
    pub files: Option<Vec<String>>,
    /// What the files may be, judged by their content, such as `image/png`. Default: anything.
    #[serde(default)]
    pub media_types: Vec<MediaType>,
}

/// Who may read what the algorithm prints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DraftLogs {
    /// Readers of standard output.
    #[serde(default)]
    pub stdout: Vec<Name>,
    /// Readers of standard error.
    #[serde(default)]
    pub stderr: Vec<Name>,
    /// Readers of the figures in `metrics` lines.
    #[serde(default)]
    pub metrics: Vec<Name>,
}

/// What has to be read before a draft can be completed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Source {
    /// A PEM file with a public key.
    Key(String),
    /// A file, or a folder to be measured as its canonical archive.
    Asset(String),
    /// A platform policy: a file of its own, or the manifest's JSON form.
    Policy(String),
    /// What machines of the simulator with this root report; without a root, of this machine's simulator.
    Simulator(Option<Digest>),
    /// The same of the simulator of TDX machines.
    SimulatorTdx(Option<Digest>),
}

/// What was found in a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by whoever reads the files")]
pub struct Facts {
    /// Digest of the bytes, or of the folder's canonical archive.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Whether it is a folder.
    pub folder: bool,
    /// Whether it begins with the header of an age file.
    pub age: bool,
}

/// What was read, under the texts of [`Source`].
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "built by whoever reads the files")]
pub struct Resolved {
    /// Public keys by path.
    pub keys: BTreeMap<String, PublicKey>,
    /// Assets by path.
    pub assets: BTreeMap<String, Facts>,
    /// The policy file's content.
    pub policy: Option<PlatformPolicy>,
    /// The simulator and what its machines report.
    pub simulator: Option<SimulatedPolicy>,
    /// The simulator of TDX machines and what they report.
    pub simulator_tdx: Option<SimulatedTdxPolicy>,
}

/// Why a draft is not complete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftError {
    /// A field is missing or contradicts another.
    #[error("{field}: expected {expected}, found {found}")]
    Field {
        /// The field as the draft writes it, for example `dataset[1].file`.
        field: String,
        /// What belongs there.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// The caller did not bring what [`Draft::sources`] asked for.
    #[error("{field}: expected that {name} was read before, found nothing; read every source of the draft")]
    NotResolved {
        /// The field that names it.
        field: String,
        /// What was not brought.
        name: String,
    },
    /// The completed terms contradict themselves.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl Coded for DraftError {
    fn code(&self) -> Code {
        match self {
            Self::Field { .. } | Self::Manifest(_) => Code::ManifestMalformed,
            Self::NotResolved { .. } => Code::Internal,
        }
    }
}

impl Draft {
    /// Everything that has to be read to complete this draft, each once.
    #[must_use]
    pub fn sources(&self) -> BTreeSet<Source> {
        let keys = self.participants.values().map(|p| &p.key).filter(|key| key.parse::<PublicKey>().is_err());
        let algorithm = [&self.algorithm.file, &self.algorithm.requirements];
        let sealed = self.datasets.iter().filter_map(|d| d.source.as_ref()).map(|source| &source.sealed);
        let auxiliary = self.algorithm.auxiliary.iter().map(|auxiliary| &auxiliary.file);
        let datasets = self.datasets.iter().map(|dataset| &dataset.file);
        let assets = algorithm.into_iter().chain(auxiliary).chain(datasets).chain(sealed).flatten();
        let mut sources: BTreeSet<Source> = keys.cloned().map(Source::Key).collect();
        sources.extend(assets.cloned().map(Source::Asset));
        sources.extend(self.platform.policy.clone().map(Source::Policy));
        sources.extend(self.platform.simulated.and_then(|simulator| simulator.source(Source::Simulator)));
        sources.extend(self.platform.simulated_tdx.and_then(|simulator| simulator.source(Source::SimulatorTdx)));
        sources
    }

    /// The manifest: every default filled in, every file replaced by what was found in it. `salt` is 16 fresh random
    /// bytes, `now` is Unix time in seconds.
    ///
    /// # Errors
    /// [`DraftError`] names the field and what is expected there.
    pub fn complete(&self, resolved: &Resolved, salt: [u8; 16], now: u64) -> Result<Manifest, DraftError> {
        complete::complete(self, resolved, salt, now)
    }
}

#[cfg(test)]
mod tests;

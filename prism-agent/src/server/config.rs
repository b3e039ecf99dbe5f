//! How an agent is set up.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prism_core::archive;
use prism_core::code::{Code, Coded};
use prism_core::manifest::{Install, Manifest};

#[cfg(feature = "simulator")]
use crate::drafting::{simulator_file, tdx_simulator_file};
use crate::index::{IndexError, PackageIndex};
use crate::pull::PullConfig;
use crate::runner::{HelperProgram, KeepEnvironments, Kept, KeptError};

/// What an agent needs to know before it wakes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AgentConfig {
    /// The address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The agent's own directory: one agent at a time, readable by its user only.
    pub state_dir: PathBuf,
    /// Where evidence comes from.
    pub platform: PlatformChoice,
    /// How algorithms are executed.
    pub runner: RunnerConfig,
    /// Whom the agent may ask for what lies in stores. By default nobody.
    pub pull: PullConfig,
    /// Bounds on what peers may ask of the agent.
    pub limits: Limits,
}

/// How algorithms are executed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunnerConfig {
    /// The Python interpreter; `None` looks for one on the machine.
    pub python: Option<PathBuf>,
    /// The WebAssembly host; `None` is `prism-wasm` beside this program.
    pub wasm_host: Option<PathBuf>,
    /// The program that builds the sandbox: by default this program itself.
    pub helper: HelperProgram,
    /// Where the agent fetches the packages of a lock that comes without wheels. By default nowhere.
    pub index: Option<PackageIndex>,
    /// Bytes of disk that packages may take while they are fetched and installed; `None` is the runner's own bound.
    pub install_bytes: Option<u64>,
    /// Where environments with installed packages are kept for later computations; `None` makes them anew each time.
    pub keep_environments: Option<KeepEnvironments>,
}

impl RunnerConfig {
    /// Refuses terms that this agent could never fulfil, before anybody waits for it.
    ///
    /// # Errors
    /// [`IndexError`] when packages are to come from an index that this agent does not have.
    pub(crate) fn require_index(&self, manifest: &Manifest) -> Result<(), IndexError> {
        let wanted = manifest.algorithm.requirements.as_ref().is_some_and(|terms| terms.install == Install::Index);
        match &self.index {
            None if wanted => Err(IndexError::NotConfigured),
            Some(_) if wanted && cfg!(not(feature = "pull")) => Err(IndexError::NotBuiltIn),
            _ => Ok(()),
        }
    }
}

impl RunnerConfig {
    /// Refuses a directory of environments that somebody else could write to.
    ///
    /// # Errors
    /// [`KeptError`].
    pub(crate) fn require_kept_safely(&self) -> Result<(), KeptError> {
        self.keep_environments.as_ref().map_or(Ok(()), |keep| Kept::open(keep).map(drop))
    }
}

impl AgentConfig {
    /// An agent with the default limits.
    #[must_use]
    pub fn new(listen: SocketAddr, state_dir: impl Into<PathBuf>, platform: PlatformChoice) -> Self {
        Self {
            listen,
            state_dir: state_dir.into(),
            platform,
            runner: RunnerConfig::default(),
            pull: PullConfig::default(),
            limits: Limits::default(),
        }
    }

    /// The same agent, which may ask the hosts of this configuration for what lies in stores.
    #[must_use]
    pub fn fetching(self, pull: PullConfig) -> Self {
        Self { pull, ..self }
    }
}

/// Where evidence comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlatformChoice {
    /// AMD SEV-SNP: the kernel's configfs-tsm, or the guest device where only that exists.
    Snp {
        /// The endorsements' file; completes what the host hands out, or stands for it where it hands out nothing.
        endorsements: Option<PathBuf>,
        /// The virtual machine privilege level to ask reports for; `None` leaves it to the kernel, which means 0.
        vmpl: Option<u8>,
    },
    /// Intel TDX: the kernel's configfs-tsm, or Intel's library where only that exists.
    Tdx {
        /// The endorsements' file: a TDX guest is handed none.
        endorsements: PathBuf,
    },
    /// AMD SEV-SNP in Azure, through its virtual TPM.
    AzureSnp {
        /// The endorsements' file.
        endorsements: PathBuf,
    },
    /// Intel TDX in Azure, through its virtual TPM.
    AzureTdx {
        /// The endorsements' file.
        endorsements: PathBuf,
    },
    /// Whatever hardware this machine has, in the order of [`probe`](crate::attester::probe()). Never the simulator.
    Auto {
        /// The endorsements' file; only SEV-SNP outside of Azure may do without.
        endorsements: Option<PathBuf>,
    },
    /// A pretend AMD, for trying things out. Everything says so.
    #[cfg(feature = "simulator")]
    Simulated {
        /// Where the pretend vendor's keys are kept; made at first use, readable by its user only.
        vendor: PathBuf,
    },
    /// A pretend Intel, for trying things out. Everything says so.
    #[cfg(feature = "simulator")]
    SimulatedTdx {
        /// Where the pretend vendor's keys are kept; made at first use, readable by its user only.
        vendor: PathBuf,
    },
}

/// Why a name and a file of endorsements choose no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// No platform has this name.
    #[error(
        "expected auto, snp, tdx, azure-snp, azure-tdx, simulated or simulated-tdx as platform, found {found:?}; choose one of them"
    )]
    Unknown {
        /// The name.
        found: String,
    },
    /// This platform is handed no endorsements.
    #[error("expected a file with the vendor's endorsements for {platform}, found none; name one")]
    NoEndorsements {
        /// The platform.
        platform: &'static str,
    },
    /// A build without the simulator.
    #[error(
        "expected a platform that this build has, found a simulated one; choose hardware, or build with the simulator"
    )]
    NoSimulator,
}

impl Coded for ChoiceError {
    fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } | Self::NoEndorsements { .. } => Code::Usage,
            Self::NoSimulator => Code::PlatformUnsupported,
        }
    }
}

impl PlatformChoice {
    /// The choice by its name: `auto`, `snp`, `tdx`, `azure-snp`, `azure-tdx`, `simulated` or `simulated-tdx`. Pretend
    /// vendors keep their keys in the folder `simulators`.
    ///
    /// # Errors
    /// [`ChoiceError`].
    pub fn named(name: &str, simulators: &Path, endorsements: Option<PathBuf>) -> Result<Self, ChoiceError> {
        let required = |platform| endorsements.clone().ok_or(ChoiceError::NoEndorsements { platform });
        Ok(match name {
            "auto" => Self::Auto { endorsements },
            "snp" => Self::Snp { endorsements, vmpl: None },
            "tdx" => Self::Tdx { endorsements: required("tdx")? },
            "azure-snp" => Self::AzureSnp { endorsements: required("azure-snp")? },
            "azure-tdx" => Self::AzureTdx { endorsements: required("azure-tdx")? },
            #[cfg(feature = "simulator")]
            "simulated" => Self::Simulated { vendor: simulator_file(simulators) },
            #[cfg(feature = "simulator")]
            "simulated-tdx" => Self::SimulatedTdx { vendor: tdx_simulator_file(simulators) },
            #[cfg(not(feature = "simulator"))]
            "simulated" | "simulated-tdx" => {
                let _ = simulators;
                return Err(ChoiceError::NoSimulator);
            }
            _ => return Err(ChoiceError::Unknown { found: name.to_owned() }),
        })
    }

    /// The endorsements' file, if one is configured.
    pub(crate) fn endorsements(&self) -> Option<&Path> {
        match self {
            Self::Snp { endorsements, .. } | Self::Auto { endorsements } => endorsements.as_deref(),
            Self::Tdx { endorsements } | Self::AzureSnp { endorsements } | Self::AzureTdx { endorsements } => {
                Some(endorsements)
            }
            #[cfg(feature = "simulator")]
            Self::Simulated { .. } | Self::SimulatedTdx { .. } => None,
        }
    }
}

/// Bounds on what peers may ask of the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Handshakes that may be pending at a time.
    pub pending_handshakes: usize,
    /// How long a handshake may take.
    pub handshake_within: Duration,
    /// Connections that may be open at a time.
    pub connections: usize,
    /// How many of them may be one participant's; at least one more participant should find a place.
    pub connections_each: usize,
    /// Calls of one participant whose answer has not begun; uploads are not among them.
    pub calls_each: usize,
    /// How long a connection may stay without an authenticated participant.
    pub authenticate_within: Duration,
    /// An upload slower than this many bytes a second, over `upload_grace`, is ended; it can be resumed. A store that
    /// gives an object more slowly is asked again.
    pub upload_min_rate: u64,
    /// How long an upload may fall behind.
    pub upload_grace: Duration,
    /// Streams of uploads that may be open at a time, over all assets.
    pub uploads: usize,
    /// How many of them may be one participant's.
    pub uploads_each: usize,
    /// Threads that may wait at a time for an asset's streams to come to rest, because somebody asks where to resume.
    pub statuses: usize,
    /// How many of them may wait for one participant; its other questions wait for those.
    pub statuses_each: usize,
    /// Streams of answers (results, transcripts, output, entries of the log) that may be open at a time. Each that is
    /// not read takes up to 5 MiB, one of a transcript also the transcript.
    pub downloads: usize,
    /// How many of them may be one participant's.
    pub downloads_each: usize,
    /// Whoever takes fewer bytes a second than this from a stream of answers, over `download_grace`, is told so, and
    /// the connection of whoever does not even read that is closed after another `download_grace`. It can be resumed.
    pub download_min_rate: u64,
    /// How long the reader of a stream of answers may fall behind.
    pub download_grace: Duration,
    /// What all assets together may take on the disk, in bytes, and what they unpack to with them. What the disk has
    /// left bounds them in any case.
    pub disk_bytes: u64,
    /// Files and directories that one asset may unpack to.
    pub unpacked_entries: u64,
    /// Bytes of all their paths together: unpacking keeps them in memory.
    pub unpacked_path_bytes: u64,
    /// Refused authentications that are logged one by one; further ones are counted.
    pub logged_refusals: u64,
    /// What all logged reports of the machine, each with its endorsements, may take in bytes, so that transcripts stay
    /// within [`TRANSCRIPT_MAX`](prism_core::transcript::TRANSCRIPT_MAX). Refused authentications get half of it.
    pub logged_report_bytes: u64,
    /// Authentications of one participant that are logged; further ones are refused and counted.
    pub logged_authentications: u64,
    /// Beginnings of uploads and releases of keys by one participant that are logged; further ones are refused and
    /// counted.
    pub logged_uploads: u64,
    /// How long [`serve`](super::serve) lets a closed log be read before it shuts the agent down.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_handshakes: 256,
            handshake_within: Duration::from_secs(10),
            connections: 1024,
            connections_each: 128,
            calls_each: 128,
            authenticate_within: Duration::from_mins(1),
            upload_min_rate: 32 * 1024,
            upload_grace: Duration::from_mins(1),
            uploads: 128,
            uploads_each: 64,
            statuses: 64,
            statuses_each: 8,
            downloads: 128,
            downloads_each: 16,
            download_min_rate: 32 * 1024,
            download_grace: Duration::from_mins(1),
            disk_bytes: u64::MAX,
            unpacked_entries: archive::Limits::default().entries,
            unpacked_path_bytes: 64 << 20,
            logged_refusals: 1000,
            logged_report_bytes: 96 << 20,
            logged_authentications: 1000,
            logged_uploads: 1000,
            linger: Duration::from_mins(1),
        }
    }
}

impl Limits {
    /// What an asset may unpack to. Its bytes are bounded by what is left for all assets, which is asked before.
    pub(crate) fn unpacking(&self) -> archive::Limits {
        archive::Limits {
            total_bytes: self.disk_bytes,
            entry_bytes: self.disk_bytes,
            entries: self.unpacked_entries,
            path_bytes: self.unpacked_path_bytes,
            ..archive::Limits::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, endorsements: Option<&str>) -> Result<PlatformChoice, ChoiceError> {
        PlatformChoice::named(name, Path::new("simulators"), endorsements.map(PathBuf::from))
    }

    #[test]
    fn a_platform_is_chosen_by_its_name() {
        assert_eq!(named("snp", None), Ok(PlatformChoice::Snp { endorsements: None, vmpl: None }));
        assert_eq!(named("tdx", Some("e")), Ok(PlatformChoice::Tdx { endorsements: "e".into() }));
        assert_eq!(named("auto", None), Ok(PlatformChoice::Auto { endorsements: None }));
        let vendor = Path::new("simulators").join("simulator.json");
        let simulated = named("simulated", None).unwrap();
        assert!(matches!(&simulated, PlatformChoice::Simulated { vendor: found } if found.parent() == vendor.parent()));
        assert_ne!(named("simulated-tdx", None).unwrap(), simulated);
    }

    #[test]
    fn unknown_platforms_and_missing_endorsements_are_refused() {
        for name in ["", "SNP", "abacus"] {
            assert_eq!(named(name, None), Err(ChoiceError::Unknown { found: name.to_owned() }));
        }
        for name in ["tdx", "azure-snp", "azure-tdx"] {
            assert!(matches!(named(name, None), Err(ChoiceError::NoEndorsements { platform }) if platform == name));
        }
    }
}

//! From the short form of a computation's terms to its manifest: reads everything that the draft names.

use std::path::{Path, PathBuf};

use prism_core::UnixSeconds;
use prism_core::code::{Code, Coded};
use prism_core::digest::Hasher;
use prism_core::entropy::{EntropyError, SystemEntropy, draw};
use prism_core::key::{KeyError, PublicKey, SigningKey};
use prism_core::manifest::Manifest;
use prism_core::manifest::draft::{Draft, DraftError, Facts, Resolved, Source};
use prism_core::manifest::platform::{PlatformPolicy, PolicyDocument, PolicyError};
use prism_core::requirements::{Lock, LockError};

use crate::files::{self, FileError, PRIVATE_FILE_MAX, read_limited, read_private};
use crate::runner::{LOCK_NAME, UnknownMediaType, require_known_media_types};
use crate::seal::blocking::read_header;

/// Longest policy or lock that is read, in bytes.
const DOCUMENT_MAX: u64 = 4 << 20;

/// Why a manifest could not be made of a draft.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DraftingError {
    /// A file that the draft names cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that should hold a key holds something else.
    #[error("{}: {source}", .path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// A file that should hold a policy holds something else.
    #[error("{}: {source}", .path.display())]
    Policy {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PolicyError,
    },
    /// Requirements that an agent would refuse.
    #[error("{}: {source}", .path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What is wrong with it.
        source: LockError,
    },
    /// The simulator's keys cannot be used.
    #[cfg(feature = "simulator")]
    #[error(transparent)]
    Simulator(#[from] crate::attester::VendorError),
    /// The draft names a simulator.
    #[error("expected a platform that this build contains, found a simulator; use a build with the simulator")]
    NoSimulator,
    /// The draft is incomplete or contradicts itself.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// A media type that no agent could find out about a result.
    #[error(transparent)]
    MediaType(#[from] UnknownMediaType),
    /// The system gives no random bytes for the manifest's salt.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl Coded for DraftingError {
    fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Key { source, .. } => source.code(),
            Self::Policy { source, .. } => source.code(),
            Self::Lock { .. } => Code::FileMalformed,
            #[cfg(feature = "simulator")]
            Self::Simulator(error) => error.code(),
            Self::NoSimulator => Code::PlatformUnsupported,
            Self::Draft(error) => error.code(),
            Self::MediaType(error) => error.code(),
            Self::Entropy(_) => Code::Internal,
        }
    }
}

/// Where a draft's files lie.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "built by whoever has the draft")]
pub struct Desk<'a> {
    /// Where the draft's relative paths start.
    pub folder: &'a Path,
    /// Where this machine's simulators keep their keys: see [`simulator_file`] and [`tdx_simulator_file`].
    pub state: &'a Path,
    /// Unix time in seconds.
    pub now: UnixSeconds,
}

/// Where the pretend AMD of a state directory keeps its keys.
#[must_use]
pub fn simulator_file(state: &Path) -> PathBuf {
    state.join("simulator.json")
}

/// Where the pretend Intel of a state directory keeps its keys.
#[must_use]
pub fn tdx_simulator_file(state: &Path) -> PathBuf {
    state.join("simulator-tdx.json")
}

impl Desk<'_> {
    /// Reads everything that the draft names and completes it: digests, sizes, keys, machines and a salt.
    ///
    /// # Errors
    /// [`DraftingError`] names the file or the field.
    pub fn complete(&self, draft: &Draft) -> Result<Manifest, DraftingError> {
        let mut resolved = Resolved::default();
        for source in draft.sources() {
            self.resolve(source, draft, &mut resolved)?;
        }
        let salt = draw(&mut SystemEntropy::default())?;
        let manifest = draft.complete(&resolved, salt, self.now)?;
        require_known_media_types(&manifest.results.media_types)?;
        Ok(manifest)
    }

    fn resolve(&self, source: Source, draft: &Draft, resolved: &mut Resolved) -> Result<(), DraftingError> {
        match source {
            Source::Key(path) => {
                let key = public_key(&self.folder.join(&path))?;
                resolved.keys.insert(path, key);
            }
            Source::Asset(path) => {
                let place = self.folder.join(&path);
                let facts = facts(&place)?;
                if draft.algorithm.requirements.as_ref() == Some(&path) {
                    require_lock(&place)?;
                }
                resolved.assets.insert(path, facts);
            }
            Source::Policy(path) => resolved.policy = Some(policy(&self.folder.join(path))?),
            other => self.simulator(&other, resolved)?,
        }
        Ok(())
    }

    #[cfg(feature = "simulator")]
    fn simulator(&self, source: &Source, resolved: &mut Resolved) -> Result<(), DraftingError> {
        use prism_attest::platform::simulated::{SimulatedMachine, SimulatedTd};
        use prism_core::manifest::platform::{SimulatedPolicy, SimulatedTdxPolicy};

        use crate::attester::{simulated_tdx_vendor, simulated_vendor};

        match *source {
            Source::Simulator(root) => {
                let own = || Ok(simulated_vendor(&simulator_file(self.state), self.now)?.root_digest());
                let root = root.map_or_else(own, Ok::<_, DraftingError>)?;
                resolved.simulator = Some(SimulatedPolicy::new(root, SimulatedMachine::default().policy()));
            }
            Source::SimulatorTdx(root) => {
                let own = || Ok(simulated_tdx_vendor(&tdx_simulator_file(self.state), self.now)?.root_digest());
                let root = root.map_or_else(own, Ok::<_, DraftingError>)?;
                resolved.simulator_tdx = Some(SimulatedTdxPolicy::new(root, SimulatedTd::default().policy()));
            }
            // What else a draft may name one day is missing from what is resolved, and said so by name.
            _ => {}
        }
        Ok(())
    }

    #[cfg(not(feature = "simulator"))]
    fn simulator(&self, _: &Source, _: &mut Resolved) -> Result<(), DraftingError> {
        Err(DraftingError::NoSimulator)
    }
}

/// Reads a public key, or the public half of a private one that only its owner can read.
///
/// # Errors
/// [`DraftingError`] names the file.
pub fn public_key(path: &Path) -> Result<PublicKey, DraftingError> {
    let fault = |source| DraftingError::Key { path: path.to_owned(), source };
    let text = text(path, PRIVATE_FILE_MAX)?;
    if text.contains("PRIVATE KEY") {
        return Ok(SigningKey::from_pem(&read_private(path)?).map_err(fault)?.public().clone());
    }
    PublicKey::from_pem(&text).map_err(fault)
}

fn facts(path: &Path) -> Result<Facts, DraftingError> {
    let measured = files::Source::open(path)?.measure(Hasher::sha256(), &mut |_| {})?;
    let folder = path.is_dir();
    let age = !folder && read_header(path).is_ok();
    Ok(Facts { digest: measured.digest, size: measured.size, folder, age })
}

/// Refuses requirements that an agent would refuse, before anybody approves them. An archive's lock is read by whoever
/// unpacks it.
fn require_lock(path: &Path) -> Result<(), DraftingError> {
    let path = match path.extension() {
        _ if path.is_dir() => path.join(LOCK_NAME),
        Some(kind) if kind == "zip" => return Ok(()),
        _ => path.to_owned(),
    };
    Lock::read(&text(&path, DOCUMENT_MAX)?).map(drop).map_err(|source| DraftingError::Lock { path, source })
}

fn policy(path: &Path) -> Result<PlatformPolicy, DraftingError> {
    let policy = PolicyDocument::read_for_manifest(text(path, DOCUMENT_MAX)?.as_bytes());
    policy.map_err(|source| DraftingError::Policy { path: path.to_owned(), source })
}

fn text(path: &Path, limit: u64) -> Result<zeroize::Zeroizing<String>, DraftingError> {
    let bytes = read_limited(path, limit)?;
    let text = String::from_utf8(bytes).map_err(|_| FileError::NotText { path: path.to_owned() })?;
    Ok(zeroize::Zeroizing::new(text))
}

//! A pretend AMD and a pretend Intel whose keys are in the user's own state: for trying things out, never for protection.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use prism_attest::binding::ReportData;
use prism_attest::endorsements::Endorsements;
use prism_attest::evidence::{Evidence, Platform};
use prism_attest::platform::simulated::{Mutations, SimulatedTdxVendor, SimulatedVendor, SimulatorError, TdxMutations};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use zeroize::Zeroizing;

use crate::server::create_private;

/// Longest file of vendor keys in bytes.
const VENDOR_MAX: u64 = 1024 * 1024;

/// Why the pretend vendor cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VendorError {
    /// The keys' file could not be read or written.
    #[error("expected to {step} the simulator's keys in {path}, found an error of the system")]
    Io {
        /// What was attempted.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Others can read the keys.
    #[error("expected the simulator's keys readable by one user only, found mode {mode:o}; run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The keys do not work.
    #[error(transparent)]
    Vendor(#[from] SimulatorError),
}

impl Coded for VendorError {
    fn code(&self) -> Code {
        match self {
            Self::Io { .. } => Code::FileIo,
            Self::Exposed { .. } => Code::KeyExposed,
            Self::Vendor(error) => error.code(),
        }
    }
}

fn io_error(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> VendorError {
    move |source| VendorError::Io { step, path: path.to_owned(), source }
}

/// The pretend machine.
pub(crate) enum Simulated {
    /// Of the pretend AMD.
    Snp(SimulatedVendor),
    /// Of the pretend Intel.
    Tdx(SimulatedTdxVendor),
}

impl Simulated {
    /// Signs as the pretend machine would.
    pub(super) fn attest(&self, data: &ReportData) -> Result<(Evidence, Endorsements), VendorError> {
        Ok(match self {
            Self::Snp(vendor) => vendor.attest(data, &Mutations::none())?,
            Self::Tdx(vendor) => vendor.attest(data, &TdxMutations::none())?,
        })
    }

    /// The kind of machine.
    pub(super) const fn platform(&self) -> Platform {
        match self {
            Self::Snp(_) => Platform::Simulated,
            Self::Tdx(_) => Platform::SimulatedTdx,
        }
    }
}

/// The digest of the pretend AMD's root, by which a manifest names it. Makes the vendor's keys at first use.
///
/// # Errors
/// [`VendorError`] when the keys cannot be read, or not be made and kept.
pub fn simulated_root(path: &Path, now: u64) -> Result<Digest, VendorError> {
    Ok(simulated_vendor(path, now)?.root_digest())
}

/// The pretend AMD whose keys are kept in this file. Makes them at first use.
///
/// # Errors
/// [`VendorError`] when the keys cannot be read, or not be made and kept.
pub fn simulated_vendor(path: &Path, now: u64) -> Result<SimulatedVendor, VendorError> {
    open_vendor(path, now)
}

/// The pretend Intel whose keys are kept in this file. Makes them at first use.
///
/// # Errors
/// [`VendorError`] when the keys cannot be read, or not be made and kept.
pub fn simulated_tdx_vendor(path: &Path, now: u64) -> Result<SimulatedTdxVendor, VendorError> {
    open_vendor(path, now)
}

/// What the pretend vendors have in common.
trait Vendor: Sized {
    fn generate(now: u64) -> Result<Self, SimulatorError>;
    fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, SimulatorError>;
    fn from_bytes(bytes: &[u8]) -> Result<Self, SimulatorError>;
}

impl Vendor for SimulatedVendor {
    fn generate(now: u64) -> Result<Self, SimulatorError> {
        Self::generate(&mut SystemEntropy::default(), now)
    }

    fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
        self.to_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, SimulatorError> {
        Self::from_bytes(bytes)
    }
}

impl Vendor for SimulatedTdxVendor {
    fn generate(now: u64) -> Result<Self, SimulatorError> {
        Self::generate(now)
    }

    fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, SimulatorError> {
        self.to_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, SimulatorError> {
        Self::from_bytes(bytes)
    }
}

fn open_vendor<V: Vendor>(path: &Path, now: u64) -> Result<V, VendorError> {
    match fs::File::open(path) {
        Ok(file) => read_vendor(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_vendor(path, now),
        Err(error) => Err(io_error("open", path)(error)),
    }
}

fn read_vendor<V: Vendor>(path: &Path, file: fs::File) -> Result<V, VendorError> {
    let mode = file.metadata().map_err(io_error("look at", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VendorError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(VENDOR_MAX).read_to_end(&mut bytes).map_err(io_error("read", path))?;
    Ok(V::from_bytes(&bytes)?)
}

/// Makes the keys beside their place and links them in: whoever comes first wins, and nobody sees half a file.
fn make_vendor<V: Vendor>(path: &Path, now: u64) -> Result<V, VendorError> {
    let vendor = V::generate(now)?;
    let bytes = vendor.to_bytes()?;
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(io_error("make", parent))?;
    }
    let mut file = create_private(&fresh).map_err(io_error("create", &fresh))?;
    let kept = file.write_all(&bytes).and_then(|()| file.sync_all());
    let linked = kept.and_then(|()| fs::hard_link(&fresh, path));
    fs::remove_file(&fresh).map_err(io_error("remove", &fresh))?;
    match linked {
        Ok(()) => Ok(vendor),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_vendor(path, fs::File::open(path).map_err(io_error("open", path))?)
        }
        Err(error) => Err(io_error("write", path)(error)),
    }
}

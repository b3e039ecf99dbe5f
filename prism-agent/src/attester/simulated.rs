//! A pretend AMD whose keys are in the user's own state: for trying things out, never for protection.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use prism_attest::binding::ReportData;
use prism_attest::endorsements::Endorsements;
use prism_attest::evidence::Evidence;
use prism_attest::platform::simulated::{Mutations, SimulatedVendor, SimulatorError};
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
pub(crate) struct Simulated(SimulatedVendor);

impl Simulated {
    /// Reads the vendor's keys, or makes them at first use.
    pub(super) fn open(path: &Path, now: u64) -> Result<Self, VendorError> {
        Ok(Self(open_vendor(path, now)?))
    }

    /// Signs as the pretend machine would.
    pub(super) fn attest(&self, data: &ReportData) -> Result<(Evidence, Endorsements), VendorError> {
        Ok(self.0.attest(data, &Mutations::none())?)
    }
}

/// The digest of the pretend vendor's root, by which a manifest names it. Makes the vendor's keys at first use.
///
/// # Errors
/// [`VendorError`] when the keys cannot be read, or not be made and kept.
pub fn simulated_root(path: &Path, now: u64) -> Result<Digest, VendorError> {
    Ok(open_vendor(path, now)?.root_digest())
}

fn open_vendor(path: &Path, now: u64) -> Result<SimulatedVendor, VendorError> {
    match fs::File::open(path) {
        Ok(file) => read_vendor(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_vendor(path, now),
        Err(error) => Err(io_error("open", path)(error)),
    }
}

fn read_vendor(path: &Path, file: fs::File) -> Result<SimulatedVendor, VendorError> {
    let mode = file.metadata().map_err(io_error("look at", path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VendorError::Exposed { path: path.to_owned(), mode });
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(VENDOR_MAX).read_to_end(&mut bytes).map_err(io_error("read", path))?;
    Ok(SimulatedVendor::from_bytes(&bytes)?)
}

/// Makes the keys beside their place and links them in: whoever comes first wins, and nobody sees half a file.
fn make_vendor(path: &Path, now: u64) -> Result<SimulatedVendor, VendorError> {
    let vendor = SimulatedVendor::generate(&mut SystemEntropy::default(), now)?;
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

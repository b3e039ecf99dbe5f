//! The kernel's configfs-tsm (`Documentation/ABI/testing/configfs-tsm-report`): write report data, read the evidence.
//!
//! The directory is this agent's own, so nobody should disturb it; the generation counter shows if somebody did.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use prism_attest::binding::ReportData;
use prism_attest::evidence::{EVIDENCE_MAX, Platform};
use rustix::io::Errno;

use super::busy::Patience;
use super::{AttesterError, io_error};

/// Where the kernel has it.
pub(super) const REPORTS: &str = "/sys/kernel/config/tsm/report";

/// What the kernel calls its providers, and whose evidence they give.
const PROVIDERS: [(&str, Platform); 2] = [("sev_guest", Platform::Snp), ("tdx_guest", Platform::Tdx)];

/// How an entry's files are read and written.
pub(super) trait Files: Send {
    /// Reads a whole file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Writes a whole file at once.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
}

/// The files as they are.
pub(super) struct Configfs;

impl Files for Configfs {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::write(path, bytes)
    }
}

/// One report entry of the kernel's.
pub(crate) struct Tsm {
    entry: Entry,
    platform: Platform,
    patience: Patience,
}

/// What the kernel gives.
#[derive(Debug)]
pub(super) struct Report {
    /// The signed report or quote, as it came: a quote keeps its padding.
    pub(super) evidence: Vec<u8>,
    /// The host's certificate table; may be empty, and is for TDX.
    pub(super) auxiliary: Vec<u8>,
}

impl Tsm {
    /// Makes a report entry of its own below `reports`.
    pub(super) fn open(reports: &Path) -> Result<Self, AttesterError> {
        Self::open_with(reports, Box::new(Configfs), Patience::STANDARD)
    }

    pub(super) fn open_with(reports: &Path, files: Box<dyn Files>, patience: Patience) -> Result<Self, AttesterError> {
        let entry = Entry::make(reports, files)?;
        let provider = entry.read_text("provider")?;
        let known = PROVIDERS.into_iter().find(|(name, _)| *name == provider);
        let (_, platform) = known.ok_or(AttesterError::UnknownProvider { found: provider })?;
        Ok(Self { entry, platform, patience })
    }

    /// Whose evidence the kernel's provider gives.
    pub(super) const fn platform(&self) -> Platform {
        self.platform
    }

    /// Asks for reports of this virtual machine privilege level (SEV-SNP only). Levels below the kernel's own floor are
    /// more privileged than this guest; the firmware would not sign for them.
    pub(super) fn ask_for_level(&self, level: u8) -> Result<(), AttesterError> {
        let floor = self.entry.read_number("privlevel_floor")?;
        if u64::from(level) < floor {
            return Err(AttesterError::Privilege { asked: level, floor });
        }
        self.entry.write("privlevel", level.to_string().as_bytes())
    }

    /// Has the machine sign `data`.
    pub(super) fn report(&self, data: &ReportData) -> Result<Report, AttesterError> {
        self.patience.ask(|| self.attempt(data))
    }

    /// One attempt; `None` when somebody else wrote into the entry meanwhile.
    fn attempt(&self, data: &ReportData) -> Result<Option<Report>, AttesterError> {
        let before = self.entry.read_number("generation")?;
        self.entry.write("inblob", data.as_bytes())?;
        let evidence = self.entry.read("outblob")?;
        let auxiliary = match self.platform {
            Platform::Snp => self.entry.read("auxblob")?,
            // The kernel makes no such file for TDX.
            _ => Vec::new(),
        };
        let ours = self.entry.read_number("generation")? == before.wrapping_add(1);
        Ok(ours.then_some(Report { evidence, auxiliary }))
    }
}

/// The provider's name in a fresh entry, for a look at the machine.
pub(super) fn provider(reports: &Path) -> Result<String, AttesterError> {
    Entry::make(reports, Box::new(Configfs))?.read_text("provider")
}

/// Whose evidence a provider of that name gives.
pub(super) fn provider_platform(provider: &str) -> Option<Platform> {
    PROVIDERS.into_iter().find(|(name, _)| *name == provider).map(|(_, platform)| platform)
}

/// The entry's directory, removed when dropped.
struct Entry {
    path: PathBuf,
    files: Box<dyn Files>,
}

impl Entry {
    fn make(reports: &Path, files: Box<dyn Files>) -> Result<Self, AttesterError> {
        let path = reports.join(format!("prism-{}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self { path, files }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Self { path, files }),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::NXIO) => Err(AttesterError::NoProvider),
            Err(error) => Err(io_error("make", &path)(error)),
        }
    }

    fn read_number(&self, name: &str) -> Result<u64, AttesterError> {
        let path = self.path.join(name);
        let text = self.read_text(name)?;
        text.parse().map_err(|_| io_error("read", &path)(io::ErrorKind::InvalidData.into()))
    }

    fn read_text(&self, name: &str) -> Result<String, AttesterError> {
        let text = String::from_utf8(self.read(name)?);
        let path = self.path.join(name);
        let text = text.map_err(|_| io_error("read", &path)(io::ErrorKind::InvalidData.into()))?;
        Ok(text.trim_end().to_owned())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, AttesterError> {
        let path = self.path.join(name);
        match self.files.read(&path) {
            Ok(bytes) if bytes.len() > EVIDENCE_MAX => Err(AttesterError::TooLarge { path }),
            Ok(bytes) => Ok(bytes),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::FBIG) => Err(AttesterError::TooLarge { path }),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), AttesterError> {
        let path = self.path.join(name);
        self.files.write(&path, bytes).map_err(io_error("write", &path))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // It is empty for the kernel; an error leaves an unused entry behind until the next boot.
        let _ = fs::remove_dir(&self.path);
    }
}

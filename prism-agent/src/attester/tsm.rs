//! The kernel's configfs-tsm (`Documentation/ABI/testing/configfs-tsm-report`): write report data, read the evidence.
//!
//! The directory is this agent's own, so nobody should disturb it; the generation counter shows if somebody did.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use prism_attest::binding::ReportData;
use prism_attest::evidence::EVIDENCE_MAX;
use rustix::io::Errno;

use super::{AttesterError, io_error};

/// Where the kernel has it.
pub(super) const REPORTS: &str = "/sys/kernel/config/tsm/report";

/// What the kernel calls SEV-SNP's reports.
const PROVIDER: &str = "sev_guest";

/// How often a busy or disturbed interface is tried.
const ATTEMPTS: u32 = 10;

/// Pause between two attempts; the firmware serves one guest at a time.
const PAUSE: Duration = Duration::from_millis(100);

/// One report entry of the kernel's, removed when dropped.
pub(crate) struct Tsm {
    entry: PathBuf,
}

/// What the kernel gives.
pub(super) struct Report {
    /// The signed report.
    pub(super) evidence: Vec<u8>,
    /// The host's certificate table; may be empty.
    pub(super) auxiliary: Vec<u8>,
}

impl Tsm {
    /// Makes a report entry of its own below `reports`.
    pub(super) fn open(reports: &Path) -> Result<Self, AttesterError> {
        let entry = reports.join(format!("prism-{}", std::process::id()));
        match fs::create_dir(&entry) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io_error("make", &entry)(error)),
        }
        let tsm = Self { entry };
        let provider = tsm.read_text("provider")?;
        if provider == PROVIDER { Ok(tsm) } else { Err(AttesterError::OtherProvider { found: provider }) }
    }

    /// Has the machine sign `data`.
    pub(super) fn report(&self, data: &ReportData) -> Result<Report, AttesterError> {
        for _ in 0..ATTEMPTS {
            match self.attempt(data) {
                Ok(Some(report)) => return Ok(report),
                Ok(None) => {}
                Err(AttesterError::Io { source, .. }) if is_busy(&source) => {}
                Err(error) => return Err(error),
            }
            thread::sleep(PAUSE);
        }
        Err(AttesterError::Busy { attempts: ATTEMPTS })
    }

    /// One attempt; `None` when somebody else wrote into the entry meanwhile.
    fn attempt(&self, data: &ReportData) -> Result<Option<Report>, AttesterError> {
        let path = self.entry.join("inblob");
        let before = self.generation()?;
        fs::write(&path, data.as_bytes()).map_err(io_error("write", &path))?;
        let evidence = self.read("outblob")?;
        let auxiliary = self.read("auxblob")?;
        let ours = self.generation()? == before.wrapping_add(1);
        Ok(ours.then_some(Report { evidence, auxiliary }))
    }

    fn generation(&self) -> Result<u64, AttesterError> {
        let text = self.read_text("generation")?;
        let path = self.entry.join("generation");
        text.parse().map_err(|_| io_error("read", &path)(io::ErrorKind::InvalidData.into()))
    }

    fn read_text(&self, name: &str) -> Result<String, AttesterError> {
        let text = String::from_utf8(self.read(name)?);
        let path = self.entry.join(name);
        let text = text.map_err(|_| io_error("read", &path)(io::ErrorKind::InvalidData.into()))?;
        Ok(text.trim_end().to_owned())
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, AttesterError> {
        let path = self.entry.join(name);
        let bytes = fs::read(&path).map_err(io_error("read", &path))?;
        if bytes.len() > EVIDENCE_MAX {
            return Err(io_error("read", &path)(io::ErrorKind::FileTooLarge.into()));
        }
        Ok(bytes)
    }
}

fn is_busy(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::BUSY | Errno::WOULDBLOCK | Errno::INTR))
}

impl Drop for Tsm {
    fn drop(&mut self) {
        // It is empty for the kernel; an error leaves an unused entry behind until the next boot.
        let _ = fs::remove_dir(&self.entry);
    }
}

//! Which ways to evidence this machine has, and why not the others.

use std::fs::OpenOptions;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use prism_attest::evidence::Platform;
use serde::Serialize;

use super::{AttesterError, azure, event_log, sev_guest, tdx_attest, tpm, tsm};

/// Where a machine has its interfaces.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbePaths {
    /// The kernel's report directory.
    pub tsm: PathBuf,
    /// The SNP guest device.
    pub sev_guest: PathBuf,
    /// The TDX guest device, by the names that it had over time.
    pub tdx_guest: Vec<PathBuf>,
    /// Intel's library: a path, or a name that the loader looks for.
    pub tdx_attest: PathBuf,
    /// The TPM with the kernel's resource manager.
    pub tpm: PathBuf,
    /// The event log of a TDX guest.
    pub ccel: PathBuf,
    /// The event log of a TPM.
    pub tpm_log: PathBuf,
    /// Azure's metadata service.
    pub metadata_service: SocketAddr,
}

impl Default for ProbePaths {
    /// This machine.
    fn default() -> Self {
        let mut paths = Self::under(Path::new("/"));
        paths.tdx_attest = PathBuf::from(tdx_attest::LIBRARY);
        paths
    }
}

impl ProbePaths {
    /// A machine whose files are below `root`. Intel's library is looked for in `usr/lib`.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        let below = |path: &str| root.join(path.trim_start_matches('/'));
        Self {
            tsm: below(tsm::REPORTS),
            sev_guest: below(sev_guest::DEVICE),
            tdx_guest: TDX_GUEST.into_iter().map(below).collect(),
            tdx_attest: below("/usr/lib").join(tdx_attest::LIBRARY),
            tpm: below(tpm::DEVICE),
            ccel: below(event_log::CCEL),
            tpm_log: below(event_log::TPM_LOG),
            metadata_service: azure::SERVICE,
        }
    }
}

/// The TDX guest device: since Linux 6.2, in Intel's first drivers, and before.
const TDX_GUEST: [&str; 3] = ["/dev/tdx_guest", "/dev/tdx-guest", "/dev/tdx-attest"];

/// A way to evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Interface {
    /// The kernel's configfs-tsm on SEV-SNP.
    TsmSnp,
    /// The kernel's configfs-tsm on TDX.
    TsmTdx,
    /// The SNP guest device.
    SevGuest,
    /// Intel's library.
    TdxAttest,
    /// Azure's virtual TPM.
    AzureVtpm,
}

impl Interface {
    /// Its name in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TsmSnp => "tsm-snp",
            Self::TsmTdx => "tsm-tdx",
            Self::SevGuest => "sev-guest",
            Self::TdxAttest => "tdx-attest",
            Self::AzureVtpm => "azure-vtpm",
        }
    }
}

/// What was found out about one way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProbeLine {
    /// The way.
    pub name: Interface,
    /// Whether evidence can come from there.
    pub available: bool,
    /// The platform of that evidence, which is the word for `--platform`.
    pub platform: Option<Platform>,
    /// What was found.
    pub reason: String,
    /// What to do about it; empty when there is nothing to do.
    pub advice: String,
}

impl ProbeLine {
    fn yes(name: Interface, platform: Platform, reason: impl Into<String>) -> Self {
        Self { name, available: true, platform: Some(platform), reason: reason.into(), advice: String::new() }
    }

    fn no(name: Interface, reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, available: false, platform: None, reason: reason.into(), advice: advice.into() }
    }
}

/// Looks at every way to evidence, in the order in which an agent takes them. Nothing is signed.
///
/// A report entry of the kernel's is made and removed, Intel's library is loaded where a TDX device exists, and the
/// paravisor's report is read from the TPM: run it as the user that the agent runs as.
#[must_use]
pub fn probe(paths: &ProbePaths) -> Vec<ProbeLine> {
    let [snp, tdx] = kernel(&paths.tsm);
    vec![snp, tdx, device(&paths.sev_guest), library(paths), vtpm(paths)]
}

const IN_A_VM: &str = "run in a confidential VM of that kind";

/// The kernel's interface serves one platform.
fn kernel(reports: &Path) -> [ProbeLine; 2] {
    let both = |reason: &str, advice: &str| {
        [Interface::TsmSnp, Interface::TsmTdx].map(|name| ProbeLine::no(name, reason, advice))
    };
    if !reports.is_dir() {
        let reason = format!("there is no {}", reports.display());
        return both(
            &reason,
            "Linux 6.7 or newer in a confidential VM: modprobe sev-guest or tdx-guest, and mount configfs on \
             /sys/kernel/config",
        );
    }
    let provider = match tsm::provider(reports) {
        Ok(provider) => provider,
        Err(AttesterError::NoProvider) => {
            return both("the kernel has no report provider", "modprobe sev-guest or tdx-guest in a confidential VM");
        }
        Err(AttesterError::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => {
            return both("this user may not make report entries", "run as root");
        }
        Err(error) => return both(&with_source(&error), "see the kernel's log"),
    };
    let Some(platform) = tsm::provider_platform(&provider) else {
        return both(&format!("the provider is {provider}"), "a newer Prism may know it");
    };
    let reason = format!("the provider is {provider}");
    [(Interface::TsmSnp, Platform::Snp), (Interface::TsmTdx, Platform::Tdx)].map(|(name, own)| {
        if own == platform { ProbeLine::yes(name, own, &reason) } else { ProbeLine::no(name, &reason, IN_A_VM) }
    })
}

fn device(path: &Path) -> ProbeLine {
    let name = Interface::SevGuest;
    match OpenOptions::new().read(true).open(path) {
        Ok(_) => ProbeLine::yes(name, Platform::Snp, format!("{} opens", path.display())),
        Err(error) => unopened(name, path, &error, "modprobe sev-guest in an SEV-SNP guest"),
    }
}

fn unopened(name: Interface, path: &Path, error: &io::Error, absent: &str) -> ProbeLine {
    match error.kind() {
        io::ErrorKind::NotFound => ProbeLine::no(name, format!("there is no {}", path.display()), absent),
        io::ErrorKind::PermissionDenied => {
            ProbeLine::no(name, format!("this user may not open {}", path.display()), "run as root")
        }
        _ => ProbeLine::no(name, format!("{}: {error}", path.display()), "see the kernel's log"),
    }
}

fn library(paths: &ProbePaths) -> ProbeLine {
    let name = Interface::TdxAttest;
    let Some(device) = paths.tdx_guest.iter().find(|device| device.exists()) else {
        let named = paths.tdx_guest.first().map_or_else(String::new, |path| path.display().to_string());
        return ProbeLine::no(name, format!("there is no {named}"), "modprobe tdx-guest in a TDX guest");
    };
    match tdx_attest::TdxAttest::open(&paths.tdx_attest) {
        Ok(_) => {
            let reason = format!("{} loads and {} exists", paths.tdx_attest.display(), device.display());
            ProbeLine::yes(name, Platform::Tdx, reason)
        }
        Err(error) => ProbeLine::no(name, with_source(&error), "install Intel's libtdx-attest"),
    }
}

fn vtpm(paths: &ProbePaths) -> ProbeLine {
    let name = Interface::AzureVtpm;
    if let Err(error) = OpenOptions::new().read(true).write(true).open(&paths.tpm) {
        return unopened(name, &paths.tpm, &error, "run in a confidential VM of Azure");
    }
    match azure::Azure::open(&paths.tpm, paths.metadata_service) {
        Ok(azure) => ProbeLine::yes(name, azure.platform(), "the TPM has the paravisor's report"),
        Err(error) => ProbeLine::no(name, with_source(&error), "run in a confidential VM of Azure"),
    }
}

/// An error with its first cause.
fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

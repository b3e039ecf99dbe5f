//! What runs, with which limits.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::version::PythonVersion;
use crate::digest::Digest;
use crate::name::Name;
use crate::optional::{filled, present};

/// The program that runs on the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct Algorithm {
    /// The asset's name.
    pub name: Name,
    /// Who brings it.
    pub provider: Name,
    /// Digest of the bytes that are brought.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// What executes it.
    pub runtime: Runtime,
    /// Whether the asset is an archive of a folder (`true`) or the one file that runs (`false`).
    pub unpack: bool,
    /// The file that runs: a relative path inside the archive, or the asset's own name.
    pub entry: String,
    /// Arguments, passed as they are; no shell reads them.
    pub args: Vec<String>,
    /// Environment variables, beside the fixed few that every run has.
    pub environment: Vec<Variable>,
    /// The version of the agent's interpreter; not written when any will do. Only for [`Runtime::Python3`].
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<PythonVersion>,
    /// What has to be installed before; `null` when nothing.
    #[serde(deserialize_with = "required")]
    pub requirements: Option<Requirements>,
    /// Files that the program looks for in its `HOME`, such as pre-trained weights; not written when there are none.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Vec::is_empty")]
    pub auxiliary: Vec<Auxiliary>,
    /// Devices without which the run is refused; not written when there are none.
    #[serde(default, deserialize_with = "filled", skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// Bounds on what the run may use.
    pub limits: Limits,
    /// Sandbox layers without which the run is refused; the others are used where the machine has them.
    pub sandbox: Vec<SandboxLayer>,
}

/// A field that may be `null` but not absent.
fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// What executes the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Runtime {
    /// The agent's Python 3 interpreter.
    Python3,
    /// None: the entry is an ELF executable for the agent's machine.
    Binary,
    /// The agent's WebAssembly host, with WASI.
    Wasm,
    /// None: the asset is an archive of an OCI image, whose configuration names what is executed.
    Image,
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python3 => "python3",
            Self::Binary => "binary",
            Self::Wasm => "wasm",
            Self::Image => "image",
        })
    }
}

/// One environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a pair")]
pub struct Variable {
    /// `[A-Za-z_][A-Za-z0-9_]*`.
    pub name: String,
    /// Any text without NUL.
    pub value: String,
}

/// Packages that the algorithm needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct Requirements {
    /// The asset's name.
    pub name: Name,
    /// Digest of the bytes that are brought.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// How they are installed.
    pub install: Install,
}

/// A file or folder that the algorithm's provider brings beside the program. Nobody but the run sees it, and the run sees
/// a copy of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct Auxiliary {
    /// The asset's name.
    pub name: Name,
    /// Digest of the bytes that are brought.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Whether the asset is an archive that the agent unpacks.
    pub unpack: bool,
    /// Where the program finds it: a path below `HOME`, such as `.cache/torch/hub/checkpoints/resnet18-f37072fd.pth`.
    pub path: String,
}

/// A kind of device that a run can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Device {
    /// Every NVIDIA GPU of the machine, as its driver shows it.
    NvidiaGpu,
    /// Every AMD GPU of the machine, as its driver shows it.
    AmdGpu,
}

impl Device {
    /// The device as manifests write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NvidiaGpu => "nvidia-gpu",
            Self::AmdGpu => "amd-gpu",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How requirements are installed: always before any dataset is visible, always from a lock file with hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Install {
    /// The asset is an archive with `requirements.lock` and every wheel it names; nothing is fetched.
    Offline,
    /// The asset is the lock file; the wheels come from the agent's package index during installation only.
    Index,
}

/// Bounds on what a run may use. Reaching one ends the run with that reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "built field by field by whoever drafts a manifest")]
pub struct Limits {
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Processor time in thousandths of a processor: 2000 is two.
    pub cpu_milli: u32,
    /// Processes and threads at a time.
    pub processes: u32,
    /// Open files of one process.
    pub open_files: u32,
    /// Bytes that the run may write to its own files, results included.
    pub disk_bytes: u64,
    /// Bytes that the run may write in its copy of `datasets/`; not written when they count as `disk_bytes`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub datasets_bytes: Option<u64>,
    /// Bytes of standard output and standard error that are kept, each.
    pub output_bytes: u64,
    /// Seconds of wall time, installation of requirements included.
    pub wall_seconds: u64,
}

/// One layer of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SandboxLayer {
    /// Own file system tree: only what the run needs is mounted.
    MountNamespace,
    /// Own process numbers: other processes cannot be seen, and all die with the first.
    PidNamespace,
    /// Own network without any interface.
    NetworkNamespace,
    /// Own System V and POSIX message queues.
    IpcNamespace,
    /// Own host name.
    UtsNamespace,
    /// Own view of control groups.
    CgroupNamespace,
    /// Another user than the agent's.
    SeparateUser,
    /// No privileges can be gained.
    NoNewPrivileges,
    /// Files outside the run cannot be opened (Landlock).
    Landlock,
    /// System calls are filtered; sockets of every family but `AF_UNIX` are refused.
    Seccomp,
    /// Resource limits of the process.
    ResourceLimits,
    /// Memory, processor and process bounds by control groups.
    Cgroup,
    /// A user namespace: how an ordinary user gets the other namespaces. An agent that is root has no use for it.
    UserNamespace,
    /// No capability is left, and none can be gained.
    Capabilities,
    /// The processors that the run may use are bounded, by whatever means.
    CpuLimit,
    /// The memory of the run's processes together is bounded, by whatever means.
    MemoryLimit,
    /// The number of processes and threads is bounded, by whatever means.
    ProcessLimit,
    /// The bytes that the run may write are bounded, by whatever means.
    DiskLimit,
    /// `datasets/` is the run's own view; what it writes there changes no dataset.
    DatasetsCopy,
}

impl SandboxLayer {
    /// Every layer, in the order of the report.
    pub const ALL: [Self; 19] = [
        Self::MountNamespace,
        Self::PidNamespace,
        Self::NetworkNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::CgroupNamespace,
        Self::SeparateUser,
        Self::NoNewPrivileges,
        Self::Landlock,
        Self::Seccomp,
        Self::ResourceLimits,
        Self::Cgroup,
        Self::UserNamespace,
        Self::Capabilities,
        Self::CpuLimit,
        Self::MemoryLimit,
        Self::ProcessLimit,
        Self::DiskLimit,
        Self::DatasetsCopy,
    ];

    /// The layer as manifests and logs write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MountNamespace => "mount-namespace",
            Self::PidNamespace => "pid-namespace",
            Self::NetworkNamespace => "network-namespace",
            Self::IpcNamespace => "ipc-namespace",
            Self::UtsNamespace => "uts-namespace",
            Self::CgroupNamespace => "cgroup-namespace",
            Self::SeparateUser => "separate-user",
            Self::NoNewPrivileges => "no-new-privileges",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::ResourceLimits => "resource-limits",
            Self::Cgroup => "cgroup",
            Self::UserNamespace => "user-namespace",
            Self::Capabilities => "capabilities",
            Self::CpuLimit => "cpu-limit",
            Self::MemoryLimit => "memory-limit",
            Self::ProcessLimit => "process-limit",
            Self::DiskLimit => "disk-limit",
            Self::DatasetsCopy => "datasets-copy",
        }
    }
}

impl fmt::Display for SandboxLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

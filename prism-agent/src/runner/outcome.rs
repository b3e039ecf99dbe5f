//! How a run ended, and why one did not begin.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use prism_core::audit::entry::Packages;
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use serde::{Deserialize, Serialize};

use super::collect::ResultsDir;
use super::layers::{Layer, Layers};
use super::requirements::RequirementsError;

/// What happens before the program's first instruction, in this order.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// The requirements were installed by an earlier run, and their environment is as it was then.
    Reusing,
    /// The requirements are about to be installed in the sandbox that these layers make.
    Installing(&'a Layers),
    /// Everything is built and reported; the program is executed when the callback returns.
    Starting(&'a Layers),
}

/// A run that was executed, whatever came of it. Nothing of it is alive any more.
#[derive(Debug)]
#[non_exhaustive]
pub struct RunOutcome {
    /// What each layer of the sandbox was.
    pub layers: Layers,
    /// Why it ended.
    pub end: End,
    /// Captured standard output.
    pub stdout: Captured,
    /// Captured standard error.
    pub stderr: Captured,
    /// From the program's start to its end.
    pub wall: Duration,
    /// Processor time of all its processes.
    pub cpu: Duration,
    /// Most memory in bytes: of all processes together with a memory cgroup, else of the largest.
    pub peak_memory: u64,
    /// Processes that could not be ended: always 0 with a pid namespace.
    pub survivors: u32,
    /// The packages that the program had; `None` without requirements.
    pub packages: Option<Packages>,
    /// The run's `results/`; its memory is freed when this is dropped.
    pub results: ResultsDir,
}

/// One captured stream. It stays inside unless the manifest releases it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Captured {
    /// Bytes in the file.
    pub bytes: u64,
    /// SHA-256 of those bytes.
    pub digest: Digest,
    /// The file, in the run's work directory.
    pub path: PathBuf,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum End {
    /// The program ended with this exit code.
    Exited(i32),
    /// The program was ended by this signal, not sent by the agent.
    Signalled(i32),
    /// More memory than allowed.
    MemoryLimit,
    /// More bytes written than allowed.
    DiskLimit,
    /// More bytes written in the copy of the datasets than allowed.
    DatasetsLimit,
    /// More processes or threads than allowed.
    ProcessLimit,
    /// More time than allowed.
    WallLimit,
    /// More output than allowed.
    OutputLimit,
    /// The caller cancelled.
    Stopped,
    /// What it printed could not be kept, or did not end with it.
    OutputLost,
    /// The agent could not follow it to its end: the helper, or the agent's own looking, failed.
    SupervisionLost,
}

impl End {
    /// Whether the program ended by itself with exit code 0.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Exited(0))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with {code}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::MemoryLimit => f.write_str("memory limit reached"),
            Self::DiskLimit => f.write_str("disk limit reached"),
            Self::DatasetsLimit => f.write_str("limit of what may be written in datasets/ reached"),
            Self::ProcessLimit => f.write_str("process limit reached"),
            Self::WallLimit => f.write_str("wall time limit reached"),
            Self::OutputLimit => f.write_str("output limit reached"),
            Self::Stopped => f.write_str("stopped"),
            Self::OutputLost => f.write_str("output lost"),
            Self::SupervisionLost => f.write_str("supervision lost"),
        }
    }
}

/// Why nothing of the algorithm was executed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A demanded layer is not in force.
    #[error(
        "expected sandbox layer {layer} to be active, found it {state}; run on a machine that has it or do not demand it"
    )]
    LayerMissing {
        /// The layer.
        layer: Layer,
        /// What became of it.
        state: String,
        /// The whole report.
        layers: Box<Layers>,
    },
    /// The requirements could not be installed.
    #[error("the requirements could not be installed")]
    Requirements(#[source] Box<RequirementsError>),
    /// The caller cancelled before the program was executed.
    #[error("expected to start the program, found the run stopped before")]
    Stopped,
    /// The wall time was over before the program was executed.
    #[error(
        "expected to start the program within its wall time, found it over with preparation; give the run more or bring less"
    )]
    WallLimit,
    /// The specification is not one that can be run.
    #[error("expected {expected}, found {found}; correct the run's specification")]
    Spec {
        /// What is needed.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The interpreter cannot be reached by the run's user.
    #[error(
        "expected an interpreter that the sandbox can execute, found {path}: {reason}; configure one such as /usr/bin/python3"
    )]
    Interpreter {
        /// The interpreter.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The WebAssembly host cannot be reached by the run's user.
    #[error(
        "expected a WebAssembly host that the sandbox can execute, found {path}: {reason}; \
         see that prism-wasm beside the agent's program is an executable for this machine"
    )]
    WasmHost {
        /// The host.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// What was to be executed could not be.
    #[error("expected to execute {path}, found that the system refuses: {reason}")]
    NotExecuted {
        /// Its path as the program would see it.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The agent's disk has no room for what the run reads as a copy.
    #[error(
        "expected {needed_bytes} free bytes and {needed_files} free files on the agent's disk for copies that the run \
         reads, found {free_bytes} and {free_files}; make room there, then try again"
    )]
    NoRoom {
        /// Bytes of the copies and what stays free.
        needed_bytes: u64,
        /// Files and directories of the copies and what stays free.
        needed_files: u64,
        /// What the system says is free.
        free_bytes: u64,
        /// What the system says is free.
        free_files: u64,
    },
    /// A step of building the sandbox failed.
    #[error(
        "expected the sandbox to be built, found step \"{step}\" failing: {reason}; the agent's machine needs attention"
    )]
    Sandbox {
        /// The step.
        step: String,
        /// What the system says.
        reason: String,
    },
    /// The helper ended or spoke out of turn.
    #[error(
        "expected the sandbox helper to report, found {found}; see that the host program calls helper_main_if_asked"
    )]
    Helper {
        /// What happened.
        found: &'static str,
    },
    /// A file or process operation of the agent failed.
    #[error("expected to {step}, found an error of the system")]
    Io {
        /// The operation.
        step: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl RunError {
    pub(crate) fn requirements(error: RequirementsError) -> Self {
        Self::Requirements(Box::new(error))
    }

    pub(crate) fn io(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { step, source }
    }
}

impl Coded for RunError {
    fn code(&self) -> Code {
        match self {
            Self::LayerMissing { .. } => Code::SandboxUnavailable,
            Self::Requirements(error) => error.code(),
            Self::Stopped => Code::RunStopped,
            Self::NoRoom { .. } => Code::AgentFull,
            Self::WallLimit
            | Self::Spec { .. }
            | Self::Interpreter { .. }
            | Self::WasmHost { .. }
            | Self::NotExecuted { .. } => Code::RunFailed,
            Self::Sandbox { .. } | Self::Helper { .. } | Self::Io { .. } => Code::Internal,
        }
    }
}

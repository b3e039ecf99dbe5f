//! What the agent and its sandbox helper say to each other: one JSON object per line, over a socket pair.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use prism_core::image::ImageConfig;
use serde::{Deserialize, Serialize};

use crate::runner::free::Free;
use crate::runner::interpreter::Interpreter;
use crate::runner::layers::{Layer, Layers};
use crate::runner::spec::{Contents, Limits, files_within};

/// Everything that the helper needs; it reads nothing else of the agent's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Directory of this run, made by the agent, which alone may enter it.
    pub(crate) scratch: PathBuf,
    /// Another one where a user of the run's own could reach it, if the first is out of its reach.
    pub(crate) fallback: Option<PathBuf>,
    /// The user that the program gets when the agent is root.
    pub(crate) uid: u32,
    pub(crate) job: Job,
    /// An environment that an earlier run made, which this one reads.
    pub(crate) kept: Option<PathBuf>,
    pub(crate) program: Program,
    /// Device nodes that the program may open.
    pub(crate) devices: Vec<PathBuf>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    /// What the datasets are, all together.
    pub(crate) datasets: Contents,
    pub(crate) required: BTreeSet<Layer>,
    /// Files of control groups: a process that writes `0` there is in the group from then on, with all that it starts.
    pub(crate) groups: BTreeSet<PathBuf>,
    /// What the agent has done already: limits that cgroups enforce.
    pub(crate) layers: Layers,
}

/// What executes the job's code.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Program {
    /// An interpreter of the agent's machine.
    Python(Interpreter),
    /// Nothing: it is an executable.
    Binary,
    /// A program of the agent's machine, which executes WebAssembly.
    Wasm { host: PathBuf },
    /// Nothing: the algorithm is a root of its own, and the first argument is what is executed in it.
    Image(ImageTerms),
}

/// The step that fails when an image's working directory cannot be: the image's fault, not the machine's.
pub(crate) const IMAGE_DIRECTORY: &str = "make the image's working directory";

/// What an image says of its execution.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ImageTerms {
    pub(crate) environment: Vec<(String, String)>,
    /// The working directory below the image's root, if it names one.
    pub(crate) directory: Option<String>,
}

impl From<&ImageConfig> for ImageTerms {
    fn from(config: &ImageConfig) -> Self {
        // It was text in the image's configuration.
        let directory = config.working_dir.as_ref().map(ToString::to_string);
        Self { environment: config.environment.clone(), directory }
    }
}

/// What is executed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Installs wheels of a folder, in this order, into the environment.
    Install { wheels: PathBuf, files: Vec<String> },
    /// Runs the algorithm.
    Run {
        algorithm: PathBuf,
        entry: Option<PathBuf>,
        args: Vec<String>,
        datasets: Vec<(String, PathBuf)>,
        auxiliary: Vec<(PathBuf, PathBuf)>,
    },
}

impl Order {
    /// The interpreter, if one executes the code.
    pub(crate) const fn interpreter(&self) -> Option<&Interpreter> {
        match &self.program {
            Program::Python(interpreter) => Some(interpreter),
            Program::Binary | Program::Wasm { .. } | Program::Image(_) => None,
        }
    }

    /// The WebAssembly host, if one executes the code.
    pub(crate) fn wasm_host(&self) -> Option<&Path> {
        match &self.program {
            Program::Wasm { host } => Some(host),
            Program::Python(_) | Program::Binary | Program::Image(_) => None,
        }
    }

    /// What the image says, if the algorithm is one.
    pub(crate) const fn image(&self) -> Option<&ImageTerms> {
        match &self.program {
            Program::Image(terms) => Some(terms),
            Program::Python(_) | Program::Binary | Program::Wasm { .. } => None,
        }
    }

    /// Files and directories for which the run's space has room. Those of the datasets do not count as its own: with
    /// their owners and names they can be written to it as well, where a file takes as much as two.
    pub(crate) const fn files(&self, bytes: u64) -> u64 {
        files_within(bytes).saturating_add(self.datasets.entries.saturating_mul(2))
    }

    /// Where the run lives on disk when it has no root of its own.
    pub(crate) fn disk(&self) -> &Path {
        self.fallback.as_deref().unwrap_or(&self.scratch)
    }
}

/// What the helper says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// Every layer is built. With it come descriptors of the working directory and, if the run has one, of its
    /// `/dev/shm`. The helper waits for `go`.
    Built { layers: Layers },
    /// A demanded layer is missing; nothing was executed.
    Missing { layer: Layer, layers: Layers },
    /// A step failed; nothing was executed.
    Failed { step: String, reason: String },
    /// The disk has no room for a copy; nothing was executed.
    NoRoom { needed: Free, free: Free },
    /// The program could not be executed.
    NotExecuted { path: PathBuf, reason: String },
    /// The last process is dead.
    Ended(Ended),
}

/// How the program ended, as its parent saw it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// Exit code, if it ended by itself.
    pub(crate) code: Option<i32>,
    /// Signal, if one ended it.
    pub(crate) signal: Option<i32>,
    pub(crate) cpu_micros: u64,
    pub(crate) peak_bytes: u64,
    /// Processes that were still there after every attempt to end them: only without a pid namespace.
    pub(crate) survivors: u32,
}

/// Most descriptors that come with a message.
pub(crate) const DESCRIPTORS: usize = 2;

/// The agent's word that lets the program start.
pub(crate) const GO: &[u8] = b"go\n";

//! What is logged about the run: its start, its end, and under which conditions.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use crate::digest::Digest;
use crate::manifest::SandboxLayer;
use crate::optional::present;
use crate::printable::is_printable_line;

body! {
    /// Body of [`Event::RunStart`](super::Event::RunStart).
    RunStartBody {
        /// Which run of this boot: 1.
        run: u32,
    }
}

body! {
    /// Body of [`Event::RunExit`](super::Event::RunExit).
    RunExitBody {
        /// Which run of this boot: 1.
        run: u32,
        /// How it ended.
        end: RunEnd,
        /// Exit status, or the signal's number; 0 when neither applies.
        status: i32,
        /// What the sandbox was made of.
        layers: Vec<LayerReport>,
        /// Standard output: only its length and digest.
        stdout: Output,
        /// Standard error: only its length and digest.
        stderr: Output,
        /// Wall time in milliseconds.
        wall_ms: u64,
        /// Why nothing was executed, as a stable code; not written when something was.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// What the manifest does not fix and could differ in another run of the same terms; not written when nothing
        /// was executed.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        conditions: Option<Conditions>,
    }
}

body! {
    /// The conditions of a run. Printable text of at most 120 characters each, `unknown` where the machine does not say.
    Conditions {
        /// Version of the agent's interpreter or host, such as `cpython 3.11.7`; `none` where the program brings its own.
        interpreter: String,
        /// The C library of the agent's system, such as `glibc 2.36`; `none` where the program brings its own.
        libc: String,
        /// The kernel's release.
        kernel: String,
        /// The processor's model: libraries choose their arithmetic by it.
        processor: String,
        /// Processors that the run could use: the order of parallel sums depends on it.
        processors: u32,
        /// The packages that the program had; not written when it had none of its own.
        #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
        packages: Option<Packages>,
    }
}

body! {
    /// The packages of a run.
    Packages {
        /// Where they came from.
        origin: PackagesOrigin,
        /// SHA-256 over the SHA-256 of every installed wheel, one after the other in the order of the packages' names: it
        /// tells which of the wheels that a lock permits were there.
        wheels: Digest,
    }
}

/// Where the packages of a run came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PackagesOrigin {
    /// They were installed for this run.
    Installed,
    /// An earlier run installed them, and the agent kept them.
    Kept,
}

impl RunExitBody {
    /// Whether the algorithm did its work.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.end == RunEnd::Exited && self.status == 0
    }

    /// Whether the algorithm was executed, whatever came of it: no code says why not, or its end is one that only an
    /// algorithm has.
    #[must_use]
    pub fn is_executed(&self) -> bool {
        let before = matches!(
            self.end,
            RunEnd::SandboxUnavailable
                | RunEnd::RequirementsFailed
                | RunEnd::PreparationFailed
                | RunEnd::RunnerFailed
                | RunEnd::Stopped
                | RunEnd::WallLimit
        );
        self.code.is_none() || !before
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RunEnd {
    /// The algorithm exited with a status.
    Exited,
    /// A signal ended it.
    Signalled,
    /// It reached its memory.
    MemoryLimit,
    /// It reached its disk space.
    DiskLimit,
    /// It reached the space for what it writes in its copy of the datasets.
    DatasetsLimit,
    /// It reached its number of processes.
    ProcessLimit,
    /// It printed more than permitted.
    OutputLimit,
    /// Its time was up.
    WallLimit,
    /// It was stopped.
    Stopped,
    /// The machine lacks a layer that the manifest demands; nothing was executed.
    SandboxUnavailable,
    /// The requirements could not be installed; no dataset was visible yet.
    RequirementsFailed,
    /// The algorithm or a dataset could not be prepared; nothing was executed.
    PreparationFailed,
    /// The runner itself failed.
    RunnerFailed,
    /// It was executed, and what it printed could not be kept.
    OutputLost,
    /// It was executed, and the agent could not follow it to its end.
    SupervisionLost,
}

body! {
    /// One layer of the sandbox, as it was for this run.
    LayerReport {
        /// The layer.
        layer: SandboxLayer,
        /// Its state.
        state: LayerState,
        /// By which means it is in force, or why it is not: one printable line of at most [`LayerReport::DETAIL_MAX`]
        /// characters; not written when there is nothing to say.
        #[serde(default, deserialize_with = "detail", skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    }
}

impl LayerReport {
    /// Longest detail, in characters.
    pub const DETAIL_MAX: usize = 120;
}

impl fmt::Display for LayerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.layer, self.state.name())?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, " ({detail})"))
    }
}

/// A detail that is there and safe to show.
fn detail<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || text.chars().count() > LayerReport::DETAIL_MAX || !is_printable_line(&text) {
        return Err(D::Error::custom("a detail that is not one printable line of 1 to 120 characters"));
    }
    Ok(Some(text))
}

/// Whether a layer was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LayerState {
    /// In force.
    Active,
    /// Not used, though it could have been.
    Off,
    /// The machine does not permit it.
    Unavailable,
}

impl LayerState {
    /// The state as logs write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Off => "off",
            Self::Unavailable => "unavailable",
        }
    }
}

body! {
    /// Length and digest of what a stream carried.
    Output {
        /// Bytes that were kept.
        bytes: u64,
        /// Their digest.
        digest: Digest,
    }
}

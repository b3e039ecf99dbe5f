//! What can go wrong around a scenario, and what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A refusal as the `prism` command prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built from what a command says")]
pub struct Refusal {
    /// The stable code, for example `asset.wrong-provider`.
    pub code: String,
    /// What was expected and what was found.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// The exit code; 0 when the command was ended by a signal.
    pub exit: i32,
    /// What it printed nevertheless, for example the findings of an audit.
    pub answer: Value,
}

impl Refusal {
    /// Reads what the `prism` command said on standard error.
    ///
    /// # Errors
    /// [`Failure::Unexpected`] when there is no error in JSON.
    pub fn read(said: &str) -> Result<Self, Failure> {
        let parsed = said.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok());
        let error = parsed.as_ref().and_then(|said| said.get("error"));
        let error = error.ok_or_else(|| Failure::unexpected("an error as JSON from prism", said.trim()))?;
        let text = |field: &str| error.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { code: text("code"), message: text("message"), hint: text("hint"), ..Self::default() })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.message)
    }
}

/// Why a scenario cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// This machine lacks something.
    #[error("expected {expected}, found {found}; {advice}")]
    Missing {
        /// What the scenario needs.
        expected: &'static str,
        /// What is there instead.
        found: String,
        /// What to do.
        advice: String,
    },
    /// A program other than `prism` failed.
    #[error("expected that {program} succeeds, found {ending}:\n{said}")]
    Program {
        /// The command line.
        program: String,
        /// The exit status or signal.
        ending: String,
        /// What it wrote to its standard error, or else to its standard output.
        said: String,
    },
    /// The `prism` command refused.
    #[error("{who}: expected that `{command}` succeeds, found {refusal}")]
    Refused {
        /// Who ran the command.
        who: String,
        /// The command line.
        command: String,
        /// What it said.
        refusal: Box<Refusal>,
    },
    /// The `prism` command did something that it ought to have refused.
    #[error("{who}: expected that `{command}` is refused, found that it succeeds; do not trust this build")]
    Allowed {
        /// Who ran the command.
        who: String,
        /// The command line.
        command: String,
    },
    /// A program said nothing for too long and was ended.
    #[error("expected an answer of {program} within {seconds} s, found none; run it by hand to see where it stands")]
    Silent {
        /// The command line.
        program: String,
        /// How long it was given, in seconds.
        seconds: u64,
    },
    /// An answer lacks something, or says something else than was agreed.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the scenario relies on.
        expected: String,
        /// What there was.
        found: String,
    },
    /// A file or directory cannot be used.
    #[error("expected to {verb} {}, found: {source}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl Failure {
    /// For `map_err`: what was tried with which path.
    pub fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { verb, path: path.to_path_buf(), source }
    }

    /// An answer that is not what the scenario relies on.
    pub fn unexpected(expected: impl Into<String>, found: impl fmt::Display) -> Self {
        Self::Unexpected { expected: expected.into(), found: found.to_string() }
    }
}

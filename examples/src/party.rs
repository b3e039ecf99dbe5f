//! One organisation: its own directory, its own environment, its own processes.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::{Failure, Refusal};
use crate::process::{Ended, PATIENCE, Stream, line, run};

/// Somebody who uses the `prism` command: a participant, the machine's operator, or a stranger.
#[derive(Clone, Debug)]
pub struct Party {
    name: String,
    home: PathBuf,
    prism: PathBuf,
    variables: Vec<(&'static str, OsString)>,
}

impl Party {
    /// A party with a fresh directory under `room`.
    ///
    /// # Errors
    /// [`Failure::Io`] when the directory exists or cannot be made.
    pub fn arrive(name: &str, room: &Path, prism: &Path) -> Result<Self, Failure> {
        let home = room.join(name);
        fs::create_dir(&home).map_err(Failure::io("create", &home))?;
        let mut party = Self { name: name.to_owned(), home, prism: prism.to_path_buf(), variables: Vec::new() };
        party.set("HOME", party.home.clone());
        party.set("LANG", "C.UTF-8");
        party.set("PATH", std::env::var_os("PATH").unwrap_or_default());
        Ok(party)
    }

    /// The name in the manifest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A file or directory of this party.
    #[must_use]
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.home.join(name)
    }

    /// Sets a variable for everything that this party runs from now on. Nothing else is inherited.
    pub fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.into()));
    }

    /// Takes a copy of a file that somebody sent, under the same name.
    ///
    /// # Errors
    /// [`Failure::Io`] when it cannot be copied.
    pub fn receive(&self, sent: &Path) -> Result<PathBuf, Failure> {
        let copy = self.home.join(sent.file_name().unwrap_or_default());
        fs::copy(sent, &copy).map_err(Failure::io("copy", sent))?;
        Ok(copy)
    }

    /// Writes a file of this party.
    ///
    /// # Errors
    /// [`Failure::Io`] when it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf, Failure> {
        let path = self.home.join(name);
        fs::write(&path, content).map_err(Failure::io("write", &path))?;
        Ok(path)
    }

    /// A `prism` command of this party, with answers as JSON.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.prism);
        command.args(args).arg("--json").current_dir(&self.home).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a `prism` command that has to succeed, and returns its last answer (`null` when it prints none).
    ///
    /// # Errors
    /// [`Failure::Refused`] with what the command said.
    pub fn prism(&self, args: &[&str]) -> Result<Value, Failure> {
        let ended = run(&mut self.command(args), PATIENCE)?;
        if ended.status.success() {
            return last_json(&ended.stdout).map_or(Ok(Value::Null), Ok);
        }
        let refusal = Box::new(refusal(&ended)?);
        Err(Failure::Refused { who: self.name.clone(), command: typed(args), refusal })
    }

    /// Runs a `prism` command that has to be refused, and returns the refusal.
    ///
    /// # Errors
    /// [`Failure::Allowed`] when the command succeeds.
    pub fn refused(&self, args: &[&str]) -> Result<Refusal, Failure> {
        let ended = run(&mut self.command(args), PATIENCE)?;
        if ended.status.success() {
            return Err(Failure::Allowed { who: self.name.clone(), command: typed(args) });
        }
        refusal(&ended)
    }

    /// Starts a `prism` command that prints line by line.
    ///
    /// # Errors
    /// [`Failure::Io`] when it cannot start.
    pub fn follow(&self, args: &[&str]) -> Result<Stream, Failure> {
        Stream::start(&mut self.command(args))
    }
}

/// The command as one would type it.
fn typed(args: &[&str]) -> String {
    line(Command::new("prism").args(args))
}

fn last_json(text: &str) -> Option<Value> {
    text.lines().rev().find_map(|line| serde_json::from_str(line).ok())
}

/// What a command that did not succeed said on standard error.
fn refusal(ended: &Ended) -> Result<Refusal, Failure> {
    let exit = ended.status.code().unwrap_or(0);
    let answer = last_json(&ended.stdout).unwrap_or_default();
    Ok(Refusal { exit, answer, ..Refusal::read(&ended.stderr)? })
}

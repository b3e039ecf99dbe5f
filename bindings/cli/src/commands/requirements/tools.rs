//! Other people's programs that resolve and download: uv and pip, with flags that leave them no choice.

use std::io;
use std::path::Path;
use std::process::{Output, Stdio};

use prism_core::code::Code;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::exit::{Failure, Outcome};

/// Most bytes that such a program may answer with.
const ANSWER_MAX: u64 = 256 << 20;

/// How many bytes of its complaint are repeated.
const COMPLAINT_MAX: usize = 2000;

/// A program of this kind that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tool {
    Uv,
    /// pip of this interpreter.
    Pip(String),
}

impl Tool {
    /// Looks for uv, then for pip.
    pub(super) async fn find(python: &Path) -> Option<Self> {
        if answers(Command::new("uv").arg("--version")).await {
            return Some(Self::Uv);
        }
        Self::find_pip(python).await
    }

    /// Looks for pip.
    pub(super) async fn find_pip(python: &Path) -> Option<Self> {
        let python = python.to_string_lossy().into_owned();
        let found = answers(Command::new(&python).args(["-m", "pip", "--version"])).await;
        found.then_some(Self::Pip(python))
    }

    /// Its name, for people.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Uv => "uv",
            Self::Pip(_) => "pip",
        }
    }

    /// The program, with these arguments.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = match self {
            Self::Uv => Command::new("uv"),
            Self::Pip(python) => {
                let mut command = Command::new(python);
                command.args(["-m", "pip"]);
                command
            }
        };
        command.args(arguments);
        command
    }
}

async fn answers(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.status().await.is_ok_and(|status| status.success())
}

/// Runs it to its end; it ends with this program. Returns what it wrote to stdout.
pub(super) async fn run(name: &str, mut command: Command) -> Outcome<Vec<u8>> {
    let output = output(&mut command).await.map_err(|error| failed(name, &error.to_string()))?;
    if !output.status.success() {
        let tail = output.stderr.get(output.stderr.len().saturating_sub(COMPLAINT_MAX)..).unwrap_or_default();
        return Err(failed(name, String::from_utf8_lossy(tail).trim()));
    }
    Ok(output.stdout)
}

async fn output(command: &mut Command) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::from(io::ErrorKind::BrokenPipe));
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (mut stdout, mut stderr) = (stdout.take(ANSWER_MAX), stderr.take(ANSWER_MAX));
    let (read_out, read_err) = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
    read_out.and(read_err)?;
    if out.len() as u64 == ANSWER_MAX {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    Ok(Output { status: child.wait().await?, stdout: out, stderr: err })
}

fn failed(name: &str, said: &str) -> Failure {
    Failure::new(Code::RequirementsFailed, format!("expected {name} to succeed, found that it did not; it said:"))
        .more(said)
        .hint("a package may have no wheel for this interpreter, or the index may not be reachable")
}

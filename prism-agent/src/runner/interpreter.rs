//! The Python interpreter of this machine, looked through to where it really lives.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use prism_core::code::{Code, Coded};
use prism_core::requirements::Target;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// Asked of the interpreter: where it and its library are, and what wheels are made for it. `-I` keeps variables and user packages out of the answer.
const QUESTION: &str = r"
import json, os, platform, struct, subprocess, sys
exe = os.path.realpath(getattr(sys, '_base_executable', None) or sys.executable)
machine = platform.machine()
if struct.calcsize('P') == 4:
    machine = {'x86_64': 'i686', 'aarch64': 'armv7l'}.get(machine, machine)
def library():
    try:
        kind, version = os.confstr('CS_GNU_LIBC_VERSION').split()
    except (AttributeError, OSError, ValueError):
        try:
            loader = '/lib/ld-musl-%s.so.1' % machine
            said = subprocess.run([loader], stdin=subprocess.DEVNULL, capture_output=True, timeout=5).stderr.split()
            kind, version = 'musl', said[said.index(b'Version') + 1].decode()
        except (OSError, ValueError, IndexError, subprocess.SubprocessError):
            return None
    numbers = version.split('.')
    return {'kind': kind, 'major': int(numbers[0]), 'minor': int(numbers[1])}
cpython = sys.implementation.name == 'cpython'
version = platform.python_version()
version += 'local' if version.endswith('+') else ''
print(json.dumps({'executable': exe, 'prefix': os.path.realpath(sys.base_prefix), 'target': {
 'full_version': version, 'implementation': sys.implementation.name, 'machine': machine,
 'abi': 'cp%d%d%s' % (sys.version_info[:2] + (sys.abiflags,)) if cpython else None, 'libc': library()}}))";

/// Directories that are bound whole if an interpreter's prefix is one of them; anything shorter would show too much.
const TOO_WIDE: &[&str] = &["/", "/home", "/root", "/opt", "/var", "/tmp", "/etc", "/srv", "/mnt", "/media", "/run"];

/// A Python interpreter that was found and answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interpreter {
    /// The executable itself, behind every link, shim and virtual environment.
    pub executable: PathBuf,
    /// The directory of its library: bound read-only into the sandbox when it is not part of the system.
    pub prefix: PathBuf,
    /// What locks and wheels ask of it: its version, its implementation, the machine.
    pub target: Target,
}

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterpreterError {
    /// The program does not start.
    #[error("expected a Python 3 interpreter at {path}, found none that starts; install python3 or configure its path")]
    NotFound {
        /// What was tried.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The program does not answer as Python 3 does.
    #[error("expected {path} to answer as Python 3.9 or newer, found another answer; configure another interpreter")]
    NotPython {
        /// What was tried.
        path: PathBuf,
    },
    /// Its library lives in a directory that holds far more than the interpreter.
    #[error(
        "expected an interpreter with a directory of its own, found prefix {prefix}; configure another interpreter"
    )]
    TooWide {
        /// The prefix.
        prefix: PathBuf,
    },
}

impl Coded for InterpreterError {
    fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => Code::FileMissing,
            Self::NotPython { .. } | Self::TooWide { .. } => Code::Usage,
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    executable: PathBuf,
    prefix: PathBuf,
    target: Target,
}

impl Interpreter {
    /// Finds the interpreter: the configured one, or `python3` on the agent's `PATH`.
    ///
    /// # Errors
    /// [`InterpreterError`] when none starts, the answer is not that of Python 3.9 or newer, or its prefix is a
    /// directory such as `/home` that must not be shown to an algorithm.
    pub async fn find(configured: Option<&Path>) -> Result<Self, InterpreterError> {
        let path = configured.unwrap_or_else(|| Path::new("python3"));
        let mut command = Command::new(path);
        command.args(["-I", "-c", QUESTION]).current_dir("/").env_clear();
        // A version manager's shim needs these to find the interpreter it stands for.
        let kept = ["PATH", "HOME", "PYENV_ROOT", "PYENV_VERSION"];
        command.envs(kept.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output =
            command.output().await.map_err(|source| InterpreterError::NotFound { path: path.to_owned(), source })?;
        let answer = output.status.success().then(|| serde_json::from_slice::<Answer>(&output.stdout).ok()).flatten();
        Self::from_answer(answer.ok_or_else(|| InterpreterError::NotPython { path: path.to_owned() })?)
    }

    fn from_answer(answer: Answer) -> Result<Self, InterpreterError> {
        let Answer { executable, prefix, target } = answer;
        let mut numbers = target.full_version.split('.').map(str::parse::<u32>);
        let recent = matches!((numbers.next(), numbers.next()), (Some(Ok(3)), Some(Ok(minor))) if minor >= 9);
        if !recent || !executable.is_absolute() || !prefix.is_absolute() {
            return Err(InterpreterError::NotPython { path: executable });
        }
        if TOO_WIDE.iter().any(|wide| prefix == Path::new(wide)) {
            return Err(InterpreterError::TooWide { prefix });
        }
        Ok(Self { executable, prefix, target })
    }

    /// `3.11` of `3.11.7`: the name of its library directory and the tag of wheels made for it.
    #[must_use]
    pub fn minor_version(&self) -> &str {
        self.target.minor_version()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(version: &str, prefix: &str) -> Result<Interpreter, InterpreterError> {
        Interpreter::from_answer(Answer {
            executable: PathBuf::from("/usr/bin/python3"),
            prefix: PathBuf::from(prefix),
            target: Target {
                full_version: version.to_owned(),
                implementation: "cpython".to_owned(),
                abi: None,
                machine: "x86_64".to_owned(),
                libc: None,
            },
        })
    }

    #[test]
    fn an_old_or_strange_interpreter_is_refused() {
        for version in ["2.7.18", "3.8.2", "", "3", "x.y"] {
            assert!(matches!(answer(version, "/usr"), Err(InterpreterError::NotPython { .. })), "{version}");
        }
        for version in ["3.11.7", "3.11.0rc1", "3.11.2+local"] {
            assert_eq!(answer(version, "/usr").unwrap().minor_version(), "3.11");
        }
    }

    #[test]
    fn a_prefix_that_would_show_a_home_is_refused() {
        for prefix in ["/", "/root", "/home"] {
            assert!(matches!(answer("3.11.2", prefix), Err(InterpreterError::TooWide { .. })), "{prefix}");
        }
        assert!(answer("3.11.2", "/home/someone/python/3.11").is_ok());
    }
}

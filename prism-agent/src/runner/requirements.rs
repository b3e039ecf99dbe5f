//! Packages: read the lock strictly, install them in a sandbox of their own before any dataset is visible.

mod lock;

use std::io;
use std::path::{Path, PathBuf};

pub use lock::{LockError, check_lock};
use prism_core::code::{Code, Coded};

use super::interpreter::Interpreter;
use super::outcome::{End, RunError};

/// Name of the lock file in an offline requirements folder.
pub const LOCK_NAME: &str = "requirements.lock";

/// Exit code of the installer when the interpreter has no pip and no way to get one.
pub(crate) const NO_PIP: i32 = 90;

/// Largest lock file in bytes.
const LOCK_MAX: u64 = 4 << 20;

/// How many bytes of the installer's complaint an error keeps.
const COMPLAINT_MAX: usize = 2000;

/// Why the requirements could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequirementsError {
    /// The lock file does not pin every package by hash.
    #[error("the lock file is not acceptable")]
    Lock(#[from] LockError),
    /// The lock file cannot be read.
    #[error("expected a readable lock file of at most 4 MiB at {path}, found none; add it to the requirements")]
    Unreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The interpreter has neither pip nor ensurepip.
    #[error(
        "expected pip or ensurepip beside the interpreter, found neither; install python3-pip on the agent's machine"
    )]
    NoPip,
    /// The installer ended otherwise than with success; nothing of the algorithm was executed.
    #[error("expected the installer to succeed, found: {end}; it said: {complaint}")]
    Failed {
        /// How the installer ended.
        end: End,
        /// The end of what it printed, control characters removed.
        complaint: String,
    },
    /// The sandbox for the install phase could not be built.
    #[error("the sandbox for installing could not be used")]
    Sandbox(#[source] Box<RunError>),
}

impl Coded for RequirementsError {
    fn code(&self) -> Code {
        Code::RequirementsFailed
    }
}

impl RequirementsError {
    pub(crate) fn from_end(end: End, stdout: &Path, stderr: &Path) -> Self {
        if end == End::Exited(NO_PIP) {
            return Self::NoPip;
        }
        let mut text = std::fs::read(stdout).unwrap_or_default();
        text.extend(std::fs::read(stderr).unwrap_or_default());
        let tail = text.get(text.len().saturating_sub(COMPLAINT_MAX)..).unwrap_or_default();
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let complaint = String::from_utf8_lossy(tail).chars().map(printable).collect();
        Self::Failed { end, complaint }
    }
}

/// Reads and checks the lock file.
pub(crate) fn read_lock(path: &Path) -> Result<String, RequirementsError> {
    let unreadable = |source| RequirementsError::Unreadable { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LOCK_MAX {
        return Err(unreadable(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    check_lock(&text)?;
    Ok(text)
}

/// What the installer runs: pip of the interpreter if there is one, else the one that ensurepip carries.
/// Arguments: environment, folder with the lock, `offline` or `index`.
pub(crate) const INSTALLER: &str = r#"
import importlib.util, subprocess, sys
env, folder, mode = sys.argv[1:4]
target = env + "/bin/python"
if importlib.util.find_spec("pip"):
    pip = [sys.executable, "-I", "-m", "pip", "--python", target]
elif importlib.util.find_spec("ensurepip"):
    if subprocess.call([target, "-I", "-m", "ensurepip", "--default-pip"]):
        sys.exit(90)
    pip = [target, "-I", "-m", "pip"]
else:
    sys.exit(90)
command = pip + ["install", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "--no-deps",
    "--require-hashes", "--only-binary", ":all:", "-r", folder + "/requirements.lock"]
if mode == "offline":
    command += ["--no-index", "--find-links", folder]
sys.exit(subprocess.call(command))
"#;

/// Lays out an empty virtual environment, as `python -m venv --without-pip` would: no process is needed for that. One
/// that is there already, with what was installed into it, stays as it is.
pub(crate) fn lay_out_environment(env: &Path, interpreter: &Interpreter) -> io::Result<()> {
    use std::os::unix::fs::symlink;
    if env.exists() {
        return Ok(());
    }
    let minor = interpreter.minor_version();
    std::fs::create_dir_all(env.join("bin"))?;
    std::fs::create_dir_all(env.join(format!("lib/python{minor}/site-packages")))?;
    symlink("lib", env.join("lib64"))?;
    for name in ["python", "python3", &format!("python{minor}")] {
        symlink(&interpreter.executable, env.join("bin").join(name))?;
    }
    let home = interpreter.executable.parent().unwrap_or_else(|| Path::new("/usr/bin"));
    let text =
        format!("home = {}\ninclude-system-site-packages = false\nversion = {}\n", home.display(), interpreter.version);
    std::fs::write(env.join("pyvenv.cfg"), text)
}

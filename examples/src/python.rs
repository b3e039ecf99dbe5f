//! Python with exactly the packages that a lock file names, made once and kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process::{PATIENCE, run, run_well};

/// Environment variable that names the interpreter to use instead of `python3`.
pub const OVERRIDE: &str = "PRISM_PYTHON";

/// The oldest Python that the scenarios' programs run on.
const OLDEST: (u32, u32) = (3, 11);

/// An isolated Python environment, and the wheels it was made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Python {
    /// The interpreter of the environment.
    pub interpreter: PathBuf,
    /// A directory with the lock file as `requirements.lock` and its wheels: what an agent installs from, offline.
    pub requirements: PathBuf,
    /// The system's interpreter that the environment was made with, and for which the wheels are.
    pub base: PathBuf,
}

impl Python {
    /// An environment with the packages of `lock`, from `cache` if it was made before. `say` hears what takes time.
    ///
    /// # Errors
    /// [`Failure::Missing`] names what to install when this machine has no Python, venv or pip; [`Failure::Program`]
    /// tells why pip could not fetch the packages.
    pub fn prepare(cache: &Path, lock: &Path, say: &mut dyn FnMut(&str)) -> Result<Self, Failure> {
        let (base, version) = base()?;
        let text = fs::read_to_string(lock).map_err(Failure::io("read", lock))?;
        let home = cache.join(format!("python-{}.{}-{:016x}", version.0, version.1, fingerprint(&text)));
        fs::create_dir_all(&home).map_err(Failure::io("create", &home))?;
        // Two test programs at the same time make it once.
        let guard = home.join("lock");
        let guard = File::create(&guard).map_err(Failure::io("create", &guard))?;
        guard.lock().map_err(Failure::io("lock", &home))?;
        let (interpreter, requirements) = (home.join("env/bin/python"), home.join("requirements"));
        let python = Self { interpreter, requirements, base };
        let ready = home.join("ready");
        if !ready.is_file() {
            python.make(&text, say)?;
            fs::write(&ready, "").map_err(Failure::io("write", &ready))?;
        }
        Ok(python)
    }

    fn make(&self, lock: &str, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        let environment = self.interpreter.ancestors().nth(2).unwrap_or(&self.requirements);
        for old in [environment, &self.requirements] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(Failure::io("remove", old))?;
            }
        }
        say("making a Python environment (once)");
        run_well(Command::new(&self.base).args(["-m", "venv"]).arg(environment))?;
        fs::create_dir_all(&self.requirements).map_err(Failure::io("create", &self.requirements))?;
        let copy = self.requirements.join("requirements.lock");
        fs::write(&copy, lock).map_err(Failure::io("write", &copy))?;
        say("fetching the packages that the lock file names, by their digests (once; pip needs its index for this)");
        run_well(self.pip("download").arg("-r").arg(&copy).arg("-d").arg(&self.requirements))?;
        say("installing them");
        let mut install = self.pip("install");
        run_well(install.arg("--no-index").arg("--find-links").arg(&self.requirements).arg("-r").arg(&copy)).map(drop)
    }

    fn pip(&self, verb: &str) -> Command {
        let mut pip = Command::new(&self.interpreter);
        pip.args(["-m", "pip", verb, "--quiet", "--disable-pip-version-check", "--no-deps"]);
        pip.args(["--require-hashes", "--only-binary", ":all:"]);
        pip
    }

    /// A Python program, to be given arguments and run. It leaves no compiled files beside its source, and computes
    /// in one thread: the scenarios' arrays are small, and more threads would only disturb what runs beside it.
    #[must_use]
    pub fn program(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg(program).env("PYTHONDONTWRITEBYTECODE", "1").env("OPENBLAS_NUM_THREADS", "1");
        command
    }
}

/// The system's interpreter and its version.
fn base() -> Result<(PathBuf, (u32, u32)), Failure> {
    let named = std::env::var_os(OVERRIDE).map(PathBuf::from);
    let candidates = [named.clone(), Some("/usr/bin/python3".into()), Some("python3".into())];
    let mut found = "no python3".to_owned();
    for candidate in candidates.into_iter().flatten().take(if named.is_some() { 1 } else { 2 }) {
        match inspect(&candidate) {
            Ok(version) if version >= OLDEST => return Ok((candidate, version)),
            Ok((major, minor)) => found = format!("{} of version {major}.{minor}", candidate.display()),
            Err(Some(reason)) => found = reason,
            Err(None) => {}
        }
    }
    Err(Failure::Missing {
        expected: "Python 3.11 or newer with venv and pip",
        found,
        advice: format!("install it (Debian: apt install python3 python3-venv python3-pip) or name one in {OVERRIDE}"),
    })
}

/// The version of an interpreter that can make environments; `Err(None)` when there is no such program.
fn inspect(interpreter: &Path) -> Result<(u32, u32), Option<String>> {
    let script = "import sys, venv, ensurepip; print(sys.version_info[0], sys.version_info[1])";
    let ended = run(Command::new(interpreter).args(["-c", script]), PATIENCE).map_err(|_| None)?;
    let mut words = ended.stdout.split_whitespace().map(str::parse);
    match (ended.status.success(), words.next(), words.next()) {
        (true, Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => Err(Some(format!("{} without the modules venv and ensurepip", interpreter.display()))),
    }
}

/// A name for the content of a lock file (FNV-1a): other content, other environment. Not for security.
fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

//! `prism requirements wheelhouse`: the wheels of a lock in one folder, each compared with it.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;
use prism_agent::files::{Draft, FileError, Folder};
use prism_agent::runner::{Interpreter, LOCK_NAME, Plan, choose_wheels};
use prism_core::code::Code;
use prism_core::entropy::{SystemEntropy, draw};
#[cfg(feature = "pull")]
use prism_core::requirements::{Libc, LibcKind};
use prism_core::requirements::{Lock, Target};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::tools::{Tool, run};
use super::{read_lock, require_free};
use crate::exit::{Failure, Outcome};
use crate::interrupt;
#[cfg(feature = "pull")]
use crate::packages::IndexArgs;
use crate::print::{Printer, Safe, size};

pub(super) const EXAMPLE: &str = "\
Example
  prism requirements wheelhouse requirements.lock -o wheelhouse
  prism requirements wheelhouse requirements.lock -o wheelhouse.zip --index https://HOST/simple
  prism requirements wheelhouse requirements.lock -o wheelhouse --index https://HOST/simple --python-version 3.11
  prism requirements wheelhouse requirements.lock -o wheelhouse --index https://HOST/simple --index-allow FILES.HOST

The second host is for an index whose files lie elsewhere: nothing is asked that is neither its host nor listed. \
With --index it fetches by itself, as an agent would, for this machine's interpreter or another version; without, pip \
does, with its own configuration. Ctrl-C leaves nothing behind.";

/// The C library that wheels for another version of Python are chosen for, if --glibc does not say: most systems have it.
#[cfg(feature = "pull")]
const GLIBC: &str = "2.28";

/// The arguments of `prism requirements wheelhouse`.
#[derive(Args, Debug)]
pub(crate) struct Wheelhouse {
    /// The lock
    #[arg(value_name = "LOCK")]
    lock: PathBuf,
    /// The folder to make, or a .zip of it
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
    /// The interpreter to fetch for, and whose pip is asked
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// The version of Python on the agent's machine, if it is not that of --python: 3.11, or 3.11.7 for a lock whose
    /// markers ask for the last number
    #[cfg(feature = "pull")]
    #[arg(long, value_name = "VERSION", requires = "index")]
    python_version: Option<String>,
    /// The version of the agent's glibc [default: 2.28]
    #[cfg(feature = "pull")]
    #[arg(long, value_name = "VERSION", requires = "python_version")]
    glibc: Option<String>,
    /// Most bytes that all wheels together may have when they are fetched with --index [default: 16 GiB]
    #[cfg(feature = "pull")]
    #[arg(long, value_name = "BYTES", requires = "index")]
    install_bytes: Option<u64>,
    #[cfg(feature = "pull")]
    #[command(flatten)]
    index: IndexArgs,
}

#[derive(Serialize)]
struct Made {
    wheels: Vec<String>,
    bytes: u64,
    file: String,
}

impl Wheelhouse {
    pub(super) fn run(self, printer: Printer) -> Outcome {
        require_free(&self.out)?;
        let (text, lock) = read_lock(&self.lock)?;
        let left = format!("{} was not made", self.out.display());
        let folder = interrupt::run(self.gather(&lock, printer), &left)?;
        let Gathered { folder, plan } = folder;
        fs::write(folder.0.join(LOCK_NAME), text).map_err(io("write", &folder.0))?;
        let sizes =
            plan.files.iter().map(|file| Ok(fs::metadata(folder.0.join(file)).map_err(io("read", &folder.0))?.len()));
        let bytes = sizes.sum::<Outcome<u64>>()?;
        self.publish(&folder)?;
        printer.show(&Made { wheels: plan.files, bytes, file: self.out.display().to_string() })
    }

    /// Fetches into a hidden folder beside the final one.
    async fn gather(&self, lock: &Lock, printer: Printer) -> Outcome<Gathered> {
        let target = self.target(lock).await?;
        let (folder, raw) = (Hidden::beside(&self.out)?, Hidden::beside(&self.out)?);
        let tool = self.fetch(lock, &target, &raw.0, printer).await?;
        // Whoever fetched: only what the lock names, and only what the interpreter needs.
        let (dir, chosen, of) = (raw.0.clone(), lock.clone(), target);
        let plan = tokio::task::spawn_blocking(move || choose_wheels(&chosen, &of, &dir, &CancellationToken::new()));
        let plan = plan.await.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
        let plan = plan.map_err(|error| Failure::from(error).at(tool))?.unwrap_or_default();
        for file in &plan.files {
            fs::rename(raw.0.join(file), folder.0.join(file)).map_err(io("move a wheel to", &folder.0))?;
        }
        Ok(Gathered { folder, plan })
    }

    async fn fetch(&self, lock: &Lock, target: &Target, into: &Path, printer: Printer) -> Outcome<&'static str> {
        #[cfg(feature = "pull")]
        if let Some(index) = self.index.index()? {
            let hear = move |fetched: prism_agent::index::Fetched<'_>| {
                if let prism_agent::index::Fetched::Wheel(file) = fetched {
                    printer.note(format_args!("fetched  {}", Safe::new(file)));
                }
            };
            let most = self.install_bytes.unwrap_or(prism_agent::runner::Limits::default().install_bytes);
            prism_agent::index::fetch(&index, (lock, target), into, most, std::sync::Arc::new(hear)).await?;
            return Ok("the index");
        }
        let _ = (lock, target);
        let tool = Tool::find_pip(&self.python).await.ok_or_else(|| {
            Failure::new(Code::FileMissing, "expected an index or pip to fetch wheels with, found neither")
                .hint("give --index URL, which needs no pip; or install pip, for example python3-pip, or make a virtual environment with python3-venv and name its --python")
        })?;
        printer.note(format_args!("{} fetches the wheels", tool.name()));
        let mut command =
            tool.command(&["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]);
        command.args(["--require-hashes", "--only-binary", ":all:", "--dest"]).arg(into).arg("-r").arg(&self.lock);
        run(tool.name(), command).await.map(|_| tool.name())
    }

    async fn target(&self, lock: &Lock) -> Outcome<Target> {
        let _ = lock;
        #[cfg(feature = "pull")]
        if let Some(version) = &self.python_version {
            return elsewhere(lock, version, self.glibc.as_deref().unwrap_or(GLIBC));
        }
        Ok(Interpreter::find(Some(&self.python)).await?.target)
    }

    fn publish(&self, folder: &Hidden) -> Outcome {
        if self.out.extension().is_some_and(|kind| kind == "zip") {
            let packed = Folder::open(&folder.0)?.pack(Draft::create(&self.out)?)?;
            return Ok(packed.publish()?);
        }
        require_free(&self.out)?;
        fs::rename(&folder.0, &self.out).map_err(io("make", &self.out))
    }
}

/// Last numbers of versions of Python that a version without one stands for; no release has had a higher one.
#[cfg(feature = "pull")]
const MICROS: std::ops::RangeInclusive<u32> = 0..=40;

/// `CPython` of another version on a machine like this one.
#[cfg(feature = "pull")]
fn elsewhere(lock: &Lock, version: &str, glibc: &str) -> Outcome<Target> {
    let usage =
        |what: &str, found: &str| Failure::usage(format!("expected {what}, found {:?}", Safe::new(found).to_string()));
    let numbers = |text: &str| text.split('.').map(|part| part.parse::<u32>().ok()).collect::<Option<Vec<_>>>();
    let (minor, micro) = match numbers(version).as_deref() {
        Some([3, minor]) => (*minor, None),
        Some([3, minor, micro]) => (*minor, Some(*micro)),
        _ => return Err(usage("--python-version such as 3.11 or 3.11.7", version)),
    };
    let Some([major, libc_minor]) = numbers(glibc).and_then(|parts| <[u32; 2]>::try_from(parts).ok()) else {
        return Err(usage("--glibc such as 2.28", glibc));
    };
    let target = |micro: u32| Target {
        full_version: format!("3.{minor}.{micro}"),
        implementation: "cpython".to_owned(),
        abi: Some(format!("cp3{minor}")),
        machine: std::env::consts::ARCH.to_owned(),
        libc: Some(Libc { kind: LibcKind::Glibc, major, minor: libc_minor }),
    };
    let first = target(micro.unwrap_or_default());
    let needed = lock.packages_for(&first)?;
    if micro.is_none() && MICROS.into_iter().any(|micro| lock.packages_for(&target(micro)).as_ref() != Ok(&needed)) {
        return Err(usage(
            "--python-version such as 3.11.7, because the lock's markers ask for the last number",
            version,
        ));
    }
    Ok(first)
}

struct Gathered {
    folder: Hidden,
    plan: Plan,
}

/// A folder in the making, removed with this value unless it was given its final name.
struct Hidden(PathBuf);

impl Hidden {
    fn beside(target: &Path) -> Outcome<Self> {
        let word = draw::<8>(&mut SystemEntropy::default()).map_err(|e| Failure::new(Code::Internal, e.to_string()))?;
        let name = target.file_name().ok_or_else(|| Failure::usage("expected --out with a name, found none"))?;
        let hidden = format!(".{}.{:016x}", name.to_string_lossy(), u64::from_le_bytes(word));
        let path = target.with_file_name(hidden);
        DirBuilder::new().mode(0o755).create(&path).map_err(io("make a folder beside", target))?;
        Ok(Self(path))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn io(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Failure {
    let path = path.to_owned();
    move |source| FileError::Io { verb, path, source }.into()
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for wheel in &self.wheels {
            writeln!(f, "  {}", Safe::new(wheel))?;
        }
        let file = Safe::new(&self.file);
        writeln!(f, "wrote {file}: {} wheels, {}", self.wheels.len(), size(self.bytes))?;
        writeln!(f, "next: requirements = \"{file}\" below [algorithm] in the terms")
    }
}

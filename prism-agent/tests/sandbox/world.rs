//! What every test needs: an interpreter, a program, its datasets, and the outcome of its run.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use prism_agent::runner::{
    Captured, DatasetInput, End, Interpreter, Layer, Layers, Limits, Python, Requirements, ResultLimits, RunError,
    RunOutcome, RunSpec, Runtime, collect_results, run,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// How a test ended, if it did not panic.
pub(crate) enum Verdict {
    Held,
    Skipped(String),
}

/// Ends the test as skipped unless the layers are active here.
#[macro_export]
macro_rules! needs {
    ($($layer:ident),+) => {
        $(if !$crate::world::available().is_active(prism_agent::runner::Layer::$layer) {
            let why = format!("{} is not available here", prism_agent::runner::Layer::$layer);
            return $crate::world::Verdict::Skipped(why);
        })+
    };
}

/// A program, what it gets, and room for its run.
pub(crate) struct World {
    pub(crate) dir: Arc<TempDir>,
    pub(crate) spec: RunSpec,
    pub(crate) cancel: CancellationToken,
}

/// A run that was executed.
pub(crate) struct Ran {
    pub(crate) outcome: RunOutcome,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    _dir: Arc<TempDir>,
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// An interpreter that every situation can reach: without a private root, one below another's home cannot be.
pub(crate) fn interpreter() -> Interpreter {
    static FOUND: OnceLock<Interpreter> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let system = Path::new("/usr/bin/python3");
            let configured = system.exists().then_some(system);
            block_on(Interpreter::find(configured)).expect("python3 is needed for these tests")
        })
        .clone()
}

/// What an ordinary run has here.
pub(crate) fn available() -> &'static Layers {
    static LAYERS: OnceLock<Layers> = OnceLock::new();
    LAYERS.get_or_init(|| World::python("pass").run().outcome.layers)
}

impl World {
    /// A Python program.
    pub(crate) fn python(code: &str) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let algorithm = dir.path().join("program.py");
        fs::write(&algorithm, code).unwrap();
        let runtime = Runtime::Python(Python::new(interpreter(), Requirements::None));
        let mut spec = RunSpec::new(dir.path().join("run"), algorithm, runtime);
        spec.limits = limits();
        Self { dir, spec, cancel: CancellationToken::new() }
    }

    /// A file in `datasets/`.
    pub(crate) fn file(mut self, name: &str, content: &str) -> Self {
        let path = self.dir.path().join(format!("asset-{name}"));
        fs::write(&path, content).unwrap();
        self.spec.datasets.push(DatasetInput::new(name.parse().unwrap(), path));
        self
    }

    /// A folder in `datasets/`.
    pub(crate) fn folder(mut self, name: &str, files: &[(&str, &str)]) -> Self {
        let path = self.dir.path().join(format!("asset-{name}"));
        for (file, content) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        self.spec.datasets.push(DatasetInput::new(name.parse().unwrap(), path));
        self
    }

    pub(crate) fn limit(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.spec.limits);
        self
    }

    pub(crate) fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.spec.args = args.map(str::to_owned).to_vec();
        self
    }

    pub(crate) fn demand(mut self, layer: Layer) -> Self {
        self.spec.required = BTreeSet::from([layer]);
        self
    }

    pub(crate) fn asset(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("asset-{name}"))
    }

    /// Runs it.
    pub(crate) fn run(&self) -> Ran {
        self.attempt().unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) fn attempt(&self) -> Result<Ran, RunError> {
        let outcome = block_on(run(self.spec.clone(), &mut |_| {}, self.cancel.clone()))?;
        let text = |captured: &Captured| {
            let bytes = fs::read(&captured.path).unwrap();
            assert_eq!(prism_core::digest::Digest::sha256(&bytes), captured.digest);
            assert_eq!(bytes.len() as u64, captured.bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let (stdout, stderr) = (text(&outcome.stdout), text(&outcome.stderr));
        Ok(Ran { outcome, stdout, stderr, _dir: self.dir.clone() })
    }
}

impl Ran {
    /// The program ended well; shows what it said if not.
    pub(crate) fn succeeded(self) -> Self {
        self.ended(End::Exited(0))
    }

    pub(crate) fn ended(self, end: End) -> Self {
        assert_eq!(self.outcome.end, end, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert_eq!(self.outcome.survivors, 0);
        self
    }

    /// The text of one result.
    pub(crate) fn result(&self, name: &str) -> String {
        let collected = collect_results(&self.outcome.results, &ResultLimits::default()).unwrap();
        let file = collected.files.iter().find(|file| file.name() == name);
        let file = file.unwrap_or_else(|| panic!("no result {name} in {:?}", collected.files));
        let mut text = String::new();
        file.open().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

/// Small bounds: no test needs more.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.memory_bytes = 512 << 20;
    limits.processes = 64;
    limits.disk_bytes = 64 << 20;
    limits.shm_bytes = 16 << 20;
    limits.output_bytes = 1 << 20;
    limits.wall_seconds = 60;
    limits
}

//! Environments that outlive a run: used as they were made, or not at all.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use prism_agent::index::PackageIndex;
use prism_agent::runner::{
    KeepEnvironments, KeptError, LOCK_NAME, Progress, Python, Requirements, RequirementsError, RunError, RunOutcome,
    Runtime, run,
};
use prism_core::audit::entry::PackagesOrigin;
use prism_core::code::{Code, Coded};

use crate::shelf::{Shelf, authority};
use crate::tests;
use crate::wheel::{Wheel, wheelhouse};
use crate::world::{Verdict, World, block_on, interpreter};

tests!["kept":
    a_second_run_finds_its_environment_and_installs_nothing,
    a_run_cannot_change_a_kept_environment,
    an_environment_that_was_changed_is_refused,
    an_index_is_not_asked_for_what_is_kept,
    a_failed_installation_is_not_kept,
    wheels_of_the_real_world_are_installed_whole,
];

const USE: &str =
    "import prism_probe, subprocess\nprint(prism_probe.VALUE, subprocess.run(['probe'], check=True).returncode)";

/// Tries everything that could change what the next run sees.
const CHANGE: &str = r"
import os, pathlib, prism_probe, sys
for path in [pathlib.Path(sys.prefix), *pathlib.Path(sys.prefix).rglob('*')]:
    for attempt in (lambda: path.chmod(0o777), lambda: os.utime(path), lambda: path.open('a').write('x'),
                    lambda: (path / 'new').touch(), lambda: path.unlink(), lambda: path.rename('moved'),
                    lambda: os.link(path, 'linked'), lambda: os.truncate(path, 0)):
        try: attempt()
        except OSError: pass
print('tried')
";

/// Names a folder with a lock and wheels that somebody published, for instance what `prism requirements wheelhouse` made.
const REAL: &str = "PRISM_TEST_WHEELHOUSE";

/// Compares every installed file with RECORD and imports every package.
const REVIEW: &str = r"
import base64, csv, hashlib, importlib, importlib.metadata as metadata, pathlib, sys
files = 0
for distribution in metadata.distributions():
    for path, digest, _ in csv.reader(distribution.read_text('RECORD').splitlines()):
        content = distribution.locate_file(path).read_bytes()
        right = 'sha256=' + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()
        assert digest in ('', right), path
        files += 1
for name in metadata.packages_distributions():
    if not name.startswith('_') and '.' not in name and not name.endswith('__pycache__'): importlib.import_module(name)
print(len(list(metadata.distributions())) > 0 and files > 0)
";

fn probe() -> Wheel {
    let programs = "[console_scripts]\nprobe = prism_probe:main\n";
    Wheel::probe()
        .replacing("prism_probe.py", "VALUE = 42\ndef main(): pass\n")
        .with("prism_probe-1.0.dist-info/entry_points.txt", programs)
}

/// A place where environments are kept, and wheels.
struct Shop {
    world: World,
    wheels: PathBuf,
    kept: PathBuf,
}

impl Shop {
    fn new() -> Self {
        let world = World::python("");
        let (wheels, kept) = (world.dir.path().join("wheels"), world.dir.path().join("kept"));
        wheelhouse(&wheels, &[probe()]);
        Self { world, wheels, kept }
    }

    /// Another run of the same requirements.
    fn attempt(&self, code: &str) -> (Vec<&'static str>, Result<(RunOutcome, World), RunError>) {
        let mut world = World::python(code);
        let requirements = Requirements::Offline { dir: self.wheels.clone() };
        world.spec.runtime = Runtime::Python(Python::new(interpreter(), requirements));
        world.spec.kept = Some(KeepEnvironments::new(&self.kept));
        let (phases, outcome) = block_on(watched(&world));
        (phases, outcome.map(|outcome| (outcome, world)))
    }

    fn run(&self, code: &str) -> (Vec<&'static str>, String) {
        let (phases, outcome) = self.attempt(code);
        let (outcome, _world) = outcome.unwrap();
        let said = |path: &Path| fs::read_to_string(path).unwrap();
        assert!(outcome.end.is_success(), "{:?} {}", outcome.end, said(&outcome.stderr.path));
        (phases, said(&outcome.stdout.path))
    }

    /// The one environment that is kept.
    fn environment(&self) -> PathBuf {
        let mut found = fs::read_dir(&self.kept).unwrap().map(|entry| entry.unwrap().path());
        let only = found.next().unwrap();
        assert!(found.next().is_none());
        only.join("env")
    }
}

/// Runs it, and tells what happened before.
async fn watched(world: &World) -> (Vec<&'static str>, Result<RunOutcome, RunError>) {
    let mut phases = Vec::new();
    let mut progress = |progress: Progress<'_>| {
        phases.push(match progress {
            Progress::Installing(_) => "installing",
            Progress::Starting(_) => "starting",
            Progress::Reusing => "reusing",
            _ => "another",
        });
    };
    let outcome = run(world.spec.clone(), &mut progress, world.cancel.clone()).await;
    (phases, outcome)
}

fn a_second_run_finds_its_environment_and_installs_nothing() -> Verdict {
    let shop = Shop::new();
    assert_eq!(shop.run(USE), (vec!["installing", "starting"], "42 0\n".to_owned()));
    let made = shop.environment();
    assert_eq!(shop.run(USE), (vec!["reusing", "starting"], "42 0\n".to_owned()));
    // Other wheels are another environment.
    wheelhouse(&shop.wheels, &[probe().with("more.py", "")]);
    assert_eq!(shop.run(USE).0, ["installing", "starting"]);
    assert!(made.exists());
    drop(shop.world);
    Verdict::Held
}

fn a_run_cannot_change_a_kept_environment() -> Verdict {
    let shop = Shop::new();
    assert_eq!(shop.run(CHANGE), (vec!["installing", "starting"], "tried\n".to_owned()));
    assert_eq!(shop.run(CHANGE), (vec!["reusing", "starting"], "tried\n".to_owned()));
    assert_eq!(shop.run(USE), (vec!["reusing", "starting"], "42 0\n".to_owned()));
    Verdict::Held
}

fn an_environment_that_was_changed_is_refused() -> Verdict {
    let refused = |shop: &Shop| match shop.attempt(USE) {
        (phases, Err(RunError::Requirements(error))) => {
            assert!(phases.is_empty(), "{phases:?}");
            *error
        }
        (_, other) => panic!("{:?}", other.map(|(outcome, _)| outcome.end)),
    };
    let shop = Shop::new();
    shop.run(USE);
    let module = format!("lib/python{}/site-packages/prism_probe.py", interpreter().minor_version());
    fs::write(shop.environment().join(module), "VALUE = 41\ndef main(): pass\n").unwrap();
    let changed = refused(&shop);
    assert!(matches!(changed, RequirementsError::Kept(KeptError::Changed { .. })));
    assert_eq!(changed.code(), Code::EnvironmentChanged);
    fs::set_permissions(&shop.kept, Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(refused(&shop), RequirementsError::Kept(KeptError::Exposed { .. })));
    fs::set_permissions(&shop.kept, Permissions::from_mode(0o755)).unwrap();
    fs::remove_dir_all(shop.environment().parent().unwrap()).unwrap();
    assert_eq!(shop.run(USE).0, ["installing", "starting"]);
    // What lost its seal stands in the way of keeping, not of the run.
    fs::remove_file(shop.environment().with_file_name("seal")).unwrap();
    assert_eq!(shop.run(USE), (vec!["installing", "starting"], "42 0\n".to_owned()));
    Verdict::Held
}

fn an_index_is_not_asked_for_what_is_kept() -> Verdict {
    let shop = Shop::new();
    block_on(async {
        let shelf = Shelf::open(&shop.wheels).await;
        let mut index: PackageIndex = shelf.url().parse().unwrap();
        index.extra_roots = vec![authority().root.clone()];
        let mut packages = Vec::new();
        for expected in [["installing", "starting"], ["reusing", "starting"]] {
            let mut world = World::python(USE);
            let (lock, index) = (shop.wheels.join(LOCK_NAME), Box::new(index.clone()));
            world.spec.runtime = Runtime::Python(Python::new(interpreter(), Requirements::Index { lock, index }));
            world.spec.kept = Some(KeepEnvironments::new(&shop.kept));
            let (phases, outcome) = watched(&world).await;
            let outcome = outcome.unwrap();
            assert!(outcome.end.is_success());
            assert_eq!(phases, expected);
            packages.push(outcome.packages.unwrap());
        }
        assert_eq!(shelf.asked().len(), 2);
        assert_eq!([packages[0].origin, packages[1].origin], [PackagesOrigin::Installed, PackagesOrigin::Kept]);
        assert_eq!(packages[0].wheels, packages[1].wheels);
    });
    Verdict::Held
}

fn a_failed_installation_is_not_kept() -> Verdict {
    let shop = Shop::new();
    wheelhouse(&shop.wheels, &[probe().recording(|text| text + "absent.py,,\n")]);
    assert!(matches!(shop.attempt(USE), (_, Err(RunError::Requirements(_)))));
    let left = fs::read_dir(&shop.kept).map(Iterator::count).unwrap_or_default();
    assert_eq!(left, 0);
    Verdict::Held
}

fn wheels_of_the_real_world_are_installed_whole() -> Verdict {
    let Some(wheels) = std::env::var_os(REAL) else {
        return Verdict::Skipped(format!("{REAL} names no wheelhouse"));
    };
    let shop = Shop { wheels: wheels.into(), ..Shop::new() };
    for first in ["installing", "reusing"] {
        let begin = std::time::Instant::now();
        let (phases, said) = shop.run(if first == "installing" { REVIEW } else { "print(True)" });
        assert_eq!((phases, said), (vec![first, "starting"], "True\n".to_owned()));
        println!("{first} took {:?}", begin.elapsed());
    }
    Verdict::Held
}

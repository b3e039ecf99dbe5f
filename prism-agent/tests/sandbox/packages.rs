//! Packages: pinned by hash, installed apart, read-only afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use prism_agent::runner::{
    Interpreter, LOCK_NAME, Layer, LockError, Progress, Python, Requirements, RequirementsError, RunError, Runtime, run,
};
use prism_core::digest::Digest;

use crate::tests;
use crate::world::{Verdict, World, block_on, interpreter};

tests!["packages":
    wheels_are_installed_offline_and_cannot_be_changed_by_the_program,
    a_wheel_with_another_hash_is_refused,
    a_lock_without_hashes_is_refused_before_anything_runs,
    a_package_that_is_not_there_is_refused,
    a_source_package_is_never_built,
    an_index_is_reached_while_installing_and_only_then,
    the_installer_sees_no_dataset,
    without_requirements_the_hosts_packages_are_out_of_sight,
    an_interpreter_below_a_closed_home_works_or_is_refused_clearly,
];

const WHEEL: &str = "prism_probe-1.0-py3-none-any.whl";

/// A wheel as any tool would make it, written by the interpreter's own zipfile.
const MAKE_WHEEL: &str = r#"
import sys, zipfile
info = "prism_probe-1.0.dist-info/"
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("prism_probe.py", "VALUE = 42\n")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: prism-probe\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "RECORD", "prism_probe.py,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n")
"#;

/// Uses the package, then tries to change it.
const USE: &str = "\
import prism_probe, sys
assert prism_probe.VALUE == 42
for path in (prism_probe.__file__, sys.prefix + '/x', sys.prefix + '/bin/x'):
    try: open(path, 'w')
    except OSError: pass
    else: print('changed', path)
import socket
try: socket.socket()
except OSError: print('no network')
";

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new(interpreter().executable);
    command.arg("-I").args(arguments);
    command
}

/// Whether this interpreter can install anything.
fn can_install() -> bool {
    let probe = "import importlib.util as u, sys; sys.exit(not (u.find_spec('pip') or u.find_spec('ensurepip')))";
    python(&["-c", probe]).status().unwrap().success()
}

macro_rules! needs_pip {
    () => {
        if !can_install() {
            return Verdict::Skipped("the interpreter has no pip".to_owned());
        }
    };
}

/// A folder with the wheel and a lock; the result is the wheel's hash.
fn wheelhouse(dir: &Path) -> String {
    fs::create_dir_all(dir).unwrap();
    let wheel = dir.join(WHEEL);
    assert!(python(&["-c", MAKE_WHEEL, wheel.to_str().unwrap()]).status().unwrap().success());
    let hash = Digest::sha256(&fs::read(wheel).unwrap()).to_hex();
    fs::write(dir.join(LOCK_NAME), format!("prism-probe==1.0 \\\n    --hash=sha256:{hash}\n")).unwrap();
    hash
}

fn offline(code: &str) -> (World, PathBuf) {
    let mut world = World::python(code);
    let dir = world.dir.path().join("wheels");
    world.spec.runtime = Runtime::Python(Python::new(interpreter(), Requirements::Offline { dir: dir.clone() }));
    (world, dir)
}

fn refusal(world: &World) -> RequirementsError {
    match world.attempt() {
        Err(RunError::Requirements(error)) => *error,
        other => panic!("{:?}", other.map(|ran| ran.stdout)),
    }
}

fn wheels_are_installed_offline_and_cannot_be_changed_by_the_program() -> Verdict {
    needs_pip!();
    let (world, dir) = offline(USE);
    wheelhouse(&dir);
    assert_eq!(world.run().succeeded().stdout, "no network\n");
    Verdict::Held
}

fn a_wheel_with_another_hash_is_refused() -> Verdict {
    needs_pip!();
    let (world, dir) = offline("print('executed')");
    wheelhouse(&dir);
    fs::write(dir.join(LOCK_NAME), format!("prism-probe==1.0 --hash=sha256:{}\n", "0".repeat(64))).unwrap();
    match refusal(&world) {
        RequirementsError::Failed { complaint, .. } => assert!(complaint.contains("HASH"), "{complaint}"),
        other => panic!("{other:?}"),
    }
    assert!(!world.spec.work.join("stdout").exists());
    Verdict::Held
}

fn a_lock_without_hashes_is_refused_before_anything_runs() -> Verdict {
    let (world, dir) = offline("print('executed')");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(LOCK_NAME), "prism-probe==1.0\n").unwrap();
    assert!(matches!(refusal(&world), RequirementsError::Lock(LockError::NoHash { line: 1 })));
    fs::remove_file(dir.join(LOCK_NAME)).unwrap();
    assert!(matches!(refusal(&world), RequirementsError::Unreadable { .. }));
    assert!(!world.spec.work.join("install-stdout").exists());
    Verdict::Held
}

fn a_package_that_is_not_there_is_refused() -> Verdict {
    needs_pip!();
    let (world, dir) = offline("print('executed')");
    wheelhouse(&dir);
    fs::remove_file(dir.join(WHEEL)).unwrap();
    assert!(matches!(refusal(&world), RequirementsError::Failed { .. }));
    Verdict::Held
}

fn a_source_package_is_never_built() -> Verdict {
    needs_pip!();
    let (world, dir) = offline("print('executed')");
    wheelhouse(&dir);
    fs::remove_file(dir.join(WHEEL)).unwrap();
    let source = dir.join("prism-probe-1.0.tar.gz");
    let make = "import tarfile, io, sys\n\
        t = tarfile.open(sys.argv[1], 'w:gz')\n\
        for n, d in (('setup.py', b'print(\"BUILT\")'), ('PKG-INFO', b'Metadata-Version: 2.1\\nName: prism-probe\\nVersion: 1.0\\n')):\n\
        \x20   i = tarfile.TarInfo('prism-probe-1.0/' + n); i.size = len(d); t.addfile(i, io.BytesIO(d))\n\
        t.close()\n";
    assert!(python(&["-c", make, source.to_str().unwrap()]).status().unwrap().success());
    let hash = Digest::sha256(&fs::read(source).unwrap()).to_hex();
    fs::write(dir.join(LOCK_NAME), format!("prism-probe==1.0 --hash=sha256:{hash}\n")).unwrap();
    match refusal(&world) {
        RequirementsError::Failed { complaint, .. } => assert!(!complaint.contains("BUILT"), "{complaint}"),
        other => panic!("{other:?}"),
    }
    Verdict::Held
}

/// A package index on this host's loopback, gone when dropped.
struct Index(Child);

impl Index {
    fn serve(folder: &Path) -> (Self, String) {
        let mut command = python(&["-u", "-m", "http.server", "0", "--bind", "127.0.0.1"]);
        let mut child = command.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.split(" port ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        (Self(child), format!("http://127.0.0.1:{port}/simple"))
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn an_index_is_reached_while_installing_and_only_then() -> Verdict {
    needs_pip!();
    let mut world = World::python(USE);
    let folder = world.dir.path().join("index");
    let package = folder.join("simple/prism-probe");
    let hash = wheelhouse(&package);
    fs::write(package.join("index.html"), format!("<a href=\"{WHEEL}#sha256={hash}\">{WHEEL}</a>")).unwrap();
    let lock = package.join(LOCK_NAME);
    let (_index, url) = Index::serve(&folder);
    let environment = BTreeMap::from([("PIP_INDEX_URL".to_owned(), url)]);
    world.spec.runtime = Runtime::Python(Python::new(interpreter(), Requirements::Index { lock, environment }));
    let mut seen = Vec::new();
    let mut progress = |progress: Progress<'_>| match progress {
        Progress::Installing(layers) => seen.push(("installing", layers.is_active(Layer::NetworkNamespace))),
        Progress::Starting(layers) => seen.push(("starting", layers.is_active(Layer::NetworkNamespace))),
        _ => {}
    };
    let outcome = block_on(run(world.spec.clone(), &mut progress, world.cancel.clone())).unwrap();
    assert!(outcome.end.is_success());
    assert_eq!(fs::read_to_string(&outcome.stdout.path).unwrap(), "no network\n");
    let isolated = crate::world::available().is_active(Layer::NetworkNamespace);
    assert_eq!(seen, [("installing", false), ("starting", isolated)]);
    Verdict::Held
}

/// A stand-in for pip that looks around instead of installing.
fn the_installer_sees_no_dataset() -> Verdict {
    crate::needs!(MountNamespace);
    needs_pip!();
    let (world, dir) = offline("print('executed')");
    wheelhouse(&dir);
    let secret = world.dir.path().join("asset-h1");
    let world = world.folder("h1", &[("patients.csv", "secret")]);
    // The lock is right and the wheel is not a wheel: what pip prints shows where it ran.
    fs::write(dir.join(WHEEL), fs::read(secret.join("patients.csv")).unwrap()).unwrap();
    let hash = Digest::sha256(b"secret").to_hex();
    fs::write(dir.join(LOCK_NAME), format!("prism-probe==1.0 --hash=sha256:{hash}\n")).unwrap();
    match refusal(&world) {
        RequirementsError::Failed { complaint, .. } => {
            assert!(!complaint.contains("patients") && !complaint.contains("asset-h1"), "{complaint}");
        }
        other => panic!("{other:?}"),
    }
    Verdict::Held
}

fn without_requirements_the_hosts_packages_are_out_of_sight() -> Verdict {
    let ran = World::python(
        "import sys, importlib.util as u\n\
         print([p for p in sys.path if 'packages' in p] == [sys.prefix + f'/lib/python3.{sys.version_info[1]}/site-packages'])\n\
         print(u.find_spec('pip'), sys.prefix != sys.base_prefix)\n",
    )
    .run()
    .succeeded();
    assert_eq!(ran.stdout, "True\nNone True\n");
    Verdict::Held
}

fn an_interpreter_below_a_closed_home_works_or_is_refused_clearly() -> Verdict {
    use std::os::unix::fs::MetadataExt;
    let Ok(found) = block_on(Interpreter::find(None)) else {
        return Verdict::Skipped("no python3 on PATH for this user".to_owned());
    };
    let closed = found.prefix.ancestors().any(|part| fs::metadata(part).is_ok_and(|meta| meta.mode() & 0o001 == 0));
    if !closed {
        return Verdict::Skipped("python3 on PATH lives where everyone can reach it".to_owned());
    }
    let mut world = World::python("import ssl, sqlite3, ctypes; print('works')");
    world.spec.runtime = Runtime::Python(Python::new(found, Requirements::None));
    match world.attempt() {
        Ok(ran) => assert_eq!(ran.succeeded().stdout, "works\n"),
        Err(RunError::Interpreter { reason, .. }) => {
            assert!(!crate::world::available().is_active(Layer::MountNamespace));
            assert_eq!(reason, "EACCES");
        }
        Err(other) => panic!("{other:?}"),
    }
    Verdict::Held
}

//! Packages: pinned by hash, installed apart, read-only afterwards.

use std::fs;
use std::path::PathBuf;

use prism_agent::index::PackageIndex;
use prism_agent::runner::{
    Interpreter, LOCK_NAME, Layer, Progress, Python, Requirements, RequirementsError, RunError, Runtime, run,
};
use prism_core::requirements::LockError;

use crate::shelf::{Act, Shelf, authority};
use crate::tests;
use crate::wheel::{Wheel, wheelhouse, write_lock};
use crate::world::{Verdict, World, block_on, interpreter};

tests!["packages":
    wheels_are_installed_offline_and_cannot_be_changed_by_the_program,
    everything_that_a_wheel_brings_lands_where_python_looks_for_it,
    the_wheel_that_fits_best_is_installed_and_what_is_not_needed_is_not,
    a_file_that_two_wheels_bring_is_the_later_ones,
    a_wheel_with_another_hash_is_refused,
    a_lock_without_hashes_is_refused_before_anything_runs,
    a_package_that_is_not_there_is_refused,
    a_source_package_is_never_built,
    an_index_is_asked_by_the_agent_and_no_sandbox_has_a_network,
    a_stop_ends_downloads_and_leaves_nothing,
    without_requirements_the_hosts_packages_are_out_of_sight,
    an_interpreter_below_a_closed_home_works_or_is_refused_clearly,
];

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

/// A program and the folder that its wheels will be in.
pub(crate) fn offline(code: &str) -> (World, PathBuf) {
    let mut world = World::python(code);
    let dir = world.dir.path().join("wheels");
    world.spec.runtime = Runtime::Python(Python::new(interpreter(), Requirements::Offline { dir: dir.clone() }));
    (world, dir)
}

/// Why nothing was executed.
pub(crate) fn refusal(world: &World) -> RequirementsError {
    match world.attempt() {
        Err(RunError::Requirements(error)) => *error,
        other => panic!("{:?}", other.map(|ran| ran.stdout)),
    }
}

fn wheels_are_installed_offline_and_cannot_be_changed_by_the_program() -> Verdict {
    let (world, dir) = offline(USE);
    wheelhouse(&dir, &[Wheel::probe()]);
    assert_eq!(world.run().succeeded().stdout, "no network\n");
    Verdict::Held
}

/// Looks at everything that was installed.
const LOOK: &str = r#"
import csv, hashlib, base64, importlib.metadata, os, pathlib, subprocess, sys
site = pathlib.Path([p for p in sys.path if p.endswith("site-packages")][0])
distribution = importlib.metadata.distribution("prism-probe")
print(distribution.version, distribution.read_text("INSTALLER").strip())
for path, digest, size in csv.reader(distribution.read_text("RECORD").splitlines()):
    if path == "prism_probe-1.0.dist-info/RECORD":
        assert (digest, size) == ("", "")
        continue
    content = (site / path).read_bytes()
    right = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    assert (digest, size) == (right, str(len(content))), path
print([p for p, _, _ in csv.reader(distribution.read_text("RECORD").splitlines()) if p.startswith("..")])
print(pathlib.Path(sys.prefix, "share/probe/data.txt").read_text(), (site / "extra/tool").stat().st_mode & 0o777 == 0o755)
for program in ("probe-main", "probe-script", sys.prefix + "/bin/more/deep/probe-nested"):
    print(os.path.basename(program), subprocess.run([program, "x y"], capture_output=True, text=True, check=True).stdout.strip())
print(list((site / "__pycache__").glob("prism_probe.*.pyc")) != [], list(site.rglob("*.h")))
"#;

fn everything_that_a_wheel_brings_lands_where_python_looks_for_it() -> Verdict {
    let (world, dir) = offline(LOOK);
    let module = "import sys\nVALUE = 42\nclass Tool:\n    @staticmethod\n    def main():\n        print('called', sys.argv[1], sys.prefix != sys.base_prefix)\n";
    let data = "prism_probe-1.0.data";
    let wheel = Wheel::probe()
        .replacing("prism_probe.py", module)
        .with("old_python_2.py", "print 'no module of ours'\n")
        .with(&format!("{data}/data/share/probe/data.txt"), "data")
        .with(&format!("{data}/platlib/extra/__init__.py"), "")
        .with_mode("extra/tool", "#!/bin/sh\n", 0o100_755)
        .with(&format!("{data}/headers/probe.h"), "int x;\n")
        .with(
            &format!("{data}/scripts/probe-script"),
            "#!python -s\nimport sys, prism_probe\nprint(sys.argv[1], prism_probe.VALUE)\n",
        )
        .with(
            &format!("{data}/scripts/more/deep/probe-nested"),
            "#!python\nimport sys\nprint(sys.argv[1], sys.prefix != sys.base_prefix)\n",
        )
        .with("prism_probe-1.0.dist-info/entry_points.txt", "[console_scripts]\nprobe-main = prism_probe:Tool.main\n");
    wheelhouse(&dir, &[wheel]);
    let expected = "1.0 prism\n\
        ['../../../bin/more/deep/probe-nested', '../../../bin/probe-main', '../../../bin/probe-script', '../../../share/probe/data.txt']\n\
        data True\nprobe-main called x y True\nprobe-script x y 42\nprobe-nested x y True\nTrue []\n";
    assert_eq!(world.run().succeeded().stdout, expected);
    Verdict::Held
}

fn the_wheel_that_fits_best_is_installed_and_what_is_not_needed_is_not() -> Verdict {
    let (world, dir) = offline("import probe; print(probe.MADE_FOR)");
    let target = interpreter().target;
    let own = format!("cp3{0}-cp3{0}-linux_{1}", &target.minor_version()[2..], target.machine);
    let tags = ["py3-none-any", &own, "cp32-cp32m-linux_x86_64", "cp311-cp311-win_amd64"];
    let wheel = |tags: &&str| Wheel::new("probe", tags).with("probe.py", &format!("MADE_FOR = '{tags}'"));
    let hashes: Vec<String> = tags.iter().map(wheel).map(|wheel| wheel.write(&dir)).collect();
    let all = [&[String::new()], hashes.as_slice()].concat().join(" --hash=sha256:");
    let elsewhere = format!("absent==1.0 ; sys_platform == 'win32' --hash=sha256:{}\n", "0".repeat(64));
    fs::write(dir.join(LOCK_NAME), format!("{elsewhere}probe==1.0{all}\n")).unwrap();
    assert_eq!(world.run().succeeded().stdout, format!("{own}\n"));
    // The lock names the wheel for everyone only: it is the one that was agreed on.
    write_lock(&dir, &[("probe", &hashes[0])]);
    let again = offline("import probe; print(probe.MADE_FOR)");
    let mut world = again.0;
    world.spec.runtime = Runtime::Python(Python::new(interpreter(), Requirements::Offline { dir }));
    assert_eq!(world.run().succeeded().stdout, "py3-none-any\n");
    Verdict::Held
}

fn a_file_that_two_wheels_bring_is_the_later_ones() -> Verdict {
    let (world, dir) = offline("import shared; print(shared.NAME)");
    let wheel = |name: &str| Wheel::new(name, "py3-none-any").with("shared.py", &format!("NAME = '{name}'"));
    wheelhouse(&dir, &[wheel("zeta"), wheel("alpha")]);
    assert_eq!(world.run().succeeded().stdout, "zeta\n");
    Verdict::Held
}

fn a_wheel_with_another_hash_is_refused() -> Verdict {
    let (world, dir) = offline("print('executed')");
    let wheel = Wheel::probe();
    wheel.write(&dir);
    write_lock(&dir, &[("prism-probe", &"0".repeat(64))]);
    assert!(matches!(refusal(&world), RequirementsError::HashMismatch { file } if file == wheel.file));
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
    let (world, dir) = offline("print('executed')");
    let hash = Wheel::new("prism_probe", "cp32-cp32m-linux_x86_64").write(&dir);
    write_lock(&dir, &[("prism-probe", &hash)]);
    assert!(matches!(refusal(&world), RequirementsError::NoneFits { package, .. } if package == "prism-probe"));
    fs::remove_file(dir.join("prism_probe-1.0-cp32-cp32m-linux_x86_64.whl")).unwrap();
    // Another version is another package.
    fs::write(dir.join("prism_probe-1.1-py3-none-any.whl"), "").unwrap();
    assert!(matches!(refusal(&world), RequirementsError::Absent { package, .. } if package == "prism-probe"));
    Verdict::Held
}

fn a_source_package_is_never_built() -> Verdict {
    let (world, dir) = offline("print('executed')");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("prism-probe-1.0.tar.gz"), "source").unwrap();
    let hash = prism_core::digest::Digest::sha256(b"source").to_hex();
    write_lock(&dir, &[("prism-probe", &hash)]);
    assert!(matches!(refusal(&world), RequirementsError::SourceOnly { .. }));
    Verdict::Held
}

fn an_index_is_asked_by_the_agent_and_no_sandbox_has_a_network() -> Verdict {
    let mut world = World::python(USE);
    let folder = world.dir.path().join("index");
    wheelhouse(&folder, &[Wheel::probe()]);
    let isolated = crate::world::available().is_active(Layer::NetworkNamespace);
    let mut seen = Vec::new();
    let outcome = block_on(async {
        let shelf = Shelf::open(&folder).await;
        let mut index: PackageIndex = shelf.url().parse().unwrap();
        index.extra_roots = vec![authority().root.clone()];
        let lock = folder.join(LOCK_NAME);
        world.spec.runtime =
            Runtime::Python(Python::new(interpreter(), Requirements::Index { lock, index: Box::new(index) }));
        let mut progress = |progress: Progress<'_>| match progress {
            Progress::Installing(layers) => seen.push(("installing", layers.clone())),
            Progress::Starting(layers) => seen.push(("starting", layers.clone())),
            _ => {}
        };
        run(world.spec.clone(), &mut progress, world.cancel.clone()).await.unwrap()
    });
    assert!(outcome.end.is_success());
    assert_eq!(fs::read_to_string(&outcome.stdout.path).unwrap(), "no network\n");
    let phases: Vec<_> = seen.iter().map(|(phase, _)| *phase).collect();
    assert_eq!(phases, ["installing", "starting"]);
    for (phase, layers) in seen {
        assert!(layers.is_active(Layer::Seccomp), "{phase}");
        assert_eq!(layers.is_active(Layer::NetworkNamespace), isolated, "{phase}");
    }
    Verdict::Held
}

fn a_stop_ends_downloads_and_leaves_nothing() -> Verdict {
    let mut world = World::python("print('executed')");
    let folder = world.dir.path().join("index");
    wheelhouse(&folder, &[Wheel::probe()]);
    let ended = block_on(async {
        let shelf = Shelf::open(&folder).await;
        shelf.plan([Act::Whole, Act::Stall(10)]);
        let mut index: PackageIndex = shelf.url().parse().unwrap();
        index.extra_roots = vec![authority().root.clone()];
        let requirements = Requirements::Index { lock: folder.join(LOCK_NAME), index: Box::new(index) };
        world.spec.runtime = Runtime::Python(Python::new(interpreter(), requirements));
        let stop = async {
            shelf.asked_for(2).await;
            world.cancel.cancel();
        };
        let mut nothing = |_: Progress<'_>| panic!("nothing begins");
        let ended = tokio::join!(run(world.spec.clone(), &mut nothing, world.cancel.clone()), stop);
        ended.0
    });
    assert!(matches!(ended, Err(RunError::Stopped)));
    let left: Vec<_> = fs::read_dir(&world.spec.work).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
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

//! What an algorithm may rely on.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use prism_agent::runner::{End, Layer, Progress, ResultLimits, collect_results, run};

use crate::world::{Verdict, World, block_on};
use crate::{needs, tests};

tests!["contract":
    every_layer_is_reported,
    the_program_finds_its_working_directory_and_a_clean_environment,
    arguments_arrive_without_a_shell,
    datasets_are_readable_and_changing_them_leaves_the_originals_alone,
    a_dataset_can_be_renamed_and_deleted_at_the_top,
    results_may_be_deleted_and_made_again,
    a_folder_runs_from_its_entry,
    worker_processes_and_shared_memory_work,
    links_and_pipes_in_results_stay_inside,
    a_dataset_larger_than_the_disk_limit_can_be_read,
    the_runs_files_on_disk_are_closed_to_other_users,
    a_run_needs_no_particular_runtime,
];

fn every_layer_is_reported() -> Verdict {
    let ran = World::python("import os; print(os.getuid())").run().succeeded();
    let reported: Vec<Layer> = ran.outcome.layers.iter().map(|(layer, _)| layer).collect();
    assert_eq!(reported, Layer::ALL);
    println!("{}", ran.outcome.layers);
    Verdict::Held
}

fn the_program_finds_its_working_directory_and_a_clean_environment() -> Verdict {
    let mut world = World::python(
        "import os, json, tempfile, pathlib, pwd\n\
         home, tmp = pathlib.Path.home(), pathlib.Path(tempfile.gettempdir())\n\
         (home / 'x').write_text('h'); (tmp / 'x').write_text('t')\n\
         assert os.environ['HOME'] == str(home) and os.environ['TMPDIR'] == str(tmp)\n\
         assert sorted(os.listdir('.')) == ['datasets', 'results'], os.listdir('.')\n\
         print(json.dumps(dict(os.environ)))\n",
    );
    world.spec.environment.insert("EPOCHS".to_owned(), "3".to_owned());
    let ran = world.run().succeeded();
    let seen: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(seen["EPOCHS"], "3");
    for name in ["CARGO", "PRISM_TEST_SITUATION", "PIP_CERT", "OLDPWD"] {
        assert!(!seen.contains_key(name), "{name} leaked");
    }
    Verdict::Held
}

fn arguments_arrive_without_a_shell() -> Verdict {
    let ran = World::python("import sys; print(sys.argv[1:])").args(["$(id)", "a b", "{\"x\": [1]}", ""]).run();
    assert_eq!(ran.succeeded().stdout, "['$(id)', 'a b', '{\"x\": [1]}', '']\n");
    Verdict::Held
}

fn datasets_are_readable_and_changing_them_leaves_the_originals_alone() -> Verdict {
    let world = World::python(
        "import os, shutil\n\
         d = 'datasets/h1/'\n\
         assert open(d + 'COVID/1.png').read() == 'one'\n\
         assert open('datasets/iris.csv').read() == 'a,b'\n\
         open(d + 'COVID/1.png', 'a').write(' more')\n\
         os.makedirs(d + 'test/COVID'); shutil.copy(d + 'COVID/1.png', d + 'test/COVID/1.png')\n\
         os.remove(d + 'Normal/2.png'); os.chmod(d + 'COVID/1.png', 0o600)\n\
         open('datasets/iris.csv', 'w').write('gone')\n\
         assert open(d + 'COVID/1.png').read() == 'one more'\n",
    )
    .folder("h1", &[("COVID/1.png", "one"), ("Normal/2.png", "two")])
    .file("iris.csv", "a,b");
    let before = fs::metadata(world.asset("iris.csv")).unwrap();
    world.run().succeeded();
    let read = |name: &str| fs::read_to_string(world.asset("h1").join(name)).unwrap();
    assert_eq!((read("COVID/1.png").as_str(), read("Normal/2.png").as_str()), ("one", "two"));
    assert!(!world.asset("h1").join("test").exists());
    assert_eq!(fs::read_to_string(world.asset("iris.csv")).unwrap(), "a,b");
    let after = fs::metadata(world.asset("iris.csv")).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    assert_eq!(before.permissions(), after.permissions());
    Verdict::Held
}

fn a_dataset_can_be_renamed_and_deleted_at_the_top() -> Verdict {
    let world = World::python(
        "import os, shutil\n\
         os.rename('datasets/wine', 'datasets/wine.zip'); shutil.rmtree('datasets/h1'); os.mkdir('datasets/h1')\n\
         os.mkdir('datasets/unpacked'); open('datasets/h1/new', 'w').write('n')\n\
         assert sorted(os.listdir('datasets')) == ['h1', 'unpacked', 'wine.zip']\n\
         assert os.listdir('datasets/h1') == ['new']\n",
    )
    .file("wine", "w")
    .folder("h1", &[("a/b", "c")]);
    world.run().succeeded();
    assert_eq!(fs::read_to_string(world.asset("h1").join("a/b")).unwrap(), "c");
    Verdict::Held
}

fn results_may_be_deleted_and_made_again() -> Verdict {
    let ran = World::python(
        "import os, shutil\n\
         open('results/old', 'w').write('x'); shutil.rmtree('results'); os.makedirs('results/deep')\n\
         open('results/deep/model', 'w').write('weights')\n",
    )
    .run()
    .succeeded();
    assert_eq!(ran.result("deep/model"), "weights");
    let collected = collect_results(&ran.outcome.results, &ResultLimits::default()).unwrap();
    assert_eq!(collected.files.len(), 1);
    Verdict::Held
}

fn a_folder_runs_from_its_entry() -> Verdict {
    let mut world = World::python("");
    let folder = world.dir.path().join("algorithm");
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("src/part.py"), "VALUE = 42\n").unwrap();
    fs::write(folder.join("src/main.py"), "import part; open('results/v', 'w').write(str(part.VALUE))\n").unwrap();
    world.spec.algorithm = folder;
    world.spec.entry = Some("src/main.py".to_owned());
    assert_eq!(world.run().succeeded().result("v"), "42");
    for entry in ["../program.py", "/etc/passwd", "src", "none.py", ""] {
        world.spec.entry = Some(entry.to_owned());
        assert!(world.attempt().is_err(), "{entry}");
    }
    Verdict::Held
}

fn worker_processes_and_shared_memory_work() -> Verdict {
    needs!(MountNamespace);
    World::python(
        "from concurrent.futures import ProcessPoolExecutor\n\
         from multiprocessing import Lock, shared_memory\n\
         import socket, os\n\
         def square(x): return x * x\n\
         if __name__ == '__main__':\n\
         \x20   with ProcessPoolExecutor(4) as pool: assert list(pool.map(square, range(8)))[7] == 49\n\
         \x20   with Lock(): pass\n\
         \x20   m = shared_memory.SharedMemory(create=True, size=1 << 20); m.close(); m.unlink()\n\
         \x20   a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n\
         \x20   open('/proc/cpuinfo').read(); assert os.cpu_count()\n",
    )
    .run()
    .succeeded();
    Verdict::Held
}

fn links_and_pipes_in_results_stay_inside() -> Verdict {
    let ran = World::python(
        "import os\n\
         os.symlink('/etc/passwd', 'results/passwd'); os.symlink('/', 'results/root'); os.mkfifo('results/pipe')\n\
         open('results/model', 'w').write('m')\n",
    )
    .run()
    .succeeded();
    let collected = collect_results(&ran.outcome.results, &ResultLimits::default()).unwrap();
    assert_eq!(collected.files.iter().map(prism_agent::runner::ResultFile::name).collect::<Vec<_>>(), ["model"]);
    assert_eq!(collected.withheld.special, 3);
    Verdict::Held
}

fn a_dataset_larger_than_the_disk_limit_can_be_read() -> Verdict {
    let world = World::python(
        "import os\n\
         for name in ('datasets/big', 'datasets/folder/big'):\n\
         \x20   assert len(open(name, 'rb').read()) == 48 << 20 and os.access(name, os.W_OK)\n\
         raise SystemExit(3)\n",
    )
    .file("big", "")
    .folder("folder", &[("big", "")])
    .limit(|limits| limits.disk_bytes = 8 << 20);
    for path in [world.asset("big"), world.asset("folder").join("big")] {
        fs::write(path, vec![7; 48 << 20]).unwrap();
    }
    // Copied or not: it is not the run that wrote them. The disk is looked at whenever a program does not end well.
    world.run().ended(End::Exited(3));
    Verdict::Held
}

fn the_runs_files_on_disk_are_closed_to_other_users() -> Verdict {
    let world = World::python("pass").file("iris.csv", "a,b");
    let work = world.spec.work.clone();
    let mut seen = 0;
    let mut look = |_: Progress<'_>| {
        for entry in [work.as_path(), &std::env::temp_dir()].into_iter().flat_map(|dir| fs::read_dir(dir).unwrap()) {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with("prism-run-") {
                seen += 1;
                assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o007, 0, "{entry:?}");
            }
        }
        assert_eq!(fs::metadata(&work).unwrap().permissions().mode() & 0o077, 0);
    };
    block_on(run(world.spec.clone(), &mut look, world.cancel.clone())).unwrap();
    assert!(seen > 0);
    Verdict::Held
}

fn a_run_needs_no_particular_runtime() -> Verdict {
    let world = World::python("import time; time.sleep(0.3)");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(run(world.spec.clone(), &mut |_| {}, world.cancel.clone())).unwrap();
    assert!(outcome.end.is_success());
    Verdict::Held
}

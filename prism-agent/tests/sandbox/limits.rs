//! Programs that take more than they were given: each ends for a reason of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use prism_agent::runner::{End, Layer, LayerState, RunError};
use prism_core::code::{Code, Coded};

use crate::tests;
use crate::world::{Verdict, World, available};

tests!["limits":
    filling_memory_ends_the_run,
    filling_memory_with_many_processes_ends_the_run,
    a_fork_bomb_ends_the_run,
    threads_without_end_end_the_run,
    filling_the_disk_ends_the_run,
    what_is_written_in_datasets_can_have_a_bound_of_its_own,
    a_disk_filled_and_cleared_still_fails_the_writer,
    shared_memory_is_bounded,
    one_huge_file_is_refused,
    open_files_are_bounded,
    talking_without_end_ends_the_run,
    time_ends_the_run,
    a_worker_that_took_too_much_memory_is_told_though_the_program_ended_well,
    a_refused_process_is_told_though_the_program_ended_well,
    what_is_written_to_memory_counts_as_memory,
    what_is_mapped_of_it_counts_once,
    datasets_may_have_more_files_than_a_run_may_make,
    copies_of_datasets_are_no_writing_of_the_run,
    a_copy_for_which_the_disk_has_no_room_is_not_begun,
    time_that_is_over_is_not_given_again,
    the_programs_own_end_is_told_as_it_was,
    processor_time_and_memory_are_reported,
];

fn filling_memory_ends_the_run() -> Verdict {
    World::python(
        "a = []\nwhile True:\n\x20   try: a.append(bytearray(b'x' * (1 << 24)))\n\x20   except MemoryError: pass\n",
    )
    .limit(|limits| limits.memory_bytes = 128 << 20)
    .run()
    .ended(End::MemoryLimit);
    Verdict::Held
}

fn filling_memory_with_many_processes_ends_the_run() -> Verdict {
    World::python(
        "import os\n\
         for _ in range(16):\n\
         \x20   if os.fork() == 0: break\n\
         a = bytearray(b'x' * (24 << 20))\n\
         while True: os.wait() if 0 else __import__('signal').pause()\n",
    )
    .limit(|limits| limits.memory_bytes = 128 << 20)
    .run()
    .ended(End::MemoryLimit);
    Verdict::Held
}

fn a_fork_bomb_ends_the_run() -> Verdict {
    World::python("import os\nwhile True:\n\x20   try: os.fork()\n\x20   except OSError: pass\n")
        .run()
        .ended(End::ProcessLimit);
    Verdict::Held
}

fn threads_without_end_end_the_run() -> Verdict {
    World::python(
        "import threading\n\
         wait = threading.Event().wait\n\
         while True:\n\
         \x20   try: threading.Thread(target=wait, daemon=True).start()\n\
         \x20   except RuntimeError: pass\n",
    )
    .run()
    .ended(End::ProcessLimit);
    Verdict::Held
}

fn filling_the_disk_ends_the_run() -> Verdict {
    for place in ["results/big", "/tmp/big", "datasets/big"] {
        let world = World::python(
            "import os, sys\n\
             path = sys.argv[1].replace('/tmp', os.environ['TMPDIR'])\n\
             f = open(path, 'wb')\n\
             while True: f.write(b'x' * (1 << 20)); f.flush()\n",
        )
        .args([place])
        .limit(|limits| limits.disk_bytes = 32 << 20);
        let ran = world.run();
        // Without a file system of its own, one file is bounded by the kernel before the sum is noticed.
        let by_file_size = ran.outcome.end == End::Exited(1) && ran.stderr.contains("File too large");
        let polled = !ran.outcome.layers.is_active(Layer::MountNamespace);
        assert!(ran.outcome.end == End::DiskLimit || (polled && by_file_size), "{:?} {}", ran.outcome.end, ran.stderr);
    }
    Verdict::Held
}

fn what_is_written_in_datasets_can_have_a_bound_of_its_own() -> Verdict {
    // Writes 8 MiB into one place and waits to be ended, where nothing else says no.
    let writer = "import sys, time\n\
        try:\n\
        \x20   with open(sys.argv[1], 'wb', 0) as out:\n\
        \x20       for _ in range(8): out.write(bytes(1 << 20))\n\
        except OSError: sys.exit(1)\n\
        if sys.argv[2] == 'wait': time.sleep(600)\n";
    let bounded = |place: &str, wait: &str, disk: u64, datasets: u64| {
        let world = World::python(writer).file("big", "").args([place, wait]).limit(|limits| {
            limits.disk_bytes = disk << 20;
            limits.datasets_bytes = Some(datasets << 20);
        });
        fs::write(world.asset("big"), vec![7; 24 << 20]).unwrap();
        world.run()
    };
    bounded("datasets/new", "wait", 64, 4).ended(End::DatasetsLimit);
    bounded("results/new", "wait", 4, 64).ended(End::DiskLimit);
    bounded("datasets/new", "go", 4, 16).succeeded();
    bounded("results/new", "go", 16, 1).succeeded();
    Verdict::Held
}

fn a_disk_filled_and_cleared_still_fails_the_writer() -> Verdict {
    crate::needs!(MountNamespace);
    let ran = World::python(
        "import os\n\
         for name in 'ab':\n\
         \x20   try:\n\
         \x20       with open('results/' + name, 'wb') as f: f.write(bytes(48 << 20))\n\
         \x20   except OSError as error: print(error.strerror)\n\
         \x20   if name == 'b': [os.remove('results/' + n) for n in os.listdir('results')]\n",
    )
    .run();
    assert!(matches!(ran.outcome.end, End::DiskLimit | End::Exited(0)), "{:?}", ran.outcome.end);
    if ran.outcome.end == End::Exited(0) {
        assert_eq!(ran.stdout, "No space left on device\n");
    }
    Verdict::Held
}

fn shared_memory_is_bounded() -> Verdict {
    let ran = World::python(
        "import os\n\
         try:\n\
         \x20   with open('/dev/shm/x', 'wb') as f: f.write(bytes(64 << 20))\n\
         except OSError as error: print(error.strerror)\n",
    )
    .run()
    .succeeded();
    assert!(["No space left on device\n", "Permission denied\n"].contains(&ran.stdout.as_str()), "{}", ran.stdout);
    Verdict::Held
}

fn one_huge_file_is_refused() -> Verdict {
    let ran = World::python(
        "try: open('results/x', 'wb').truncate(1 << 40)\n\
         except OSError as error: print(error.strerror)\n",
    )
    .run()
    .succeeded();
    assert_eq!(ran.stdout, "File too large\n");
    Verdict::Held
}

fn open_files_are_bounded() -> Verdict {
    let ran = World::python(
        "files = []\n\
         try:\n\
         \x20   while True: files.append(open('/dev/null'))\n\
         except OSError as error: print(len(files) < 100, error.strerror)\n",
    )
    .limit(|limits| limits.open_files = 100)
    .run()
    .succeeded();
    assert_eq!(ran.stdout, "True Too many open files\n");
    Verdict::Held
}

fn talking_without_end_ends_the_run() -> Verdict {
    for stream in ["stdout", "stderr"] {
        let ran = World::python("import sys\nwhile True: getattr(sys, sys.argv[1]).write('x' * 4096)\n")
            .args([stream])
            .run()
            .ended(End::OutputLimit);
        assert_eq!(ran.outcome.stdout.bytes.max(ran.outcome.stderr.bytes), 1 << 20);
    }
    Verdict::Held
}

fn time_ends_the_run() -> Verdict {
    let ran = World::python(
        "import signal\n\
         for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM): signal.signal(s, signal.SIG_IGN)\n\
         while True: pass\n",
    )
    .limit(|limits| limits.wall_seconds = 1)
    .run()
    .ended(End::WallLimit);
    assert!(ran.outcome.wall.as_secs() < 5, "{:?}", ran.outcome.wall);
    Verdict::Held
}

/// Whether the kernel itself counts here.
fn by_cgroup(layer: Layer) -> bool {
    matches!(available().get(layer), Some(LayerState::Active(by)) if by.starts_with("cgroup"))
}

fn a_worker_that_took_too_much_memory_is_told_though_the_program_ended_well() -> Verdict {
    if !by_cgroup(Layer::MemoryLimit) {
        return Verdict::Skipped("no memory cgroup is available here".to_owned());
    }
    World::python("import os\nif os.fork() == 0: bytearray(b'x' * (1 << 30))\nos.wait()\n")
        .limit(|limits| limits.memory_bytes = 64 << 20)
        .run()
        .ended(End::MemoryLimit);
    Verdict::Held
}

fn a_refused_process_is_told_though_the_program_ended_well() -> Verdict {
    if !by_cgroup(Layer::ProcessLimit) {
        return Verdict::Skipped("no pids cgroup is available here".to_owned());
    }
    World::python(
        "import os, signal\n\
         try:\n\
         \x20   for _ in range(4):\n\
         \x20       if os.fork() == 0: signal.pause()\n\
         except BlockingIOError: pass\n",
    )
    .limit(|limits| limits.processes = 2)
    .run()
    .ended(End::ProcessLimit);
    Verdict::Held
}

/// Writes 48 MiB to each place, maps them if asked, and waits to be looked at.
const IN_MEMORY: &str = "import mmap, sys, time\n\
    size, maps = 48 << 20, []\n\
    for place in sys.argv[2:]:\n\
    \x20   with open(place, 'wb+') as file:\n\
    \x20       for _ in range(48): file.write(bytes(1 << 20))\n\
    \x20       file.flush()\n\
    \x20       if sys.argv[1] == 'map':\n\
    \x20           mapped = mmap.mmap(file.fileno(), size)\n\
    \x20           sum(mapped[at] for at in range(0, size, 4096))\n\
    \x20           maps.append(mapped)\n\
    time.sleep(1)\n";

fn in_memory(how: &str, places: &[&str], memory: u64) -> World {
    let mut world = World::python(IN_MEMORY).limit(|limits| {
        (limits.memory_bytes, limits.disk_bytes, limits.shm_bytes) = (memory << 20, 128 << 20, 64 << 20);
        limits.datasets_bytes = Some(64 << 20);
    });
    world.spec.args = std::iter::once(how).chain(places.iter().copied()).map(str::to_owned).collect();
    world
}

fn what_is_written_to_memory_counts_as_memory() -> Verdict {
    crate::needs!(MountNamespace);
    for places in [["results/x", "datasets/x"], ["results/x", "/dev/shm/x"], ["datasets/x", "/dev/shm/x"]] {
        in_memory("write", &places, 80).run().ended(End::MemoryLimit);
        in_memory("write", &places, 160).run().succeeded();
    }
    Verdict::Held
}

fn what_is_mapped_of_it_counts_once() -> Verdict {
    crate::needs!(MountNamespace);
    in_memory("map", &["results/x", "/dev/shm/x"], 160).run().succeeded();
    Verdict::Held
}

fn datasets_may_have_more_files_than_a_run_may_make() -> Verdict {
    const FILES: usize = 21_000;
    let count = "import os\nprint(len(os.listdir('datasets/many')))\nopen('datasets/many/7', 'a').write('x')\n";
    let world = World::python(count).folder("many", &[("first", "")]);
    for number in 1..FILES {
        fs::write(world.asset("many").join(number.to_string()), "").unwrap();
    }
    assert_eq!(world.run().succeeded().stdout, format!("{FILES}\n"));
    Verdict::Held
}

/// A helper in whose view of the machine the run's directories lie where no overlay can: on two of them.
const WITHOUT_OVERLAY: &str = r#"#!/bin/sh
exec unshare --mount sh -ec '
    mount -t tmpfs none "$1"
    mkdir "$1/below" "$1/upper" "$1/work" "$1/upper2" "$1/work2"
    mount -t overlay none -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/below"
    mount -t overlay none -o "lowerdir=$1/below,upperdir=$1/upper2,workdir=$1/work2" "$2"
    exec "$3" "$4"
' sh MEMORY RUN PROGRAM "$1"
"#;

/// A helper in whose view the run's directories lie on a disk that is as good as full.
const ON_A_FULL_DISK: &str = r#"#!/bin/sh
exec unshare --mount sh -ec '
    names=$(ls "$2")
    mount -t tmpfs -o size=1m none "$2"
    for name in $names; do mkdir "$2/$name"; done
    exec "$3" "$4"
' sh MEMORY RUN PROGRAM "$1"
"#;

/// Has this program's helper start in a view of the machine that a script makes.
fn in_view(world: &mut World, script: &str) {
    let (helper, memory) = (world.dir.path().join("helper"), world.dir.path().join("memory"));
    fs::create_dir(&memory).unwrap();
    let program = std::env::current_exe().unwrap();
    let text = [("MEMORY", &memory), ("RUN", &world.spec.work), ("PROGRAM", &program)]
        .iter()
        .fold(script.to_owned(), |text, (word, path)| text.replace(word, path.to_str().unwrap()));
    fs::write(&helper, text).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    world.spec.helper = helper.into();
}

fn copies_of_datasets_are_no_writing_of_the_run() -> Verdict {
    crate::needs!(MountNamespace, SeparateUser);
    let copied = |result: &str, datasets: Option<u64>| {
        let mut world = World::python("import sys\nopen('results/x', 'wb').write(bytes(int(sys.argv[1]) << 20))\n");
        world = world.file("big", "").args([result]).limit(|limits| {
            (limits.disk_bytes, limits.datasets_bytes) = (16 << 20, datasets);
        });
        fs::write(world.asset("big"), vec![7; 24 << 20]).unwrap();
        in_view(&mut world, WITHOUT_OVERLAY);
        let ran = world.run();
        assert_eq!(ran.outcome.layers.get(Layer::DatasetsCopy), Some(&LayerState::Active("copy".to_owned())));
        ran
    };
    for datasets in [None, Some(1 << 20)] {
        copied("8", datasets).succeeded();
    }
    copied("17", Some(1 << 20)).ended(End::DiskLimit);
    copied("41", None).ended(End::DiskLimit);
    Verdict::Held
}

fn a_copy_for_which_the_disk_has_no_room_is_not_begun() -> Verdict {
    crate::needs!(MountNamespace, SeparateUser);
    let is_refused = |mut world: World| {
        in_view(&mut world, ON_A_FULL_DISK);
        let refused = world.attempt().err().unwrap();
        assert!(matches!(refused, RunError::NoRoom { .. }), "{refused}");
        assert_eq!(refused.code(), Code::AgentFull);
    };
    let locked = World::python("print()");
    // The run's user may not read it as it is.
    fs::set_permissions(&locked.spec.algorithm, fs::Permissions::from_mode(0o600)).unwrap();
    is_refused(locked);
    // No link leads to another disk, and memory is no place for what the disk has no room for.
    is_refused(World::python("print()").file("h1", "x"));
    Verdict::Held
}

fn time_that_is_over_is_not_given_again() -> Verdict {
    let mut world = World::python("import time\ntime.sleep(600)\n").limit(|limits| limits.wall_seconds = 3600);
    world.spec.spent = world.spec.limits.wall();
    let refused = world.attempt().err().unwrap();
    assert!(matches!(refused, RunError::WallLimit), "{refused}");
    Verdict::Held
}

fn the_programs_own_end_is_told_as_it_was() -> Verdict {
    World::python("raise SystemExit(3)").run().ended(End::Exited(3));
    World::python("raise SystemExit(125)").run().ended(End::Exited(125));
    World::python("import os\nos.kill(os.getpid(), 15)").run().ended(End::Signalled(15));
    World::python("import os\nos.abort()").run().ended(End::Signalled(6));
    let ran = World::python("1 / 0").run().ended(End::Exited(1));
    assert!(ran.stderr.contains("ZeroDivisionError"), "{}", ran.stderr);
    Verdict::Held
}

fn processor_time_and_memory_are_reported() -> Verdict {
    let ran = World::python(
        "import time\n\
         a = bytearray(b'x' * (64 << 20))\n\
         while time.process_time() < 0.3: pass\n",
    )
    .run()
    .succeeded();
    assert!(ran.outcome.cpu.as_millis() >= 300, "{:?}", ran.outcome.cpu);
    assert!(ran.outcome.peak_memory >= 64 << 20, "{}", ran.outcome.peak_memory);
    Verdict::Held
}

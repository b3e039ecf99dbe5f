//! Programs that take more than they were given: each ends for a reason of its own.

use prism_agent::runner::{End, Layer};

use crate::tests;
use crate::world::{Verdict, World};

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
        std::fs::write(world.asset("big"), vec![7; 24 << 20]).unwrap();
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

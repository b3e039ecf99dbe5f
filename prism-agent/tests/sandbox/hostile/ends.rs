//! Programs that take more than they were given, by ways that are not looked at first. Those by the usual ways are in
//! `limits`.

use prism_agent::runner::{End, Layer, Limits};

use super::the_next_run_succeeds;
use crate::world::{Verdict, World, available};

/// What a program says when the system refuses it what it wanted.
const REFUSED: End = End::Exited(7);

/// One way of taking too much.
pub(super) struct TooMuch {
    pub(super) name: &'static str,
    program: &'static str,
    limit: fn(&mut Limits),
    ends: &'static [End],
    needs: Option<Layer>,
}

const fn too_much(name: &'static str, program: &'static str, limit: fn(&mut Limits), ends: &'static [End]) -> TooMuch {
    TooMuch { name, program, limit, ends, needs: None }
}

fn little_memory(limits: &mut Limits) {
    limits.memory_bytes = 128 << 20;
    limits.shm_bytes = 16 << 20;
}

fn little_disk(limits: &mut Limits) {
    limits.disk_bytes = 32 << 20;
}

/// For what only slowly takes it: each folder costs the kernel a way up through all that are above it.
fn little_disk_and_much_time(limits: &mut Limits) {
    little_disk(limits);
    limits.wall_seconds = 1200;
}

fn little_time(limits: &mut Limits) {
    limits.wall_seconds = 1;
}

const MEMORY: &[End] = &[End::MemoryLimit];
const MEMORY_OR_REFUSED: &[End] = &[End::MemoryLimit, REFUSED];

pub(super) fn table() -> Vec<TooMuch> {
    vec![
        too_much("memory that is shared and let go of", SHARED, little_memory, MEMORY_OR_REFUSED),
        too_much("memory in files without a name", MEMFD, little_memory, MEMORY_OR_REFUSED),
        too_much("memory shared through a device", ZERO, little_memory, MEMORY_OR_REFUSED),
        too_much("memory that says where memory is", TABLES, little_memory, MEMORY),
        TooMuch {
            // Without a cgroup, what the kernel keeps for sockets and pipes is bounded by their number alone.
            needs: Some(Layer::Cgroup),
            ..too_much("memory in sockets", SOCKETS, little_memory, MEMORY)
        },
        too_much("disk in files that were removed", REMOVED, little_disk, &[End::DiskLimit]),
        too_much("disk in files that are only mapped", MAPPED, little_disk, &[End::DiskLimit]),
        too_much("disk in a folder that nobody can list", UNLISTED, little_disk, &[End::DiskLimit]),
        too_much("empty files in results", EMPTY_RESULTS, little_disk, &[End::DiskLimit]),
        too_much("empty files beside them", EMPTY_TEMPORARY, little_disk, &[End::DiskLimit]),
        too_much("folders within folders", DEEP, little_disk_and_much_time, &[End::DiskLimit]),
        too_much("processors without end", BUSY, little_time, &[End::WallLimit]),
        too_much("a signal that it ignores", IGNORING, little_time, &[End::WallLimit]),
        too_much("words without lines", WORDS, |limits| limits.output_bytes = 1 << 16, &[End::OutputLimit]),
        too_much("words of many at once", CHORUS, |limits| limits.output_bytes = 1 << 16, &[End::OutputLimit]),
        too_much("children without end", CHILDREN, |limits| limits.processes = 16, &[End::ProcessLimit]),
        too_much(
            "children that it does not bury",
            UNBURIED,
            |limits| limits.processes = 16,
            &[End::ProcessLimit, REFUSED],
        ),
    ]
}

pub(super) fn each_ends_for_its_reason() -> Verdict {
    let mut wrong = Vec::new();
    for TooMuch { name, program, limit, ends, needs } in table() {
        if needs.is_some_and(|layer| !available().is_active(layer)) {
            continue;
        }
        let ran = World::python(program).limit(limit).run();
        let survivors = ran.outcome.survivors;
        if !ends.contains(&ran.outcome.end) || survivors > 0 {
            let (end, said) = (ran.outcome.end, ran.stderr.chars().take(400).collect::<String>());
            wrong.push(format!("{name}: {end:?} instead of {ends:?}, {survivors} survivors: {said}"));
        }
        drop(ran);
        the_next_run_succeeds();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    Verdict::Held
}

const SHARED: &str = "
import mmap, sys
kept = []
while True:
    try: kept.append(mmap.mmap(-1, 1 << 24))
    except OSError: sys.exit(7)
    for at in range(0, 1 << 24, 4096): kept[-1][at] = 1
    kept[-1].madvise(mmap.MADV_DONTNEED)
";

const MEMFD: &str = "
import os, sys
while True:
    try: fd = os.memfd_create('x')
    except OSError: sys.exit(7)
    for _ in range(16): os.write(fd, bytes(1 << 20))
";

const ZERO: &str = "
import mmap, os, sys
kept = []
while True:
    try: fd = os.open('/dev/zero', os.O_RDWR)
    except OSError: sys.exit(7)
    kept.append(mmap.mmap(fd, 1 << 24))
    os.close(fd)
    for at in range(0, 1 << 24, 4096): kept[-1][at] = 1
    kept[-1].madvise(mmap.MADV_DONTNEED)
";

const TABLES: &str = "
import mmap, signal
sparse = mmap.mmap(-1, 1 << 37, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, mmap.PROT_READ)
for at in range(0, 1 << 37, 1 << 21): sparse[at]
signal.pause()
";

const SOCKETS: &str = "
import os, socket, signal
for _ in range(16):
    if os.fork() == 0: break
pairs = []
try:
    while True:
        a, b = socket.socketpair()
        pairs.append((a, b)); a.setblocking(False)
        try:
            while True: a.send(bytes(1 << 16))
        except BlockingIOError: pass
except OSError: signal.pause()
";

const REMOVED: &str = "
import os, signal
kept = []
try:
    for i in range(8):
        kept.append(open(f'results/{i}', 'wb'))
        kept[-1].write(bytes(8 << 20)); kept[-1].flush()
        os.remove(f'results/{i}')
except OSError: pass
signal.pause()
";

const MAPPED: &str = "
import mmap, os, signal
kept = []
try:
    for i in range(8):
        fd = os.open(f'results/{i}', os.O_CREAT | os.O_RDWR)
        os.write(fd, bytes(8 << 20))
        kept.append(mmap.mmap(fd, 8 << 20))
        os.close(fd); os.remove(f'results/{i}')
except OSError: pass
signal.pause()
";

const UNLISTED: &str = "
import os, signal
os.mkdir('results/locked', 0o300)
try:
    for i in range(8): open(f'results/locked/{i}', 'wb').write(bytes(8 << 20))
except OSError: pass
signal.pause()
";

const EMPTY_RESULTS: &str = "
import itertools, os, signal
try:
    for i in itertools.count(): os.close(os.open(f'results/{i}', os.O_CREAT))
except OSError: signal.pause()
";

const EMPTY_TEMPORARY: &str = "
import itertools, os, signal
try:
    for i in itertools.count(): os.mkdir(os.environ['TMPDIR'] + f'/{i}')
except OSError: signal.pause()
";

const DEEP: &str = "
import os, signal
try:
    os.chdir('results')
    while True: os.mkdir('d'); os.chdir('d')
except OSError: signal.pause()
";

const BUSY: &str = "
import os
for _ in range(4):
    if os.fork() == 0: break
while True: pass
";

const IGNORING: &str = "
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: signal.pause()
";

const WORDS: &str = "
import os
while True: os.write(1, b'x' * 997)
";

const CHORUS: &str = "
import os
for _ in range(3): os.fork()
while True: os.write(2, b'\\x1b]0;title\\x07' * 8)
";

const CHILDREN: &str = "
import os, signal
while True:
    try:
        if os.fork() == 0: signal.pause()
    except OSError: pass
";

const UNBURIED: &str = "
import os, sys
while True:
    try:
        if os.fork() == 0: os._exit(0)
    except OSError: sys.exit(7)
";

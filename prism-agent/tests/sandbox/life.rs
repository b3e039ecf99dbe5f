//! Programs that want to live longer than they may: a run's end is the end of all of its processes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use prism_agent::runner::{End, Layer, Progress, RunError, run};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::tests;
use crate::world::{Verdict, World, block_on, interpreter};

tests!["life":
    orphans_that_die_leave_room_for_others,
    a_daemon_does_not_outlive_the_program,
    stopping_ends_the_whole_family_at_once,
    dropping_the_future_ends_the_whole_family,
    killing_the_agent_ends_the_whole_family,
    killing_the_helper_ends_the_whole_family_or_says_that_somebody_may_be_left,
    a_run_stopped_before_its_start_executes_nothing,
    the_report_comes_before_the_programs_first_instruction,
    a_missing_layer_that_is_demanded_executes_nothing,
    a_run_whose_output_cannot_be_kept_was_executed,
    a_run_whose_helper_talks_nonsense_was_executed,
    nothing_of_a_run_stays_on_disk,
];

fn orphans_that_die_leave_room_for_others() -> Verdict {
    // Far more than there may be at a time, one after the other: the program's pace is what is promised to work, because
    // the dead are buried ten times a second.
    let program = "import os, time\n\
        for _ in range(200):\n\
        \x20   child = os.fork()\n\
        \x20   if child == 0:\n\
        \x20       if os.fork() == 0: time.sleep(0.01)\n\
        \x20       os._exit(0)\n\
        \x20   os.waitpid(child, 0); time.sleep(0.01)\n";
    World::python(program).limit(|limits| limits.processes = 48).run().succeeded();
    Verdict::Held
}

/// A family that ignores every polite signal and leaves its session, its parent and its process group. Each member
/// carries the mark in its command line; the last word of each is one byte on stdout, when it is ready. With one argument
/// more it then closes its output, so that nobody waits for more of it.
const FAMILY: &str = "\
import os, signal, sys
for s in range(1, 32):
    if s not in (9, 17, 19): signal.signal(s, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0: os._exit(0)
        break
os.write(1, b'.')
if len(sys.argv) > 2: os.close(1); os.close(2)
while True: signal.pause()
";

/// Members of the family that say a word: the first and three daemons.
const MEMBERS: u64 = 4;

fn mark() -> String {
    let stamp = tempfile::tempdir().unwrap();
    format!("mark-{}", stamp.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.'))
}

fn family(mark: &str) -> World {
    World::python(FAMILY).args([mark])
}

/// Every process with `mark` in its command line, held so that its end can be awaited.
fn marked(mark: &str) -> Vec<(Pid, std::os::fd::OwnedFd)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        let Ok(fd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(mark) {
            found.push((pid, fd));
        }
    }
    found
}

/// The programs of this machine whose file ends with `name`.
pub(crate) fn running(name: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let programs =
        processes.filter_map(|entry| Some(fs::read_link(entry.path().join("exe")).ok()?.display().to_string()));
    programs.filter(|program| program.trim_end_matches(" (deleted)").ends_with(name)).collect()
}

/// How many children this process has.
pub(crate) fn children_of_ours() -> usize {
    children(rustix::process::getpid()).len()
}

fn all_dead(mark: &str) {
    let alive = marked(mark);
    assert!(alive.is_empty(), "still alive: {alive:?}");
}

/// Waits for the end of processes that someone else is ending just now.
fn await_death(members: &[(Pid, std::os::fd::OwnedFd)]) {
    for (pid, fd) in members {
        assert!(ready(fd, 10), "{pid:?} lives on");
    }
}

/// Waits at most some seconds until there is something to read, or the process has ended.
fn ready(fd: &std::os::fd::OwnedFd, seconds: i64) -> bool {
    let patience = Timespec { tv_sec: seconds, tv_nsec: 0 };
    loop {
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&patience)) {
            // The children of earlier tests end whenever they like.
            Err(rustix::io::Errno::INTR) => {}
            result => return result.unwrap() == 1,
        }
    }
}

/// Waits until the captured stdout of the run in `work` has `bytes` bytes.
fn await_output(work: &Path, bytes: u64) {
    let file = work.join("stdout");
    let watch = inotify::init(CreateFlags::CLOEXEC).unwrap();
    let (parent, name) = (work.parent().unwrap(), WatchFlags::CREATE | WatchFlags::MODIFY);
    inotify::add_watch(&watch, parent, name).unwrap();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    loop {
        if work.exists() {
            inotify::add_watch(&watch, work, name).unwrap();
        }
        if fs::metadata(&file).is_ok_and(|meta| meta.len() >= bytes) {
            return;
        }
        assert!(ready(&watch, 60), "no output");
        inotify::Reader::new(&watch, &mut buffer).next().unwrap();
    }
}

fn a_daemon_does_not_outlive_the_program() -> Verdict {
    let mark = mark();
    World::python(
        "import ctypes, os, signal\n\
         for _ in range(5):\n\
         \x20   if os.fork() == 0:\n\
         \x20       os.setsid()\n\
         \x20       if os.fork() == 0:\n\
         \x20           os.close(1); os.close(2)\n\
         \x20           ctypes.CDLL(None).prctl(15, b'\\xff) Z 1')\n\
         \x20           while True: signal.pause()\n\
         \x20       os._exit(0)\n\
         for _ in range(5): os.wait()\n",
    )
    .args([mark.as_str()])
    .run()
    .succeeded();
    all_dead(&mark);
    Verdict::Held
}

fn stopping_ends_the_whole_family_at_once() -> Verdict {
    let mark = mark();
    let world = family(&mark);
    let (cancel, work) = (world.cancel.clone(), world.spec.work.clone());
    let stopper = std::thread::spawn(move || {
        await_output(&work, MEMBERS);
        cancel.cancel();
        std::time::Instant::now()
    });
    let ran = world.run().ended(End::Stopped);
    let took = stopper.join().unwrap().elapsed();
    all_dead(&mark);
    assert!(took.as_secs() < 3, "{took:?}");
    assert_eq!(ran.stdout, "....");
    Verdict::Held
}

fn dropping_the_future_ends_the_whole_family() -> Verdict {
    let mark = mark();
    let world = family(&mark);
    let (spec, cancel) = (world.spec.clone(), world.cancel.clone());
    let members = block_on(async move {
        let task = tokio::spawn(async move { run(spec, &mut |_| {}, cancel).await.map(|_| ()) });
        let work = world.spec.work.clone();
        tokio::task::spawn_blocking(move || await_output(&work, MEMBERS)).await.unwrap();
        let members = marked(&mark);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        members
    });
    assert!(members.len() as u64 >= MEMBERS);
    await_death(&members);
    Verdict::Held
}

const AGENT: &str = "PRISM_TEST_AGENT";

/// This program again, as an agent that does nothing but run the family.
pub(crate) fn agent_main_if_asked() {
    let Some(arguments) = std::env::var_os(AGENT) else { return };
    if let Some(situation) = crate::situation::Situation::of_this_process() {
        situation.enter();
    }
    let arguments = arguments.into_string().unwrap();
    let (mark, work) = arguments.split_once(' ').unwrap();
    let mut world = family(mark);
    world.spec.work = PathBuf::from(work);
    let _ = world.attempt();
    std::process::exit(0);
}

fn killing_the_agent_ends_the_whole_family() -> Verdict {
    let (mark, before) = (mark(), scratches());
    let home = tempfile::tempdir().unwrap();
    let work = home.path().join("run");
    let arguments = format!("{mark} {}", work.display());
    let mut command = Command::new(std::env::current_exe().unwrap());
    let mut agent = command.env(AGENT, arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    await_output(&work, MEMBERS);
    let members = marked(&mark);
    assert!(members.len() as u64 >= MEMBERS);
    let helpers = children(Pid::from_raw(agent.id().cast_signed()).unwrap());
    let hold = |pid: Pid| (pid, rustix::process::pidfd_open(pid, PidfdFlags::empty()).unwrap());
    let helpers: Vec<_> = helpers.into_iter().map(hold).collect();
    assert_eq!(helpers.len(), 1);
    agent.kill().unwrap();
    agent.wait().unwrap();
    await_death(&members);
    // The helper cleans up in the agent's place.
    await_death(&helpers);
    let left: Vec<_> = fs::read_dir(&work).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "stdout" || name == "stderr"), "{left:?}");
    assert_eq!(scratches(), before);
    Verdict::Held
}

fn killing_the_helper_ends_the_whole_family_or_says_that_somebody_may_be_left() -> Verdict {
    let mark = mark();
    let world = World::python(FAMILY).args([mark.as_str(), "quiet"]);
    let work = world.spec.work.clone();
    let me = Pid::from_raw(std::process::id().cast_signed()).unwrap();
    let killer = std::thread::spawn(move || {
        await_output(&work, MEMBERS);
        for helper in children(me) {
            rustix::process::kill_process(helper, Signal::KILL).unwrap();
        }
    });
    let ran = world.run();
    killer.join().unwrap();
    // How the program ended nobody saw.
    assert_eq!(ran.outcome.end, End::SupervisionLost);
    let members = marked(&mark);
    // Without a namespace the kernel ends nobody: the result of a run that may still go on must not be taken.
    let alone = crate::world::available().is_active(Layer::PidNamespace);
    assert_eq!(ran.outcome.survivors, u32::from(!alone));
    for (pid, _) in members.iter().filter(|_| !alone) {
        let _ = rustix::process::kill_process(*pid, Signal::KILL);
    }
    await_death(&members);
    Verdict::Held
}

fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero().get();
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let all: String = lists.collect::<Vec<_>>().join(" ");
    all.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn a_run_stopped_before_its_start_executes_nothing() -> Verdict {
    let world = World::python("print('executed')");
    let cancel = world.cancel.clone();
    let result = block_on(run(world.spec.clone(), &mut |_| cancel.cancel(), world.cancel.clone()));
    assert!(matches!(result, Err(RunError::Stopped)), "{result:?}");
    assert_eq!(fs::read(world.spec.work.join("stdout")).unwrap(), b"");
    Verdict::Held
}

fn the_report_comes_before_the_programs_first_instruction() -> Verdict {
    let world = World::python("print('executed')");
    let stdout = world.spec.work.join("stdout");
    let mut reported = None;
    let mut progress = |progress: Progress<'_>| {
        let Progress::Starting(layers) = progress else { return };
        assert_eq!(fs::metadata(&stdout).map_or(0, |meta| meta.len()), 0);
        reported = Some(layers.clone());
    };
    let outcome = block_on(run(world.spec.clone(), &mut progress, world.cancel.clone())).unwrap();
    assert_eq!(reported.as_ref(), Some(&outcome.layers));
    assert_eq!(outcome.stdout.bytes, 9);
    Verdict::Held
}

fn a_missing_layer_that_is_demanded_executes_nothing() -> Verdict {
    let here = crate::world::available();
    let absent: Vec<Layer> = Layer::ALL.iter().copied().filter(|layer| !here.is_active(*layer)).collect();
    assert!(!absent.is_empty());
    for layer in absent {
        let world = World::python("print('executed')").demand(layer);
        match world.attempt() {
            Err(RunError::LayerMissing { layer: found, layers, .. }) => {
                assert_eq!(found, layer);
                assert!(!layers.is_active(layer));
            }
            other => panic!("{layer}: {:?}", other.map(|ran| ran.stdout)),
        }
        assert_eq!(fs::read(world.spec.work.join("stdout")).unwrap(), b"");
    }
    for (layer, _) in here.iter().filter(|(_, state)| state.is_active()) {
        World::python("pass").demand(layer).run().succeeded();
    }
    Verdict::Held
}

fn a_run_whose_output_cannot_be_kept_was_executed() -> Verdict {
    let world = World::python("import time\nprint('x', flush=True)\ntime.sleep(600)");
    fs::create_dir(&world.spec.work).unwrap();
    std::os::unix::fs::symlink("/dev/full", world.spec.work.join("stdout")).unwrap();
    let outcome = block_on(run(world.spec.clone(), &mut |_| {}, world.cancel.clone())).unwrap();
    assert_eq!((outcome.end, outcome.stdout.bytes), (End::OutputLost, 0));
    assert!(outcome.layers.is_active(Layer::Seccomp));
    Verdict::Held
}

/// A helper that reports a sandbox, is told to go on, and then says what no helper says.
const NONSENSE: &str = r#"
import os, socket
line = socket.socket(fileno=0)
said = line.makefile('rb')
said.readline()
built = b'{"Built":{"layers":{"seccomp":{"state":"active","detail":""}}}}\n'
socket.send_fds(line, [built], [os.open('/', os.O_RDONLY)])
said.readline()
line.sendall(b'nonsense\n')
"#;

fn a_run_whose_helper_talks_nonsense_was_executed() -> Verdict {
    let mut world = World::python("pass");
    let helper = world.dir.path().join("helper");
    let script = format!("#!{}\n{NONSENSE}", interpreter().executable.display());
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, Permissions::from_mode(0o700)).unwrap();
    world.spec.helper = helper.into();
    let outcome = block_on(run(world.spec.clone(), &mut |_| {}, world.cancel.clone())).unwrap();
    assert_eq!(outcome.end, End::SupervisionLost);
    assert!(outcome.layers.is_active(Layer::Seccomp));
    assert_ne!(outcome.survivors, 0, "nobody knows who is left");
    Verdict::Held
}

fn nothing_of_a_run_stays_on_disk() -> Verdict {
    let world = World::python(
        "import os\n\
         os.makedirs('results/deep/er'); open('results/deep/er/x', 'w').write('x'); os.chmod('results/deep', 0)\n",
    )
    .folder("h1", &[("a/b", "c")]);
    let before = scratches();
    let ran = world.run().succeeded();
    drop(ran);
    let left: Vec<_> = fs::read_dir(&world.spec.work).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "stdout" || name == "stderr"), "{left:?}");
    assert_eq!(scratches(), before);
    Verdict::Held
}

fn scratches() -> usize {
    let temporary = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    temporary.filter(|entry| entry.file_name().to_string_lossy().starts_with("prism-run-")).count()
}

//! The table of hostile programs: what each attempts, and what must become of it, in every situation.
//!
//! - [`python`] and [`c`]: attempts that must fail, many in one run, each in a process of its own. Attempts in other
//!   languages belong beside them: a module with a table, and a test that hands it to [`hold`].
//! - [`ends`]: programs that take too much, each with the reason for which its run ends.
//! - [`leavings`]: what programs leave in `results/`, and what of it is taken.
//!
//! After every group an honest program runs.

#[path = "hostile/c.rs"]
mod c;
#[path = "hostile/ends.rs"]
mod ends;
#[path = "hostile/leavings.rs"]
mod leavings;
#[path = "hostile/python.rs"]
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};

use prism_agent::runner::{End, Layer};

use crate::tests;
use crate::world::{Verdict, World};

tests!["hostile":
    every_attempt_in_python_fails,
    every_attempt_in_c_fails,
    the_32_bit_entry_point_ends_the_run,
    whoever_takes_too_much_ends_for_that_reason,
    what_is_left_in_results_is_taken_as_it_is_or_not_at_all,
    nothing_that_begets_and_dies_survives,
    the_table_is_as_long_as_it_says,
];

/// One attempt: its name and its program.
#[derive(Clone, Debug)]
struct Probe {
    name: &'static str,
    code: String,
    needs: Option<Layer>,
}

impl Probe {
    fn new(name: &'static str, code: &str) -> Self {
        Self { name, code: code.to_owned(), needs: None }
    }

    /// What a machine without this layer leaves open, as the runner's documentation says.
    fn only_with(mut self, layer: Layer) -> Self {
        self.needs = Some(layer);
        self
    }

    fn applies(&self) -> bool {
        self.needs.is_none_or(|layer| crate::world::available().is_active(layer))
    }
}

/// What there is outside to get at. Permissions protect none of it: the sandbox must.
struct Outside {
    home: tempfile::TempDir,
    name: String,
    listener: std::net::TcpListener,
    sockets: (UnixListener, UnixListener, UnixDatagram),
    /// A file that the agent forgot to close for others.
    _leak: fs::File,
    before: String,
}

impl Outside {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        for folder in ["state", "sockets", "prism-run-other", "prism-run-other/results"] {
            fs::create_dir(at(folder)).unwrap();
            open_to_all(&at(folder), 0o777);
        }
        open_to_all(home.path(), 0o755);
        for file in ["state/agent.key", "prism-run-other/results/model"] {
            fs::write(at(file), "secret").unwrap();
            open_to_all(&at(file), 0o644);
        }
        let name = home.path().to_str().unwrap().to_owned();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let file = UnixListener::bind(at("sockets/agent")).unwrap();
        open_to_all(&at("sockets/agent"), 0o777);
        let sockets = (file, UnixListener::bind_addr(&address).unwrap(), UnixDatagram::bind_addr(&address).unwrap());
        sockets.2.set_nonblocking(true).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let leak = fs::File::open(at("state/agent.key")).unwrap();
        rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
        let mut outside = Self { home, name, listener, sockets, _leak: leak, before: String::new() };
        outside.before = outside.look();
        outside
    }

    fn at(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Everything about it that a program could change.
    fn look(&self) -> String {
        let mut seen = BTreeMap::new();
        for folder in ["state", "prism-run-other", "prism-run-other/results"] {
            seen.insert(self.at(folder), fs::metadata(self.at(folder)).unwrap().mode().to_string());
            for entry in fs::read_dir(self.at(folder)).unwrap().flatten() {
                let meta = entry.metadata().unwrap();
                let content = fs::read(entry.path()).unwrap_or_default();
                let times = (meta.mtime(), meta.mtime_nsec(), meta.nlink(), meta.uid(), meta.mode());
                seen.insert(entry.path(), format!("{times:?} {content:?}"));
            }
        }
        let me = rustix::process::getpid();
        let state = (
            rustix::process::getpriority_process(Some(me)).unwrap(),
            format!("{:?}", rustix::thread::sched_getaffinity(Some(me)).unwrap()),
            rustix::system::uname().nodename().to_owned(),
            rustix::process::getrlimit(rustix::process::Resource::Nofile),
            fs::read_to_string("/proc/sys/kernel/core_pattern").ok(),
        );
        format!("{seen:?} {state:?}")
    }

    fn as_json(&self) -> String {
        let path = |path: &str| self.at(path).to_str().unwrap().to_owned();
        serde_json::json!({
            "agent": std::process::id(),
            "port": self.listener.local_addr().unwrap().port(),
            "abstract": self.name,
            "socket": path("sockets/agent"),
            "state": path("state"),
            "key": path("state/agent.key"),
            "other": path("prism-run-other"),
            "exe": std::env::current_exe().unwrap(),
        })
        .to_string()
    }

    /// Nothing came through, and nothing changed.
    fn is_untouched(&self) {
        assert_eq!(self.look(), self.before);
        let (file, name, datagrams) = &self.sockets;
        for listener in [file, name] {
            listener.set_nonblocking(true).unwrap();
            assert!(listener.accept().is_err(), "somebody connected");
        }
        assert!(datagrams.recv(&mut [0; 8]).is_err(), "somebody wrote");
        self.listener.set_nonblocking(true).unwrap();
        assert!(self.listener.accept().is_err(), "somebody connected");
    }
}

fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Every attempt was made, and failed: an error, or the end of the process that made it.
fn hold(stdout: &str, names: &[&str]) {
    let mut said: BTreeMap<&str, &str> = stdout.lines().filter_map(|line| line.split_once('\t')).collect();
    let mut wrong = Vec::new();
    for name in names {
        match said.remove(name) {
            Some(outcome) if outcome.starts_with("killed ") => {}
            Some(outcome) if outcome.strip_prefix("held ").is_some_and(|count| count != "0") => {}
            outcome => wrong.push(format!("{name}: {outcome:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(said.is_empty(), "{said:?}");
    assert!(stdout.ends_with("done\n"), "{stdout}");
}

/// An honest program, after all of that.
fn the_next_run_succeeds() {
    let ran = World::python("open('results/model', 'w').write(open('datasets/h1').read())").file("h1", "data").run();
    assert_eq!(ran.succeeded().result("model"), "data");
}

fn every_attempt_in_python_fails() -> Verdict {
    if !cfg!(target_arch = "x86_64") {
        return Verdict::Skipped("the numbers of its system calls are those of x86-64".to_owned());
    }
    let outside = Outside::new();
    let probes: Vec<Probe> = python::table().into_iter().filter(Probe::applies).collect();
    let rows: Vec<(&str, &str)> = probes.iter().map(|probe| (probe.name, probe.code.as_str())).collect();
    let world = World::python(include_str!("hostile/probe.py"))
        .file("probes", &serde_json::to_string(&rows).unwrap())
        .args([outside.as_json().as_str()]);
    let ran = world.run().succeeded();
    let names: Vec<&str> = probes.iter().map(|probe| probe.name).collect();
    hold(&ran.stdout, &names);
    outside.is_untouched();
    the_next_run_succeeds();
    Verdict::Held
}

/// A few bytes of machine code in a page of its own: no compiler is needed.
const MACHINE_CODE: &str = "\
import ctypes, mmap
flags, prot = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
page = mmap.mmap(-1, 4096, flags, prot)
page.write(bytes.fromhex('b814000000' 'cd80' 'c3'))
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
print('before', flush=True)
print('got', call())
";

fn the_32_bit_entry_point_ends_the_run() -> Verdict {
    if !cfg!(target_arch = "x86_64") {
        return Verdict::Skipped("x86-64 only".to_owned());
    }
    let ran = World::python(MACHINE_CODE).run();
    // A kernel without 32-bit programs answers the instruction with SIGSEGV instead.
    assert!(matches!(ran.outcome.end, End::Signalled(31 | 11)), "{:?} {}", ran.outcome.end, ran.stdout);
    assert_eq!(ran.stdout, "before\n");
    Verdict::Held
}

fn every_attempt_in_c_fails() -> Verdict {
    c::every_attempt_fails()
}

fn whoever_takes_too_much_ends_for_that_reason() -> Verdict {
    ends::each_ends_for_its_reason()
}

fn what_is_left_in_results_is_taken_as_it_is_or_not_at_all() -> Verdict {
    leavings::each_is_taken_as_it_is_or_not_at_all()
}

fn nothing_that_begets_and_dies_survives() -> Verdict {
    c::nothing_that_begets_and_dies_survives()
}

fn the_table_is_as_long_as_it_says() -> Verdict {
    let mut names: Vec<&str> = python::table().iter().map(|probe| probe.name).collect();
    names.extend(c::NAMES.iter().chain(leavings::names().iter()));
    names.extend(ends::table().iter().map(|end| end.name));
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "two attempts have one name");
    assert!(all >= 100, "{all}");
    Verdict::Held
}

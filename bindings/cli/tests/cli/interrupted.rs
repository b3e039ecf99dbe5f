//! Ctrl-C, a terminal that goes away, `kill` and limits, in the middle of the work: what was not finished leaves nothing
//! behind, and what the command says is what was done.
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, PipeReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::yield_now;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionread;
use rustix::param::page_size;
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::secrets::{limited, with_program};
use crate::support::{Place, said};

const SIZE: u64 = 64 << 20;
const SEAL: &str = "seal large --to hospital.recipient -o out";
const OPEN: &str = "open large.age --identity hospital.identity -o out";

/// Room for one or two lines of progress, out of ten.
const ROOM: usize = 96;

/// A large file, as it is and sealed.
fn scene() -> Place {
    let place = Place::new();
    File::create(place.path("large")).unwrap().set_len(SIZE).unwrap();
    place.run("keys identity hospital").ok();
    place.run("seal large --to hospital.recipient").ok();
    place
}

fn names(place: &Place) -> Vec<String> {
    let listed = fs::read_dir(place.path(".")).unwrap();
    let mut names: Vec<String> = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A command that a terminal which goes away ends, also where whoever runs the tests outlives theirs.
fn command(place: &Place, line: &str) -> Command {
    with_program("env", &["--default-signal=HUP", env!("CARGO_BIN_EXE_prism")], &bare(place, line))
}

fn bare(place: &Place, line: &str) -> Command {
    place.command(&line.split(' ').collect::<Vec<_>>())
}

/// A command that stands still in the middle of its work, because nobody reads what it says.
struct Held {
    child: Child,
    said: PipeReader,
}

impl Held {
    fn start(mut command: Command) -> Self {
        let (said, mut full) = io::pipe().unwrap();
        fcntl_setpipe_size(&full, page_size()).unwrap();
        let before = page_size() - ROOM;
        full.write_all(&vec![b'.'; before]).unwrap();
        let child = command.stdout(Stdio::null()).stderr(full).spawn().unwrap();
        let mut held = Self { child, said };
        held.wait_until(|held| ioctl_fionread(&held.said).unwrap() > before as u64);
        held
    }

    fn wait_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            assert_eq!(self.child.try_wait().unwrap(), None, "it ended by itself");
            yield_now();
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Asks it to stop and waits until it has heard: then a thread of its own is about to say so.
    fn asked_to_stop(&mut self, signal: Signal) {
        self.signal(signal);
        self.wait_until(|held| {
            let threads = fs::read_dir(format!("/proc/{}/task", held.child.id())).unwrap();
            let names = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
            names.filter(|name| name.starts_with("tokio")).count() > 1
        });
    }

    /// Reads on, so that it can go on, until it ends.
    fn let_go(mut self) -> (ExitStatus, String) {
        let mut text = String::new();
        self.said.read_to_string(&mut text).unwrap();
        (self.child.wait().unwrap(), text.trim_start_matches('.').to_owned())
    }

    /// Waits until it ends, though nobody reads.
    fn ended(mut self) -> ExitStatus {
        let process = pidfd_open(Pid::from_child(&self.child), PidfdFlags::empty()).unwrap();
        let limit = Timespec { tv_sec: 120, tv_nsec: 0 };
        let ended = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)).unwrap();
        assert_eq!(ended, 1, "it goes on");
        self.child.wait().unwrap()
    }
}

#[test]
fn whoever_is_asked_to_stop_writes_nothing_and_says_so() {
    let place = scene();
    let before = names(&place);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for line in [SEAL, OPEN, "seal --rewrap large.age --identity hospital.identity --to hospital.recipient -o out"]
        {
            let mut held = Held::start(command(&place, line));
            held.asked_to_stop(signal);
            let (status, said) = held.let_go();
            assert_eq!(status.code(), Some(130), "{signal:?} {line}: {status} {said}");
            assert!(said.contains("error[cancelled]: interrupted\nhint: nothing was written"), "{said}");
            assert_eq!(names(&place), before, "{signal:?} {line}");
        }
    }
}

#[test]
fn nothing_stays_behind_of_a_command_that_was_killed() {
    let place = scene();
    let before = names(&place);
    for line in [SEAL, OPEN] {
        let mut held = Held::start(command(&place, line));
        held.child.kill().unwrap();
        assert_eq!(held.ended().signal(), Some(9));
        assert_eq!(names(&place), before, "{line}");
    }
}

#[test]
fn whoever_is_asked_twice_does_not_wait_for_the_work() {
    let place = scene();
    let before = names(&place);
    let mut held = Held::start(command(&place, OPEN));
    held.asked_to_stop(Signal::INT);
    held.signal(Signal::HUP);
    assert_eq!(held.ended().code(), Some(130));
    assert_eq!(names(&place), before);
}

#[test]
fn what_is_said_at_the_last_moment_is_what_was_done() {
    let place = scene();
    for line in [OPEN, SEAL] {
        let mut child = command(&place, line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.by_ref().any(|line| line.contains("100 %")));
        // All is read; some of it is not on the disk yet, and it has no name, or has it just now.
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let said: Vec<String> = lines.collect();
        let status = child.wait().unwrap();
        match status.code() {
            Some(0) => assert!(place.path("out").exists(), "{said:?}"),
            code => {
                assert_eq!(code, Some(130), "{status}: {said:?}");
                assert!(!place.path("out").exists(), "{said:?}");
            }
        }
        let _ = fs::remove_file(place.path("out"));
    }
}

#[test]
fn a_command_that_is_meant_to_outlive_its_terminal_does() {
    let place = scene();
    let held = Held::start(with_program("nohup", &[env!("CARGO_BIN_EXE_prism")], &bare(&place, SEAL)));
    held.signal(Signal::HUP);
    let (status, said) = held.let_go();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(place.path("out").exists());
}

/// The command where no file can be without a name, because `/proc` is not there to name it through.
fn without_proc(command: &Command) -> Option<Command> {
    let permitted = Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/proc"]).output();
    if !permitted.is_ok_and(|output| output.status.success()) {
        println!("skipped: user namespaces with a file system of their own are not permitted here");
        return None;
    }
    let program = command.get_program().to_str().unwrap();
    let script = "mount -t tmpfs tmpfs /proc && exec \"$0\" \"$@\"";
    Some(with_program("unshare", &["-Urm", "sh", "-c", script, program], command))
}

#[test]
fn a_file_that_has_to_have_a_name_is_removed_by_whoever_ends_the_work() {
    let place = scene();
    let before = names(&place);
    let Some(mut whole) = without_proc(&command(&place, OPEN)) else { return };
    said(&mut whole).ok();
    assert!(place.read("out") == place.read("large"));
    fs::remove_file(place.path("out")).unwrap();
    for twice in [false, true] {
        let mut held = Held::start(without_proc(&command(&place, OPEN)).unwrap());
        let meanwhile = names(&place);
        assert!(meanwhile.iter().any(|name| name.starts_with(".out.") && name.contains(".draft")), "{meanwhile:?}");
        held.asked_to_stop(Signal::HUP);
        let status = if twice {
            held.signal(Signal::HUP);
            held.ended()
        } else {
            held.let_go().0
        };
        assert_eq!(status.code(), Some(130));
        assert_eq!(names(&place), before, "asked twice: {twice}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_leaves_nothing() {
    let place = scene();
    let before = names(&place);
    for line in [SEAL, OPEN] {
        let failed = said(&mut limited(&command(&place, line), "ulimit -f 8192"));
        failed.refused(1, "file.io");
        assert!(failed.err.contains("too large"), "{}", failed.err);
        assert_eq!(names(&place), before, "{line}");
    }
}

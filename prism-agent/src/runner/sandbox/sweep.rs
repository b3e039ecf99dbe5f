//! Ends what is left of a run where no pid namespace does it: by looking, and faster than it can beget.

use std::collections::BTreeSet;
use std::io::{PipeReader, PipeWriter, Read};

use rustix::process::{Pid, Signal, WaitOptions};

use super::identity::Who;
use super::sys;
use crate::runner::processes::Processes;

/// Rounds of looking and ending before the family is kept from growing, and again before it may grow again.
const ROUNDS: u32 = 50;

/// How often it is kept from growing before giving up.
const ATTEMPTS: u32 = 5;

/// Most processes that keep the family from growing. Where the manifest permits more than these, who begets faster than
/// somebody can look is told as a survivor.
const BALLAST_MAX: u64 = 4096;

/// The user that ends the processes of another: nobody's, so that none of them can signal it first. It lies next to
/// the users of runs.
const EXECUTIONER: u32 = 0x7fff_ffff;

/// Ends and reaps every descendant of this process; the result is how many are left. `most` is the number of tasks at
/// which the kernel refuses the family another one.
pub(super) fn everything(who: &Who, most: u64) -> u32 {
    for attempt in 0..=ATTEMPTS {
        if reap() {
            return 0;
        }
        if !who.separate {
            halt(&BTreeSet::new());
        }
        if (0..ROUNDS).any(|_| round(who, &BTreeSet::new()) == Left::Nobody) {
            return 0;
        }
        if attempt == ATTEMPTS || who.separate {
            // Of a user of its own everybody has been ended at once, many times over.
            break;
        }
        // Processes that beget others and die are gone whenever somebody looks. They cannot where their user has as
        // many as it may have. Who died during one look had no time to beget before the next.
        let (ballast, release) = load(most.min(BALLAST_MAX));
        halt(&ballast);
        let mut quiet = 0;
        for _ in 0..ROUNDS {
            quiet = if round(who, &ballast) == Left::Nothing { quiet + 1 } else { 0 };
            if quiet == 2 {
                break;
            }
        }
        drop(release);
    }
    let left = u32::try_from(descendants().len()).unwrap_or(u32::MAX);
    if reap() { 0 } else { left.max(1) }
}

/// Stops every descendant but for `spared`, until nobody new is seen. Whoever is stopped still counts for the kernel, so a
/// family that begets as fast as it is ended comes to its limit and stands still; the dead would leave it room.
fn halt(spared: &BTreeSet<i32>) {
    let (mut halted, mut quiet) = (spared.clone(), 0);
    for _ in 0..ROUNDS {
        let fresh: Vec<i32> = descendants().difference(&halted).copied().collect();
        quiet = if fresh.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 {
            break;
        }
        for pid in fresh.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            let _ = rustix::process::kill_process(pid, Signal::STOP);
        }
        halted.extend(fresh);
    }
}

/// What one round has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// This process has no child, hence no descendant: orphans come to it at once.
    Nobody,
    /// Nothing was seen but what is spared. Who was born or orphaned meanwhile may have been missed.
    Nothing,
    /// There was something to end.
    Something,
}

/// Looks once, and ends what is there but for `spared`.
fn round(who: &Who, spared: &BTreeSet<i32>) -> Left {
    if reap() {
        return Left::Nobody;
    }
    if who.separate {
        kill_user(who.uid);
    }
    let family: Vec<i32> = descendants().difference(spared).copied().collect();
    for pid in family.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
    if family.is_empty() {
        return Left::Nothing;
    }
    // Orphans of what was just ended come to this process: wait for one of them.
    let _ = rustix::process::wait(WaitOptions::empty());
    Left::Something
}

/// Takes the dead away, so that what is counted and looked at are the living; true when nobody is left.
fn reap() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return false,
            Err(_) => return true,
        }
    }
}

fn descendants() -> BTreeSet<i32> {
    Processes::read().descendants(std::process::id().cast_signed())
}

/// At most `most` processes that do nothing but count; they end when the writer is dropped, or this process dies.
fn load(most: u64) -> (BTreeSet<i32>, Option<PipeWriter>) {
    let mut ballast = BTreeSet::new();
    let Ok((reader, writer)) = std::io::pipe() else { return (ballast, None) };
    let mut writer = Some(writer);
    for _ in 0..most {
        match sys::fork() {
            Ok(Some(pid)) => drop(ballast.insert(pid.as_raw_nonzero().get())),
            Ok(None) => lie(&reader, writer.take()),
            // Nobody else gets another one either.
            Err(_) => break,
        }
    }
    (ballast, writer)
}

/// Lies there until the other end of the pipe is closed.
fn lie(mut reader: &PipeReader, writer: Option<PipeWriter>) -> ! {
    drop(writer);
    let _ = reader.read(&mut [0]);
    std::process::exit(0)
}

/// Ends, in one call and without a race, every process of the run's own user.
fn kill_user(uid: u32) {
    let Ok(child) = sys::fork() else { return };
    let Some(child) = child else {
        let [uid, nobody] = [uid, EXECUTIONER].map(rustix::fs::Uid::from_raw);
        // A container may not have the second one.
        let changed = rustix::thread::set_thread_res_uid(nobody, uid, nobody)
            .or_else(|_| rustix::thread::set_thread_res_uid(uid, uid, uid));
        if changed.is_ok() && rustix::process::geteuid() == uid && !rustix::process::getuid().is_root() {
            let _ = sys::kill_all_of_this_user();
        }
        std::process::exit(0);
    };
    let _ = rustix::process::waitpid(Some(child), WaitOptions::empty());
}

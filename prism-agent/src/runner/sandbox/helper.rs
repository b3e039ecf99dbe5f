//! The helper's own process: leaves the namespaces, starts the first process of the sandbox, and outlives it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};

use super::identity::{self, Who};
use super::line::Line;
use super::wire::{Ended, Message, Order};
use super::{During, Failure, REFUSED, exec, first, namespaces, sweep, sys};
use crate::runner::cgroup;
use crate::runner::layers::{Layer, Layers};
use crate::runner::scratch::remove_tree;

/// The first process says that it will die with the helper; the helper answers.
pub(super) const HELLO: u8 = b'h';

/// Time between two burials of orphans.
const BURIAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The helper's whole life; the result is its exit code.
pub(super) fn main() -> i32 {
    let Ok(mut line) = Line::take() else { return REFUSED };
    let Ok(order) = line.order() else { return REFUSED };
    match serve(line, order) {
        Ok(code) => code,
        Err((line, failure)) => {
            let _ = line.send(&failure.into(), &[]);
            REFUSED
        }
    }
}

fn serve(line: Line, order: Order) -> Result<i32, (Line, Failure)> {
    let (who, layers) = match prepare(&order) {
        Ok(prepared) => prepared,
        Err(failure) => return Err((line, failure)),
    };
    let most = exec::most_tasks(&order, &layers);
    let started = UnixStream::pair().and_then(|pair| Ok((pair, sys::fork()?))).during("start the first process");
    match started {
        Err(failure) => Err((line, failure)),
        Ok(((_, up), None)) => std::process::exit(first::main(first::First { line, order, layers, who, up })),
        Ok(((down, up), Some(pid))) => {
            drop(up);
            let alone = layers.is_active(Layer::PidNamespace);
            let told = watch(&line, pid, down, (!alone).then_some((who, most)));
            if !told {
                // The agent is gone and will not clean up: nothing of the run's may stay on disk.
                std::iter::once(&order.scratch).chain(&order.fallback).for_each(|path| remove_tree(path));
            }
            Ok(i32::from(!told))
        }
    }
}

fn prepare(order: &Order) -> Result<(Who, Layers), Failure> {
    sys::close_on_exec().during("close inherited files at exec")?;
    rustix::process::setsid().during("start a session")?;
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    // Before it starts anything: nothing of the run can be outside the groups.
    cgroup::enter(&order.groups).during("enter the control groups")?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).during("adopt orphans")?;
    let mut layers = order.layers.clone();
    namespaces::leave(&mut layers)?;
    let who = identity::choose(order.uid, &mut layers);
    Ok((who, layers))
}

/// Waits for the end, brings it about when the agent hangs up, sweeps what is left, and reports. False when there is
/// nobody to report to.
fn watch(line: &Line, pid: Pid, mut down: UnixStream, sweep_for: Option<(Who, u64)>) -> bool {
    let status = wait(line, pid, &mut down, sweep_for.is_some());
    let survivors = sweep_for.map_or(0, |(who, most)| sweep::everything(&who, most));
    let (cpu_micros, peak_bytes) = sys::children_usage();
    let relayed = relayed_status(&mut down);
    let (code, signal) = relayed.or(status.map(split)).unwrap_or((None, Some(9)));
    let ended = Ended { code, signal, cpu_micros, peak_bytes, survivors };
    line.send(&Message::Ended(ended), &[]).is_ok()
}

/// Waits for the end of `pid`, or for the agent's hang-up. `adopts` says whether orphans come to this process.
fn wait(line: &Line, pid: Pid, down: &mut UnixStream, adopts: bool) -> Option<WaitStatus> {
    let child = rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok();
    let (pause, mut greeted) = (adopts.then_some(BURIAL), false);
    while let Some(child) = &child {
        let mut fds =
            [PollFd::new(child, PollFlags::IN), PollFd::new(line, PollFlags::RDHUP), PollFd::new(down, PollFlags::IN)];
        // Whoever has greeted may close that line: it would be seen closed again and again.
        let watched = if greeted { 2 } else { 3 };
        if poll(fds.get_mut(..watched).unwrap_or_default(), pause.as_ref()).is_err() {
            continue;
        }
        let [ended, hung_up, greeting] = fds.map(|fd| !fd.revents().is_empty());
        if ended || hung_up {
            break;
        }
        if greeting && !greeted {
            let mut hello = [0];
            greeted = true;
            if matches!(down.read(&mut hello), Ok(1)) && hello == [HELLO] {
                let _ = down.write_all(&hello);
            }
        }
        if let Some(status) = adopts.then(|| bury(pid)).flatten() {
            return Some(status);
        }
    }
    // Ended already, or the agent is gone, or there is no pidfd: in the last case the run ends here, refused.
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    rustix::process::waitpid(Some(pid), WaitOptions::empty()).ok().flatten().map(|(_, status)| status)
}

/// Takes dead orphans away: they count as processes until then. The status of `pid` if it was among the dead.
fn bury(pid: Pid) -> Option<WaitStatus> {
    while let Ok(Some((dead, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if dead == pid {
            return Some(status);
        }
    }
    None
}

/// What the first process of a pid namespace relayed about the program.
fn relayed_status(down: &mut UnixStream) -> Option<(Option<i32>, Option<i32>)> {
    let mut raw = [0; 4];
    down.set_nonblocking(true).ok()?;
    down.read_exact(&mut raw).ok()?;
    Some(unpack(i32::from_le_bytes(raw)))
}

fn split(status: WaitStatus) -> (Option<i32>, Option<i32>) {
    (status.exit_status(), status.terminating_signal())
}

/// A status in one number: an exit code, or a signal below zero.
pub(super) fn pack(status: WaitStatus) -> i32 {
    match split(status) {
        (Some(code), _) => code,
        (None, signal) => -signal.unwrap_or(9),
    }
}

const fn unpack(packed: i32) -> (Option<i32>, Option<i32>) {
    if packed < 0 { (None, Some(-packed)) } else { (Some(packed), None) }
}

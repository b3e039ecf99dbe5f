//! Keeps what a process holds in memory to itself: no core dump, no look by other processes, no swap.
//!
//! Limits and flags belong to the whole process, and a process to its program: this library offers the precautions and
//! takes none by itself. The `prism` command takes them first thing; a program that embeds Prism decides for itself.
//!
//! None of it holds against root or the kernel of the same machine, and none is undone while the process lives.
//! Programs that it executes begin with memory of their own, not locked and open to inspection, and inherit the limits.

use std::fmt;
use std::fs;

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use crate::runner::LayerState;

/// The ids of the initial user namespace, where a capability is what it says.
const EVERY_ID: [&str; 3] = ["0", "0", "4294967295"];

/// Takes the precautions of a program that holds keys: no core dumps, no inspection. Taking them again changes nothing.
#[must_use]
pub fn take() -> Precautions {
    let swaps = Swaps::read();
    let no_swap = if swaps.is_on() {
        LayerState::Off(format!("only an agent locks its memory; {swaps}"))
    } else {
        LayerState::Active(swaps.to_string())
    };
    Precautions { no_core_dumps: no_core_dumps(), no_inspection: no_inspection(), no_swap, swaps }
}

/// Takes the precautions of an agent: those of [`take`], and all memory is locked, also what is allocated later, where
/// this cannot make an allocation fail. Pages are locked when they are first used, so that memory is not filled in
/// advance.
#[must_use]
pub fn take_all() -> Precautions {
    Precautions { no_swap: no_swap(), ..take() }
}

/// What became of each precaution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precautions {
    no_core_dumps: LayerState,
    no_inspection: LayerState,
    no_swap: LayerState,
    swaps: Swaps,
}

impl Precautions {
    /// Each precaution's name and what became of it.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &LayerState)> {
        [("no-core-dumps", &self.no_core_dumps), ("no-inspection", &self.no_inspection), ("no-swap", &self.no_swap)]
            .into_iter()
    }

    /// Logs one line for each; a warning where something can leave memory.
    pub fn log(&self) {
        for (precaution, state) in self.iter() {
            let harmless = precaution == "no-swap" && !self.swaps.is_on();
            if state.is_active() || harmless {
                tracing::info!(precaution, %state, "precaution");
            } else {
                tracing::warn!(precaution, %state, "secrets may leave this process's memory");
            }
        }
    }
}

impl fmt::Display for Precautions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (precaution, state)) in self.iter().enumerate() {
            write!(f, "{}{precaution} {state}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

fn no_core_dumps() -> LayerState {
    // Not 0: a core handler that reads from a pipe is started all the same, unless the limit is exactly 1.
    let most = getrlimit(Resource::Core).maximum.map_or(1, |ceiling| ceiling.min(1));
    let set = setrlimit(Resource::Core, Rlimit { current: Some(most), maximum: Some(most) });
    set.map_or_else(unavailable, |()| LayerState::Active("limit".to_owned()))
}

/// A process that is not dumpable cannot be attached to, and its memory in `/proc` belongs to root.
fn no_inspection() -> LayerState {
    let set = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    set.map_or_else(unavailable, |()| LayerState::Active("not dumpable".to_owned()))
}

fn no_swap() -> LayerState {
    let swaps = Swaps::read();
    if let Some(limit) = lock_limit() {
        return LayerState::Unavailable(format!("only {limit} bytes may be locked; {swaps}"));
    }
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT) {
        Ok(()) => LayerState::Active("memory locked".to_owned()),
        Err(error) => LayerState::Unavailable(format!("{error}; {swaps}")),
    }
}

/// How many bytes may be locked, if there is an end to them: with all memory locked, allocations fail beyond it.
fn lock_limit() -> Option<u64> {
    let before = getrlimit(Resource::Memlock);
    let limit = before.current?;
    let unlimited = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Memlock, unlimited).is_ok() || may_lock_everything() { None } else { Some(limit) }
}

/// Whether this process has the capability to lock memory beyond any limit. In a user namespace of its own, it only
/// seems so.
fn may_lock_everything() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(EVERY_ID)
        && capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK))
}

fn unavailable(error: Errno) -> LayerState {
    LayerState::Unavailable(error.to_string())
}

/// The machine's swap areas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Swaps {
    On(usize),
    Unknown,
}

impl Swaps {
    fn read() -> Self {
        fs::read_to_string("/proc/swaps").map_or(Self::Unknown, |table| Self::parse(&table))
    }

    /// The table has one line for each area below its title.
    fn parse(table: &str) -> Self {
        Self::On(table.lines().skip(1).filter(|line| !line.trim().is_empty()).count())
    }

    /// What is not known may be on.
    const fn is_on(self) -> bool {
        !matches!(self, Self::On(0))
    }
}

impl fmt::Display for Swaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(0) => f.write_str("this machine has no swap"),
            Self::On(_) => f.write_str("this machine has swap on: turn it off with `swapoff -a`"),
            Self::Unknown => f.write_str("/proc/swaps cannot be read: this machine may have swap on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_is_on_unless_the_table_is_known_to_be_empty() {
        let title = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert_eq!(Swaps::parse(title), Swaps::On(0));
        assert!(!Swaps::parse(title).is_on());
        let one = format!("{title}/swapfile                               file\t\t8388604\t\t0\t\t-2\n");
        assert!(Swaps::parse(&one).is_on());
        assert!(Swaps::Unknown.is_on());
    }
}

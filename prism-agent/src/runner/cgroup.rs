//! Limits on all processes of a run together, where the system lets the agent make control groups.

mod hierarchy;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hierarchy::{Hierarchies, Version};

use super::fresh_number;
use super::layers::{Layer, Layers};
use super::spec::Limits;

/// Tasks of the sandbox itself: the helper and the first process.
const OWN_TASKS: u64 = 2;

/// The groups of one run, one for each controller that can be had; removed when dropped.
#[derive(Debug, Default)]
pub(super) struct Cgroup {
    memory: Option<Group>,
    processes: Option<Group>,
    cpu: Option<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    path: PathBuf,
    version: Version,
}

/// A name that no other run's groups have, and that says whose it is.
pub(super) fn name() -> io::Result<String> {
    Ok(format!("prism-{}-{:016x}", std::process::id(), fresh_number()?))
}

/// Removes groups of agents that died before they could. Those of the living, and with processes in them, stay.
fn remove_orphans(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("prism-")?.split_once('-')?.0.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

impl Cgroup {
    /// Makes what groups it can, sets their limits, and reports them.
    pub(super) fn create(name: &str, limits: &Limits, layers: &mut Layers) -> Self {
        let hierarchies = Hierarchies::of_this_process();
        let make = |controller: &str, set: &dyn Fn(&Group) -> io::Result<()>| {
            let (parent, version) = hierarchies.parent(controller)?;
            remove_orphans(&parent);
            let group = Group { path: parent.join(name), version };
            // Under version 2 the controllers share one directory.
            let shared = group.path.exists();
            let made = if shared { Ok(()) } else { fs::create_dir(&group.path) };
            let usable = made.and_then(|()| set(&group)).is_ok();
            if !usable && !shared {
                let _ = fs::remove_dir(&group.path);
            }
            usable.then_some(group)
        };
        let cgroup = Self {
            memory: make("memory", &|group| limit_memory(group, limits)),
            processes: make("pids", &|group| group.write("pids.max", u64::from(limits.processes) + OWN_TASKS)),
            cpu: make("cpu", &|group| limit_cpu(group, limits)),
        };
        cgroup.report(layers);
        cgroup
    }

    fn report(&self, layers: &mut Layers) {
        let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
        let mut missing = Vec::new();
        for (layer, controller, group) in [
            (Layer::CpuLimit, "cpu", &self.cpu),
            (Layer::MemoryLimit, "memory", &self.memory),
            (Layer::ProcessLimit, "pids", &self.processes),
        ] {
            match group {
                Some(group) if layer == Layer::MemoryLimit && !group.bounds_swap(&swaps) => {
                    layers.active(layer, format!("{}, swap not bounded", group.version.name()));
                }
                Some(group) => layers.active(layer, group.version.name()),
                None => missing.push(controller),
            }
        }
        match missing.as_slice() {
            [] => layers.active(Layer::Cgroup, ""),
            missing => layers.unavailable(Layer::Cgroup, format!("no {}", missing.join(", "))),
        }
    }

    /// The files by which a process of one thread enters the groups when it writes `0`. Under version 1 the kernel moves
    /// the thread that asks at once; whoever moves another process waits until every processor has been seen idle.
    pub(super) fn doors(&self) -> BTreeSet<PathBuf> {
        let door = |group: &Group| match group.version {
            Version::One => group.path.join("tasks"),
            Version::Two => group.path.join("cgroup.procs"),
        };
        self.groups().map(door).collect()
    }

    /// Whether the kernel ended a process of the run for lack of memory.
    pub(super) fn ran_out_of_memory(&self) -> bool {
        let events = |group: &Group| match group.version {
            Version::One => group.counter("memory.oom_control", "oom_kill "),
            Version::Two => group.counter("memory.events", "oom_kill "),
        };
        self.memory.as_ref().and_then(events).is_some_and(|count| count > 0)
    }

    /// Whether the kernel refused the run a new process.
    pub(super) fn ran_out_of_processes(&self) -> bool {
        self.processes.as_ref().and_then(|group| group.counter("pids.events", "max ")).is_some_and(|count| count > 0)
    }

    /// Most memory of all processes together, in bytes.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let group = self.memory.as_ref()?;
        let name = match group.version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        };
        fs::read_to_string(group.path.join(name)).ok()?.trim().parse().ok()
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        [&self.memory, &self.processes, &self.cpu].into_iter().flatten()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for group in self.groups() {
            let _ = fs::remove_dir(&group.path);
        }
    }
}

impl Group {
    fn write(&self, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
        write(&self.path.join(name), &value.to_string())
    }

    /// Whether swap counts, too, or there is none in the system's list. The kernel may keep no account of it.
    fn bounds_swap(&self, swaps: &str) -> bool {
        let file = match self.version {
            Version::One => "memory.memsw.limit_in_bytes",
            Version::Two => "memory.swap.max",
        };
        swaps.lines().count() <= 1 || self.path.join(file).exists()
    }

    fn counter(&self, file: &str, field: &str) -> Option<u64> {
        let text = fs::read_to_string(self.path.join(file)).ok()?;
        text.lines().find_map(|line| line.strip_prefix(field))?.trim().parse().ok()
    }
}

/// Moves this process, which has one thread, into the groups with these [doors](Cgroup::doors); all that it will start is
/// in them as well.
pub(super) fn enter(doors: &BTreeSet<PathBuf>) -> io::Result<()> {
    doors.iter().try_for_each(|door| write(door, "0"))
}

/// Writes to a control file, which must exist.
fn write(path: &Path, value: &str) -> io::Result<()> {
    use io::Write;
    fs::OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

fn limit_memory(group: &Group, limits: &Limits) -> io::Result<()> {
    match group.version {
        Version::One => {
            group.write("memory.limit_in_bytes", limits.memory_bytes)?;
            // Absent where the kernel does not account for swap.
            let _ = group.write("memory.memsw.limit_in_bytes", limits.memory_bytes);
        }
        Version::Two => {
            group.write("memory.max", limits.memory_bytes)?;
            let _ = group.write("memory.swap.max", 0);
            let _ = group.write("memory.oom.group", 1);
        }
    }
    Ok(())
}

fn limit_cpu(group: &Group, limits: &Limits) -> io::Result<()> {
    // Microseconds. The kernel refuses a quota below one millisecond.
    const PERIOD: u64 = 100_000;
    let quota = (u64::from(limits.cpu_milli) * PERIOD / 1000).max(1000);
    match group.version {
        Version::One => {
            group.write("cpu.cfs_period_us", PERIOD)?;
            group.write("cpu.cfs_quota_us", quota)
        }
        Version::Two => group.write("cpu.max", format!("{quota} {PERIOD}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_not_there_cannot_be_entered_and_is_not_made() {
        let home = tempfile::tempdir().unwrap();
        let (there, gone) = (home.path().join("tasks"), home.path().join("gone"));
        fs::write(&there, "").unwrap();
        enter(&[there.clone()].into()).unwrap();
        assert_eq!(fs::read_to_string(&there).unwrap(), "0");
        assert_eq!(enter(&[there, gone.clone()].into()).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!gone.exists());
    }

    #[test]
    fn swap_that_nobody_accounts_for_is_not_bounded() {
        let home = tempfile::tempdir().unwrap();
        let group = |version| Group { path: home.path().to_owned(), version };
        let (none, some) = ("Filename Type Size\n", "Filename Type Size\n/swapfile file 4096\n");
        for version in [Version::One, Version::Two] {
            assert!(group(version).bounds_swap(none));
            assert!(!group(version).bounds_swap(some));
        }
        fs::write(home.path().join("memory.swap.max"), "0").unwrap();
        assert!(group(Version::Two).bounds_swap(some));
        assert!(!group(Version::One).bounds_swap(some));
    }
}

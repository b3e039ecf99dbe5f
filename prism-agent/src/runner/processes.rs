//! The processes of this machine, as `/proc` shows them to the agent: parents, tasks, memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// One reading of `/proc`.
#[derive(Debug, Default)]
pub(crate) struct Processes(BTreeMap<i32, Process>);

#[derive(Clone, Copy, Debug)]
struct Process {
    parent: i32,
    tasks: u64,
    resident: u64,
    dead: bool,
}

/// What a family of processes uses together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Processes and threads.
    pub(crate) tasks: u64,
    /// Bytes, shared ones counted once.
    pub(crate) memory: u64,
}

impl Processes {
    /// Reads every process that is there now; those that vanish meanwhile are left out.
    pub(crate) fn read() -> Self {
        let page = rustix::param::page_size() as u64;
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        // A process chooses its own name, and any bytes will do: a name that is no text must not hide it.
        let stat = |pid: i32| Some(String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?).into_owned());
        Self(pids.filter_map(|pid| Some((pid, parse(&stat(pid)?, page)?))).collect())
    }

    /// Every living process below `root`, without `root`.
    pub(crate) fn descendants(&self, root: i32) -> BTreeSet<i32> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, process) in &self.0 {
            children.entry(process.parent).or_default().push(*pid);
        }
        let mut found = BTreeSet::new();
        let mut pending = vec![root];
        while let Some(parent) = pending.pop() {
            for child in children.get(&parent).into_iter().flatten() {
                if found.insert(*child) {
                    pending.push(*child);
                }
            }
        }
        found.retain(|pid| self.0.get(pid).is_some_and(|process| !process.dead));
        found
    }

    /// Processes and threads of one user, as far as they can be seen from here.
    pub(crate) fn tasks_of_user(&self, uid: u32) -> u64 {
        use std::os::unix::fs::MetadataExt;
        let owned = |pid: &i32| fs::metadata(format!("/proc/{pid}")).is_ok_and(|meta| meta.uid() == uid);
        self.0.iter().filter(|(pid, _)| owned(pid)).map(|(_, process)| process.tasks).sum()
    }

    /// What everything below `root` uses, together with `files`, the bytes of its files that are memory. Where the
    /// simple sum exceeds `enough`, shared pages are counted properly.
    pub(crate) fn usage(&self, root: i32, enough: u64, files: u64) -> Usage {
        let family = self.descendants(root);
        let members = || family.iter().filter_map(|pid| Some((*pid, self.0.get(pid)?)));
        let tasks = members().map(|(_, process)| process.tasks).sum();
        let mut memory: u64 = members().map(|(_, process)| process.resident).sum();
        // What maps a page costs memory too, also where the page is the one that is all zeros and costs nothing.
        let tables: u64 = members().filter_map(|(pid, _)| page_tables(pid)).sum();
        let besides = tables.saturating_add(files);
        if memory.saturating_add(besides) > enough {
            memory = members().map(|(pid, process)| proportional(pid, files).unwrap_or(process.resident)).sum();
        }
        Usage { tasks, memory: memory.saturating_add(besides) }
    }
}

/// Parses `/proc/PID/stat`. The name in parentheses may hold anything, so that fields count from the last one.
fn parse(stat: &str, page: u64) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Process {
        dead: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        tasks: fields.get(17)?.parse().ok()?,
        resident: fields.get(21)?.parse::<u64>().ok()?.saturating_mul(page),
    })
}

/// Memory of the tables that say where a process's memory is.
fn page_tables(pid: i32) -> Option<u64> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    kibibytes(&String::from_utf8_lossy(&status), "VmPTE:")
}

/// A line of `/proc` such as `Pss: 12 kB`, in bytes.
fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes.saturating_mul(1024))
}

/// Memory with every shared page divided among those who share it. Pages of files in memory are left out, as far as
/// these are counted themselves.
fn proportional(pid: i32, files: u64) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let mapped = kibibytes(&rollup, "Pss_Shmem:").unwrap_or_default().min(files);
    Some(kibibytes(&rollup, "Pss:")?.saturating_sub(mapped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_imitates_fields_does_not_mislead() {
        let tail = "5 5 0 -1 4194304 0 0 0 0 1 2 0 0 20 0 7 0 100 9999 33 0";
        let process = parse(&format!("42 (x) R 1 (y) S 9 {tail}"), 4096).unwrap();
        assert_eq!((process.parent, process.tasks, process.resident), (9, 7, 33 * 4096));
        assert!(!process.dead);
    }

    #[test]
    fn a_field_is_read_in_bytes() {
        assert_eq!(kibibytes("Name:\tx\nVmPTE:\t      44 kB\n", "VmPTE:"), Some(44 << 10));
        assert_eq!(kibibytes("VmPTE: 44\n", "VmPTE:"), None);
    }

    #[test]
    fn a_family_is_found_whole_and_the_dead_do_not_count() {
        let process = |parent, dead| Process { parent, tasks: 1, resident: 10, dead };
        // Numbers that no process of this machine has.
        let [root, child, dead, orphan, other] = [1, 2, 3, 4, 5].map(|n| n + 10_000_000);
        let all = [
            (root, process(0, false)),
            (child, process(root, false)),
            (dead, process(child, true)),
            (orphan, process(dead, false)),
            (other, process(9, false)),
        ];
        let all = Processes(all.into());
        assert_eq!(all.descendants(root), BTreeSet::from([child, orphan]));
        assert_eq!(all.usage(root, 1 << 20, 5), Usage { tasks: 2, memory: 25 });
    }
}

//! Looks, several times a second, whether a run has crossed a limit that nothing else enforces aloud.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::cgroup::Cgroup;
use super::layers::{Layer, LayerState, Layers};
use super::outcome::End;
use super::processes::Processes;
use super::spec::Limits;

/// Time between two looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);

/// How often the disk is walked, in looks, where it has to be.
const WALK_EVERY: u32 = 5;

/// Bytes below which a file system counts as full.
const NEARLY_FULL: u64 = 64 << 10;

/// What is watched about one run.
#[derive(Debug)]
pub(super) struct Watch {
    helper: i32,
    limits: Limits,
    cgroup: Arc<Cgroup>,
    memory: bool,
    processes: bool,
    disk: Disk,
    looks: u32,
}

/// Directories whose sizes are added up, and the bytes they may have together.
#[derive(Clone, Debug)]
pub(super) struct Walked {
    pub(super) paths: Vec<PathBuf>,
    pub(super) limit: u64,
}

/// How the run's disk space is bounded.
#[derive(Debug)]
enum Disk {
    /// A file system of its own size, known by its working directory.
    Own(OwnedFd),
    /// Directories whose sizes are added up.
    Walk(Walked),
}

impl Watch {
    /// Watches what `layers` says is enforced by polling.
    pub(super) fn new(
        helper: i32,
        limits: &Limits,
        (cgroup, layers): (Arc<Cgroup>, &Layers),
        work: OwnedFd,
        walked: Walked,
    ) -> Self {
        let by_cgroup = |layer| matches!(layers.get(layer), Some(LayerState::Active(by)) if by.starts_with("cgroup"));
        let own_disk = matches!(layers.get(Layer::DiskLimit), Some(LayerState::Active(by)) if by == "tmpfs");
        let disk = if own_disk { Disk::Own(work) } else { Disk::Walk(walked) };
        Self {
            helper,
            limits: *limits,
            cgroup,
            memory: !by_cgroup(Layer::MemoryLimit),
            processes: !by_cgroup(Layer::ProcessLimit),
            disk,
            looks: 0,
        }
    }

    /// Looks once, on a thread that may wait: the limit that is crossed now.
    pub(super) fn look(&mut self) -> Option<End> {
        self.looks = self.looks.wrapping_add(1);
        let walk = self.looks.is_multiple_of(WALK_EVERY);
        self.crossed_by_count().or_else(|| (self.disk.is_cheap() || walk).then(|| self.disk_full()).flatten())
    }

    /// Whether the disk is full, for good or at the end.
    pub(super) fn disk_full(&self) -> Option<End> {
        self.disk.is_full().then_some(End::DiskLimit)
    }

    /// What the control groups have counted; asked at the end too.
    pub(super) fn refused_by_kernel(&self) -> Option<End> {
        if self.cgroup.ran_out_of_memory() {
            return Some(End::MemoryLimit);
        }
        self.cgroup.ran_out_of_processes().then_some(End::ProcessLimit)
    }

    fn crossed_by_count(&self) -> Option<End> {
        if let Some(end) = self.refused_by_kernel() {
            return Some(end);
        }
        if !self.memory && !self.processes {
            return None;
        }
        let usage = Processes::read().usage(self.helper, self.limits.memory_bytes);
        // The sandbox's first process is one of the family, and no task of the program.
        if self.processes && usage.tasks > u64::from(self.limits.processes) + 1 {
            return Some(End::ProcessLimit);
        }
        (self.memory && usage.memory > self.limits.memory_bytes).then_some(End::MemoryLimit)
    }
}

impl Disk {
    const fn is_cheap(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    fn is_full(&self) -> bool {
        match self {
            Self::Own(work) => rustix::fs::fstatvfs(work)
                .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < NEARLY_FULL || disk.f_ffree == 0),
            Self::Walk(Walked { paths, limit }) => size_of_trees(paths.clone(), *limit) > *limit,
        }
    }
}

/// Bytes on disk below some directories, following nothing; stops when there is more than `enough`.
fn size_of_trees(mut pending: Vec<PathBuf>, enough: u64) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut total: u64 = 0;
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            total = total.saturating_add(meta.blocks().saturating_mul(512));
            if meta.is_dir() {
                pending.push(entry.path());
            }
        }
        if total > enough {
            break;
        }
    }
    total
}

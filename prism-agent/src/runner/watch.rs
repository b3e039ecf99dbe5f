//! Looks, several times a second, whether a run has crossed a limit that nothing else enforces aloud.

mod walked;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use super::cgroup::Cgroup;
use super::layers::{Layer, LayerState, Layers};
use super::outcome::End;
use super::processes::Processes;
use super::spec::Limits;
pub(super) use walked::Walked;

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

/// How the run's disk space is bounded.
#[derive(Debug)]
enum Disk {
    /// File systems of their own size, known by the working directory and, if it is one apart, by `datasets/`.
    Own(OwnedFd, Option<OwnedFd>),
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
        let disk = if own_disk { Disk::own(work, limits) } else { Disk::Walk(walked) };
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
        self.disk.is_full(self.helper)
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

/// Whether a file system is as good as full. A small one is full when a smaller rest is left.
fn has_no_room(on: &OwnedFd) -> bool {
    rustix::fs::fstatvfs(on).is_ok_and(|disk| {
        let (rest, whole) = (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
        rest < NEARLY_FULL.min(whole / 16) || disk.f_bavail == 0 || disk.f_ffree == 0
    })
}

impl Disk {
    const fn is_cheap(&self) -> bool {
        matches!(self, Self::Own(..))
    }

    fn own(work: OwnedFd, limits: &Limits) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let datasets = || rustix::fs::openat(&work, "datasets", flags, Mode::empty()).ok();
        let datasets = limits.datasets_bytes.and_then(|_| datasets());
        Self::Own(work, datasets)
    }

    fn is_full(&self, helper: i32) -> Option<End> {
        match self {
            Self::Own(work, datasets) => {
                let full = datasets.as_ref().is_some_and(has_no_room).then_some(End::DatasetsLimit);
                full.or_else(|| has_no_room(work).then_some(End::DiskLimit))
            }
            Self::Walk(walked) => walked.is_full(helper),
        }
    }
}

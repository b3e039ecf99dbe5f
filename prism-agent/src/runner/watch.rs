//! Looks, several times a second, whether a run has crossed a limit that nothing else enforces aloud.

mod walked;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, StatVfs};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::cgroup::Cgroup;
use super::layers::{Layer, LayerState, Layers};
use super::outcome::{End, RunError};
use super::processes::Processes;
use super::spec::{Contents, Limits};
pub(super) use walked::Walked;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(100);

/// Time between two walks over the disk, where it has to be walked.
const WALK_INTERVAL: Duration = Duration::from_millis(500);

/// Bytes below which a file system counts as full.
const NEARLY_FULL: u64 = 64 << 10;

/// Directories of the run that the sandbox helper opened for the agent.
#[derive(Debug)]
pub(super) struct Seen {
    /// The working directory.
    pub(super) work: OwnedFd,
    /// `/dev/shm`, in a run that has one.
    pub(super) shared_memory: Option<OwnedFd>,
}

/// What is watched about one run. Looking goes on in the background, on threads that may wait: whoever waits for what is
/// seen can leave at any time.
#[derive(Debug)]
pub(super) struct Watch(Arc<Watched>);

#[derive(Debug)]
struct Watched {
    helper: i32,
    limits: Limits,
    cgroup: Arc<Cgroup>,
    memory: bool,
    processes: bool,
    disk: Disk,
    /// File systems of the run that are memory, where no control group counts them.
    in_memory: Vec<OwnedFd>,
    /// Bytes on them that the run did not write: copies of its datasets.
    copies: u64,
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
    /// Watches what `layers` says is enforced by polling. Copies of the datasets are no memory of the run's.
    pub(super) fn new(
        helper: i32,
        (limits, datasets): (&Limits, &Contents),
        (cgroup, layers): (Arc<Cgroup>, &Layers),
        seen: Seen,
        walked: Walked,
    ) -> Self {
        let by_cgroup = |layer| matches!(layers.get(layer), Some(LayerState::Active(by)) if by.starts_with("cgroup"));
        let own_disk = matches!(layers.get(Layer::DiskLimit), Some(LayerState::Active(by)) if by == "tmpfs");
        let Seen { work, shared_memory } = seen;
        let disk = if own_disk { Disk::own(work, limits) } else { Disk::Walk(walked) };
        let memory = !by_cgroup(Layer::MemoryLimit);
        let in_memory = if memory { disk.in_memory().chain(shared_memory).collect() } else { Vec::new() };
        let processes = !by_cgroup(Layer::ProcessLimit);
        let are_copies = matches!(layers.get(Layer::DatasetsCopy), Some(LayerState::Active(by)) if by == "copy");
        let copies = if own_disk && are_copies { datasets.bytes } else { 0 };
        Self(Arc::new(Watched { helper, limits: *limits, cgroup, memory, processes, disk, in_memory, copies }))
    }

    /// Looks until a limit is crossed, and says which. A walk over a large disk delays nothing but the next walk.
    pub(super) async fn until_crossed(&self) -> Result<End, RunError> {
        tokio::select! {
            crossed = self.every(INTERVAL, |watched, _| watched.crossed_by_count()) => crossed,
            crossed = self.every(self.0.disk.interval(), Watched::disk_full) => crossed,
        }
    }

    /// The limit that was crossed by a run that has ended, whose largest process had so many bytes.
    pub(super) async fn crossed_at_the_end(&self, peak_bytes: u64) -> Result<Option<End>, RunError> {
        self.look(move |watched, until| watched.crossed_by_the_dead(peak_bytes).or_else(|| watched.disk_full(until)))
            .await
    }

    async fn every(
        &self,
        interval: Duration,
        look: fn(&Watched, &CancellationToken) -> Option<End>,
    ) -> Result<End, RunError> {
        let mut looks = tokio::time::interval(interval);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Some(end) = self.look(look).await? {
                return Ok(end);
            }
        }
    }

    /// Looks once. When this is dropped, what looks is told to give up.
    async fn look<L>(&self, look: L) -> Result<Option<End>, RunError>
    where
        L: FnOnce(&Watched, &CancellationToken) -> Option<End> + Send + 'static,
    {
        let (watched, until) = (Arc::clone(&self.0), CancellationToken::new());
        let _given_up = until.clone().drop_guard();
        let looked = tokio::task::spawn_blocking(move || look(&watched, &until)).await;
        looked.map_err(|_| RunError::Helper { found: "a panic" })
    }
}

impl Watched {
    /// Whether the disk is full; not, if there was no time until then to see it.
    fn disk_full(&self, until: &CancellationToken) -> Option<End> {
        match &self.disk {
            Disk::Own(work, datasets) => {
                let full = datasets.as_ref().is_some_and(has_no_room).then_some(End::DatasetsLimit);
                full.or_else(|| has_no_room(work).then_some(End::DiskLimit))
            }
            Disk::Walk(walked) => walked.is_full(self.helper, until),
        }
    }

    /// What the control groups have counted.
    fn refused_by_kernel(&self) -> Option<End> {
        if self.cgroup.ran_out_of_memory() {
            return Some(End::MemoryLimit);
        }
        self.cgroup.ran_out_of_processes().then_some(End::ProcessLimit)
    }

    fn crossed_by_the_dead(&self, peak_bytes: u64) -> Option<End> {
        let too_large = self.memory && peak_bytes > self.limits.memory_bytes;
        self.refused_by_kernel().or(too_large.then_some(End::MemoryLimit))
    }

    fn crossed_by_count(&self) -> Option<End> {
        if let Some(end) = self.refused_by_kernel() {
            return Some(end);
        }
        if !self.memory && !self.processes {
            return None;
        }
        let files = self.in_memory.iter().map(taken).sum::<u64>().saturating_sub(self.copies);
        let usage = Processes::read().usage(self.helper, self.limits.memory_bytes, files);
        // The sandbox's first process is one of the family, and no task of the program.
        if self.processes && usage.tasks > u64::from(self.limits.processes) + 1 {
            return Some(End::ProcessLimit);
        }
        (self.memory && usage.memory > self.limits.memory_bytes).then_some(End::MemoryLimit)
    }
}

/// Bytes that are taken on a file system.
fn taken(on: &OwnedFd) -> u64 {
    let taken = |disk: StatVfs| disk.f_blocks.saturating_sub(disk.f_bfree).saturating_mul(disk.f_frsize);
    rustix::fs::fstatvfs(on).map_or(0, taken)
}

/// Whether a file system is as good as full. A small one is full when a smaller rest is left.
fn has_no_room(on: &OwnedFd) -> bool {
    rustix::fs::fstatvfs(on).is_ok_and(|disk| {
        let (rest, whole) = (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
        rest < NEARLY_FULL.min(whole / 16) || disk.f_bavail == 0 || disk.f_ffree == 0
    })
}

impl Disk {
    fn own(work: OwnedFd, limits: &Limits) -> Self {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let datasets = || rustix::fs::openat(&work, "datasets", flags, Mode::empty()).ok();
        let datasets = limits.datasets_bytes.and_then(|_| datasets());
        Self::Own(work, datasets)
    }

    const fn interval(&self) -> Duration {
        match self {
            Self::Own(..) => INTERVAL,
            Self::Walk(_) => WALK_INTERVAL,
        }
    }

    /// Those of its file systems that are memory.
    fn in_memory(&self) -> impl Iterator<Item = OwnedFd> {
        let own = match self {
            Self::Own(work, datasets) => [Some(work), datasets.as_ref()],
            Self::Walk(_) => [None, None],
        };
        own.into_iter().flatten().filter_map(|on| on.try_clone().ok())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    static LOOKING: AtomicBool = AtomicBool::new(false);

    /// Looks until it is told to give up.
    fn endless(_: &Watched, until: &CancellationToken) -> Option<End> {
        LOOKING.store(true, Ordering::SeqCst);
        while !until.is_cancelled() {
            std::thread::yield_now();
        }
        None
    }

    #[tokio::test]
    async fn nobody_waits_for_a_look_that_takes_its_time() {
        let (home, layers) = (tempfile::tempdir().unwrap(), Layers::default());
        let work = rustix::fs::open(home.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        let walked = Walked { paths: Vec::new(), limit: 0, files: 0, datasets: None };
        let seen = Seen { work, shared_memory: None };
        let watch = Watch::new(0, (&Limits::default(), &Contents::default()), (Arc::default(), &layers), seen, walked);
        let other = async {
            while !LOOKING.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            crossed = watch.every(INTERVAL, endless) => panic!("{crossed:?}"),
            () = other => {}
        }
        // The runtime ends with this test, which it cannot while anybody looks.
    }
}

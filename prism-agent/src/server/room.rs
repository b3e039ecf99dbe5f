//! Room on the agent's disk: promised to an asset before its first byte comes or is unpacked, looked at again while
//! bytes come.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prism_core::code::{Code, Coded};

use crate::runner::Free;

/// An asset does not fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum NoRoom {
    /// The disk has too little left.
    #[error("expected {needed} free bytes on the agent's disk, found {free}; make room there, then try again")]
    Disk {
        /// What is needed, with what others were promised and what stays free.
        needed: u64,
        /// What the system says is free.
        free: u64,
    },
    /// The disk can hold too few files more.
    #[error("expected room for {needed} more files on the agent's disk, found {free}; make room there, then try again")]
    Files {
        /// What is needed, with what stays free.
        needed: u64,
        /// What the system says is free.
        free: u64,
    },
    /// The configuration permits less.
    #[error(
        "expected assets of at most {most} bytes in all, unpacked too, found {needed}; start an agent that may hold them"
    )]
    Quota {
        /// What the configuration permits.
        most: u64,
        /// What all of them take.
        needed: u64,
    },
    /// The system did not say.
    #[error("expected to learn how much of the agent's disk is free, found: {0}; check the state directory")]
    Unknown(#[source] io::Error),
}

impl Coded for NoRoom {
    fn code(&self) -> Code {
        match self {
            Self::Disk { .. } | Self::Files { .. } | Self::Quota { .. } => Code::AgentFull,
            Self::Unknown(_) => Code::FileIo,
        }
    }
}

/// What is left for assets.
#[derive(Debug)]
pub(crate) struct Room {
    dir: PathBuf,
    most: u64,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Sizes of all assets that have come or are coming.
    total: u64,
    /// What of it is not on the disk yet.
    pending: u64,
}

impl Room {
    /// At most `most` bytes of assets below `dir`.
    pub(crate) fn new(dir: PathBuf, most: u64) -> Arc<Self> {
        Arc::new(Self { dir, most, taken: Mutex::default() })
    }

    /// Promises room for an asset of `size` bytes in so many files.
    ///
    /// # Errors
    /// [`NoRoom`] when there is none.
    pub(crate) fn claim(self: &Arc<Self>, size: u64, files: u64) -> Result<Claim, NoRoom> {
        self.promise(size, size, files)
    }

    /// Promises room for what is no asset, like a result: bytes that the configuration does not count.
    ///
    /// # Errors
    /// [`NoRoom`] when there is none.
    pub(crate) fn lend(self: &Arc<Self>, size: u64, files: u64) -> Result<Claim, NoRoom> {
        self.promise(0, size, files)
    }

    fn promise(self: &Arc<Self>, counted: u64, size: u64, files: u64) -> Result<Claim, NoRoom> {
        let mut taken = self.taken();
        let total = taken.total.saturating_add(counted);
        if total > self.most {
            return Err(NoRoom::Quota { most: self.most, needed: total });
        }
        let pending = taken.pending.saturating_add(size);
        self.require(pending, files)?;
        *taken = Taken { total, pending };
        Ok(Claim { room: Arc::clone(self), counted, size, pending: Mutex::new(size), kept: AtomicBool::new(false) })
    }

    fn require(&self, bytes: u64, files: u64) -> Result<(), NoRoom> {
        fits(Free::at(&self.dir).map_err(NoRoom::Unknown)?, bytes, files)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether so many bytes in so many files fit beside what nothing else takes.
fn fits(found: Free, bytes: u64, files: u64) -> Result<(), NoRoom> {
    let (needed, free) = (bytes.saturating_add(Free::KEPT.bytes), found.bytes);
    if needed > free {
        return Err(NoRoom::Disk { needed, free });
    }
    let (needed, free) = (files.saturating_add(Free::KEPT.files), found.files);
    if needed <= free { Ok(()) } else { Err(NoRoom::Files { needed, free }) }
}

/// Room that was promised to one asset. Dropping it gives it back, unless it is kept.
#[derive(Debug)]
pub(crate) struct Claim {
    room: Arc<Room>,
    /// Bytes that the configuration counts.
    counted: u64,
    size: u64,
    pending: Mutex<u64>,
    kept: AtomicBool,
}

impl Claim {
    /// So many bytes of the asset are on the disk now.
    pub(crate) fn holds(&self, bytes: u64) {
        let left = self.size.saturating_sub(bytes);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = self.room.taken();
        taken.pending = taken.pending.saturating_sub(*pending).saturating_add(left);
        *pending = left;
    }

    /// Whether what is still to come fits on the disk now.
    ///
    /// # Errors
    /// [`NoRoom`] when it does not.
    pub(crate) fn look(&self) -> Result<(), NoRoom> {
        let pending = *self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        self.room.require(pending, 0)
    }

    /// The asset stays as long as the boot.
    pub(crate) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.holds(self.size);
        if !self.kept.load(Ordering::Relaxed) {
            let mut taken = self.room.taken();
            taken.total = taken.total.saturating_sub(self.counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(most: u64) -> (tempfile::TempDir, Arc<Room>) {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::new(dir.path().to_owned(), most);
        (dir, room)
    }

    #[test]
    fn assets_share_what_the_configuration_permits_and_what_is_dropped_is_free_again() {
        let (_dir, room) = room(100);
        let first = room.claim(60, 1).unwrap();
        assert!(matches!(room.claim(41, 1), Err(NoRoom::Quota { most: 100, needed: 101 })));
        let second = room.claim(40, 1).unwrap();
        second.keep();
        drop(second);
        drop(first);
        assert!(room.claim(61, 1).is_err(), "what is kept stays taken");
        assert!(room.claim(60, 1).is_ok());
    }

    #[test]
    fn what_others_were_promised_and_have_not_sent_is_not_free() {
        let (dir, room) = room(u64::MAX);
        let most = Free::at(dir.path()).unwrap().bytes.saturating_sub(Free::KEPT.bytes) / 2;
        let first = room.claim(most, 1).unwrap();
        assert!(matches!(room.claim(most + (most >> 2), 1), Err(NoRoom::Disk { .. })));
        assert!(first.look().is_ok());
        first.holds(most);
        assert!(room.claim(most + (most >> 2), 1).is_ok(), "what has come is not counted twice");
        assert!(matches!(room.claim(u64::MAX / 2, 1), Err(NoRoom::Disk { .. })));
    }

    #[test]
    fn what_is_no_asset_takes_room_on_the_disk_and_nothing_of_what_assets_may_take() {
        let (_dir, room) = room(100);
        let lent = room.lend(1000, 1).unwrap();
        assert!(room.claim(100, 1).is_ok());
        drop(lent);
        assert!(room.claim(100, 1).is_ok());
        assert!(matches!(room.lend(u64::MAX / 2, 1), Err(NoRoom::Disk { .. })));
    }

    #[test]
    fn a_disk_may_have_room_for_bytes_and_none_for_files() {
        let disk = Free { bytes: u64::MAX, files: Free::KEPT.files + 10 };
        assert!(fits(disk, 1 << 40, 10).is_ok());
        let refused = fits(disk, 1 << 40, 11).unwrap_err();
        assert!(matches!(refused, NoRoom::Files { needed, free } if needed == free + 1), "{refused}");
        assert!(matches!(fits(Free { bytes: 1, ..disk }, 0, 0), Err(NoRoom::Disk { free: 1, .. })));
    }
}

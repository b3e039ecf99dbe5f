//! What is free on a disk of the agent's, and what of it the agent keeps for itself.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{StatVfs, fstatvfs, statvfs};
use serde::{Deserialize, Serialize};

/// Bytes and files that a disk has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Free {
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

impl Free {
    /// What nothing else takes: the log has to go on when nothing else can.
    pub(crate) const KEPT: Self = Self { bytes: 16 << 20, files: 1024 };

    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&statvfs(path)?))
    }

    pub(crate) fn on(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::from(&fstatvfs(file)?))
    }
}

impl From<&StatVfs> for Free {
    fn from(disk: &StatVfs) -> Self {
        // Some disks do not count their files.
        let files = if disk.f_files == 0 { u64::MAX } else { disk.f_favail };
        Self { bytes: disk.f_bavail.saturating_mul(disk.f_frsize), files }
    }
}

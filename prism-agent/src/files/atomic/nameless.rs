//! Files without a name: whatever ends the process, the system takes them away with it (`O_TMPFILE`, open(2)).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, linkat, openat, stat};
use rustix::io::Errno;

/// A new file in `folder` that only its owner can read; `None` where the file system or the kernel has no files without
/// a name, or where none could be given later.
pub(super) fn create(folder: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR) {
        Ok(file) if can_be_named(&file) => Ok(Some(file.into())),
        Ok(_) | Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Gives the file a name that nothing has yet.
pub(super) fn link(file: &File, name: &Path) -> io::Result<()> {
    Ok(linkat(CWD, in_proc(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// Without privileges, the way to such a file leads through `/proc`, which is not everywhere.
fn can_be_named(file: &(impl AsFd + AsRawFd)) -> bool {
    match (stat(in_proc(file)), fstat(file)) {
        (Ok(there), Ok(here)) => (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino),
        _ => false,
    }
}

fn in_proc(file: &impl AsRawFd) -> PathBuf {
    Path::new("/proc/self/fd").join(file.as_raw_fd().to_string())
}

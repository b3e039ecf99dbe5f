//! The few system calls without a safe wrapper. The helper is single-threaded; everything here relies on it.
#![expect(unsafe_code, reason = "fork and three system calls have no safe wrapper; each block says why it is sound")]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::process::Pid;
use rustix::thread::UnshareFlags;

/// Forks. `None` in the child.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the helper has one thread (it runs before the host program starts any), so the child inherits no lock
    // held by another and may go on using the allocator and the standard library.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Pid::from_raw(pid))
}

/// Leaves the namespaces that `flags` name.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    debug_assert!(!flags.contains(UnshareFlags::FILES));
    // SAFETY: unsound only where the file table is unshared between threads; it is not, and there is one thread.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Marks every descriptor from 3 on as closed at exec.
pub(super) fn close_on_exec() -> io::Result<()> {
    let from: libc::c_uint = 3;
    // SAFETY: close_range with CLOSE_RANGE_CLOEXEC takes plain numbers and closes nothing now.
    let done = unsafe { libc::syscall(libc::SYS_close_range, from, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Adds mount attributes (`MOUNT_ATTR_*`) to the mount at `path` and, if asked, to all below it.
pub(super) fn restrict_mount(path: &Path, attributes: u64, recursive: bool) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 } | libc::AT_SYMLINK_NOFOLLOW;
    let attr = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: path is a terminated string and attr a valid structure of the size given; both outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Processor time in microseconds and the largest resident size in bytes of all children that were waited for.
pub(super) fn children_usage() -> (u64, u64) {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: usage is writable and of the right type; zeroed integers are valid should the call fail.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let micros = |time: libc::timeval| time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_usec.unsigned_abs();
    (micros(usage.ru_utime) + micros(usage.ru_stime), usage.ru_maxrss.unsigned_abs() * 1024)
}

/// Sends the fatal signal to every process that this process may signal, except itself. The caller has become the
/// run's own user before, and checked that it has.
pub(super) fn kill_all_of_this_user() -> io::Result<()> {
    // SAFETY: kill takes plain numbers.
    let done = unsafe { libc::kill(-1, libc::SIGKILL) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

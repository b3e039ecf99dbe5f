//! The part of the host that every program needs: libraries, a few devices, its own `/proc`, made-up `/etc`.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::mount::{MountFlags, mount};

use super::super::identity::Who;
use super::super::{During, Failure};
use super::{READ_ONLY, bind, under};

/// Directories of the system that are shown read-only.
const SYSTEM: &[&str] =
    &["/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec", "/usr/share"];

/// Directories that are links into `/usr` on most systems.
const MERGED: &[&str] = &["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// Files of `/etc` that libraries look for and that say nothing about the host's people.
const ETC: &[&str] = &["/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives", "/etc/fonts", "/etc/mime.types"];

const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Whether a path of the host is shown already.
pub(super) fn shows(path: &Path) -> bool {
    SYSTEM.iter().chain(MERGED).any(|directory| path.starts_with(directory))
}

pub(super) fn show(root: &Path, who: &Who) -> Result<(), Failure> {
    for directory in SYSTEM.iter().chain(MERGED) {
        show_directory(root, Path::new(directory)).during(format!("show {directory}"))?;
    }
    etc(root, who).during("make /etc")?;
    devices(root).during("show devices")?;
    processes(root).during("mount /proc")?;
    let processors = Path::new("/sys/devices/system/cpu");
    if processors.is_dir() {
        bind(processors, &under(root, processors), Some(READ_ONLY)).during("show the processors")?;
    }
    Ok(())
}

fn show_directory(root: &Path, directory: &Path) -> io::Result<()> {
    let Ok(meta) = fs::symlink_metadata(directory) else { return Ok(()) };
    let target = under(root, directory);
    if meta.is_symlink() {
        return symlink(fs::read_link(directory)?, target);
    }
    bind(directory, &target, Some(READ_ONLY))
}

fn etc(root: &Path, who: &Who) -> io::Result<()> {
    let Who { uid, gid, .. } = who;
    let etc = root.join("etc");
    fs::create_dir(&etc)?;
    fs::write(etc.join("passwd"), format!("prism:x:{uid}:{gid}::/home/prism:/bin/sh\n"))?;
    fs::write(etc.join("group"), format!("prism:x:{gid}:\n"))?;
    fs::write(etc.join("nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files\n")?;
    fs::write(etc.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
    for path in ETC {
        // Through links: the target lies in a directory that is shown, or is copied by this view.
        if let Ok(source) = Path::new(path).canonicalize() {
            bind(&source, &under(root, Path::new(path)), Some(READ_ONLY))?;
        }
    }
    Ok(())
}

pub(in super::super) fn devices(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root.join("dev"))?;
    for device in DEVICES {
        bind(Path::new(device), &under(root, Path::new(device)), None)?;
    }
    for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        symlink(format!("/proc/self/fd{target}"), root.join("dev").join(name))?;
    }
    Ok(())
}

/// A `/proc` that knows the run's processes only. A container that hides parts of its own may permit a smaller one.
pub(in super::super) fn processes(root: &Path) -> io::Result<()> {
    let target = root.join("proc");
    fs::create_dir_all(&target)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", &target, "proc", flags, None)
        .or_else(|_| mount("proc", &target, "proc", flags, c"subset=pid"))
        .map_err(io::Error::from)
}

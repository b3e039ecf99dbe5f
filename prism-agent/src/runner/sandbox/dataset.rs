//! `datasets/` as a copy-on-write view: an overlay whose lower layer is made of hard links, its upper one of memory.
//!
//! The lower layer gives every dataset its name beside the others, so that programs may rename, delete and unpack at
//! the top of `datasets/` as well. The agent's files are never opened for writing by anyone.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use rustix::fs::XattrFlags;
use rustix::mount::{MountFlags, mount};

use super::identity::Who;
use super::wire::Order;
use super::{During, Failure, root, stage};
use crate::runner::layers::{Layer, Layers};

/// Options of the overlay, relative to the scratch directory, so that no path needs escaping. With metadata-only
/// copying, handing the files to the run's user copies no data.
const AS_ROOT: &[&str] = &[",metacopy=on,redirect_dir=on"];
const AS_USER: &[&str] = &[",userxattr"];

/// The step that makes the lower layer.
const LINK: &str = "link a dataset";

/// Shows `datasets` at `target`; the working directory must be the scratch directory, with the space mounted in it.
/// With a bound of its own, what is written there goes to memory of its own.
pub(super) fn show(
    (datasets, target): (&[(String, PathBuf)], &Path),
    who: &Who,
    order: &Order,
    layers: &mut Layers,
) -> Result<(), Failure> {
    let limits = &order.limits;
    let changes = match limits.datasets_bytes {
        None => "space",
        Some(bytes) => {
            let options = format!("mode=711,size={bytes},nr_inodes={}", order.files(bytes.max(limits.disk_bytes)));
            root::memory(Path::new("changes"), &options).during("mount the space for changed datasets")?;
            "changes"
        }
    };
    link_all(datasets, who)?;
    if overlay(("lower", changes), target, who, AS_ROOT).is_err() {
        make_room(target, who, order).during("make room for copied datasets")?;
        stage::copy_datasets(datasets, target, who)?;
        layers.active(Layer::DatasetsCopy, "copy");
        return Ok(());
    }
    layers.active(Layer::DatasetsCopy, "overlay");
    if who.separate { hand_over(target, who).during("hand over the datasets") } else { Ok(()) }
}

/// Memory for full copies: what they take, and what may be written besides.
fn make_room(target: &Path, who: &Who, order: &Order) -> io::Result<()> {
    let Some(bytes) = order.limits.datasets_bytes else { return root::widen_space(order) };
    let size = bytes.saturating_add(order.datasets.bytes);
    let options = format!("mode=700,uid={},gid={},size={size},nr_inodes={}", who.uid, who.gid, order.files(size));
    root::memory(target, &options)
}

/// Mounts at `target` what is in the directory `lower`, with room for what changes in the memory mounted at `changes`.
pub(super) fn overlay((lower, changes): (&str, &str), target: &Path, who: &Who, as_root: &[&str]) -> io::Result<()> {
    let (upper, work) = (format!("{changes}/{lower}-upper"), format!("{changes}/{lower}-overlay"));
    for name in [&upper, &work] {
        fs::create_dir_all(name)?;
    }
    lchown(&upper, Some(who.uid), Some(who.gid))?;
    if !who.separate {
        // Without user attributes in memory (before Linux 6.6) an overlay cannot replace directories.
        rustix::fs::setxattr(upper.as_str(), "user.prism", b"", XattrFlags::empty())?;
    }
    let mut result = Err(io::Error::from(io::ErrorKind::Unsupported));
    for more in if who.separate { as_root } else { AS_USER } {
        let options = CString::new(format!("lowerdir={lower},upperdir={upper},workdir={work}{more}"))?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        result = mount("overlay", target, "overlay", flags, options.as_c_str()).map_err(io::Error::from);
        if result.is_ok() {
            break;
        }
    }
    result
}

/// The lower layer: directories of its own, files as hard links, copies where linking is not possible and the disk has
/// room.
fn link_all(datasets: &[(String, PathBuf)], who: &Who) -> Result<(), Failure> {
    let lower = Path::new("lower");
    fs::create_dir(lower).during(LINK)?;
    for (name, source) in datasets {
        link_tree(source, &lower.join(name), who)?;
    }
    Ok(())
}

fn link_tree(source: &Path, target: &Path, who: &Who) -> Result<(), Failure> {
    let meta = fs::symlink_metadata(source).during(LINK)?;
    if meta.is_dir() {
        fs::create_dir(target).during(LINK)?;
        for entry in fs::read_dir(source).during(LINK)? {
            let entry = entry.during(LINK)?;
            link_tree(&entry.path(), &target.join(entry.file_name()), who)?;
        }
        return Ok(());
    }
    if !meta.is_file() {
        return Err(Failure::new(LINK, "neither a file nor a folder"));
    }
    // In a user namespace only the run's own user and group can be copied up.
    let usable = who.separate || (meta.uid() == who.uid && meta.gid() == who.gid && meta.mode() & 0o600 == 0o600);
    if !usable || fs::hard_link(source, target).is_err() {
        stage::claim(std::iter::once(source), Path::new("."))?;
        fs::copy(source, target).during(LINK)?;
        fs::set_permissions(target, fs::Permissions::from_mode(0o600)).during(LINK)?;
    }
    Ok(())
}

/// Gives every file of the view to the run's user, readable and writable.
fn hand_over(path: &Path, who: &Who) -> io::Result<()> {
    lchown(path, Some(who.uid), Some(who.gid))?;
    let meta = fs::symlink_metadata(path)?;
    let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(wanted))?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            hand_over(&entry?.path(), who)?;
        }
    }
    Ok(())
}

//! An image as the run's root: an overlay over the unpacked image, whose changes are memory that counts as the run's disk.
//!
//! Everything in the image belongs to the run's user, as it belongs to root in a container. The program may write below
//! every folder that lies at the top, but for `/dev`, `/proc` and `/sys`; the image itself never changes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, mkdirat, openat, symlinkat, unlinkat};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};

use super::identity::Who;
use super::place::{self, Place, SHARED_MEMORY, make_space};
use super::root::{
    Broken, READ_ONLY, bind, enter, memory, mount_space, show_auxiliary, show_shared_memory, system, under,
};
use super::wire::{IMAGE_DIRECTORY, ImageTerms, Job, Order};
use super::{During, Failure, dataset, stage, sys};
use crate::runner::layers::{Layer, Layers};
use crate::runner::rooted::{self, Rooted};

/// Where the unpacked image is bound below the scratch directory, so that no path in the overlay's options needs
/// escaping.
pub(super) const LOWER: &str = "image";

/// Options beside the layers: whole directories can be renamed, where the kernel has that.
const AS_ROOT: &[&str] = &[",redirect_dir=on", ""];

/// Directories that hold what every run has, whatever the image has under these names.
const OWN: &[&str] = &["dev", "proc", "sys", "tmp", "etc", "home"];

/// Of those, what the program does not write to.
const CLOSED: &[&str] = &["dev", "proc", "sys"];

/// The working directory of images that name none.
const WORK: &str = "work";

/// Where Cocos AI shows the datasets and expects the results.
const PEERS: &str = "cocos";

/// Most folders at the root's top that the program may write below.
const TOP_MAX: usize = 1024;

/// Most bytes that are taken over of the image's lists of users and groups.
const LIST_MAX: u64 = 1 << 20;

/// Builds the root and enters it.
pub(super) fn build(order: &Order, terms: &ImageTerms, who: &Who, layers: &mut Layers) -> Result<Place, Broken> {
    std::env::set_current_dir(&order.scratch).during("enter the scratch directory")?;
    let any = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", any).during("keep mounts private")?;
    mount_space(order)?;
    make_space(Path::new("space"), who).during("make the run's space")?;
    let root = Path::new("root");
    mount_image(order, who, root)?;
    // From here on the mounts are the run's; a failure is no reason to go on without them.
    let built = furnish(order, terms, who, layers, root).and_then(|()| open_place(terms));
    let place = built.map_err(Broken::Fatal)?;
    layers.active(Layer::MountNamespace, "image");
    layers.active(Layer::DiskLimit, "tmpfs");
    Ok(place)
}

fn mount_image(order: &Order, who: &Who, root: &Path) -> Result<(), Failure> {
    let Job::Run { algorithm, .. } = &order.job else { return Err(Failure::new("show the image", "nothing to run")) };
    if who.separate {
        stage::give(algorithm, who, true).during("hand over the image")?;
    }
    for directory in [Path::new(LOWER), root] {
        std::fs::create_dir_all(directory).during("show the image")?;
    }
    mount_bind(algorithm, LOWER).during("show the image")?;
    dataset::overlay((LOWER, "space"), root, who, AS_ROOT).during("show the image")
}

/// Puts in what every run has, and enters the root.
fn furnish(order: &Order, terms: &ImageTerms, who: &Who, layers: &mut Layers, root: &Path) -> Result<(), Failure> {
    let inside = Rooted::open(root).during("open the image's root")?;
    for name in OWN {
        // Real directories: below them paths may be resolved as they are.
        inside.real(name).during(format!("make /{name}"))?;
    }
    // Before anything of this machine is shown: the image's links could lead there, and this process may read all.
    etc(&inside, who)?;
    system(order, root)?;
    bind(Path::new("space/tmp"), &root.join("tmp"), None).during("show the run's space")?;
    let home = inside.directory(Path::new("home")).during("make /home")?;
    rooted::remove(home.as_fd(), OsStr::new("prism"), &mut || Ok(())).during("make the home directory")?;
    bind(Path::new("space/home/prism"), &root.join("home/prism"), None).during("show the run's space")?;
    show_auxiliary(order, who, root)?;
    let work = work(&inside, terms, who)?;
    if let Job::Run { datasets, .. } = &order.job {
        let target = PathBuf::from(format!("/proc/self/fd/{}/datasets", work.as_raw_fd()));
        dataset::show((datasets, &target), who, order, layers)?;
    }
    show_to_peers(&inside, terms)?;
    enter(root)
}

/// Processes, devices, shared memory and processors, as in every run.
fn system(order: &Order, root: &Path) -> Result<(), Failure> {
    for name in ["dev", "sys"] {
        memory(&root.join(name), "mode=755,size=1m,nr_inodes=1k").during(format!("mount /{name}"))?;
    }
    system::devices(root).during("show devices")?;
    for device in &order.devices {
        bind(device, &under(root, device), None).during("show a device")?;
    }
    show_shared_memory(order, root)?;
    system::processes(root).during("mount /proc")?;
    let processors = Path::new("/sys/devices/system/cpu");
    if processors.is_dir() {
        bind(processors, &under(root, processors), Some(READ_ONLY)).during("show the processors")?;
    }
    for name in ["dev", "sys"] {
        sys::restrict_mount(&root.join(name), READ_ONLY, false).during(format!("close /{name}"))?;
    }
    Ok(())
}

/// The image's users and the run's own; names of hosts that say nothing of the machine.
fn etc(inside: &Rooted, who: &Who) -> Result<(), Failure> {
    let Who { uid, gid, .. } = who;
    let users = format!("{}prism:x:{uid}:{gid}::/home/prism:/bin/sh\n", list(inside, "etc/passwd"));
    let groups = format!("{}prism:x:{gid}:\n", list(inside, "etc/group"));
    let etc = inside.directory(Path::new("etc")).during("make /etc")?;
    for (name, text) in [
        ("passwd", users.as_str()),
        ("group", &groups),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
        ("hostname", "prism\n"),
        ("resolv.conf", ""),
    ] {
        write(etc.as_fd(), name, text, who).during(format!("write /etc/{name}"))?;
    }
    Ok(())
}

/// One of the image's lists, complete lines only; nothing where it has none.
fn list(inside: &Rooted, path: &str) -> String {
    let mut text = String::new();
    let file = inside.open_inside(Path::new(path), OFlags::RDONLY | OFlags::NONBLOCK);
    let regular = file.map(File::from).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()));
    if let Some(file) = regular {
        let _ = file.take(LIST_MAX).read_to_string(&mut text);
    }
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    text
}

fn write(directory: BorrowedFd<'_>, name: &str, text: &str, who: &Who) -> std::io::Result<()> {
    rooted::remove(directory, OsStr::new(name), &mut || Ok(()))?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(directory, name, flags, Mode::from_raw_mode(0o644))?;
    File::from(file).write_all(text.as_bytes())?;
    own(directory, OsStr::new(name), who)
}

fn own(directory: BorrowedFd<'_>, name: &OsStr, who: &Who) -> std::io::Result<()> {
    if who.separate { rooted::give(directory, name, (who.uid, who.gid)) } else { Ok(()) }
}

fn work_of(terms: &ImageTerms) -> &Path {
    Path::new(terms.directory.as_deref().unwrap_or(WORK))
}

/// The working directory, with an empty `results/` and a place for `datasets/`.
fn work(inside: &Rooted, terms: &ImageTerms, who: &Who) -> Result<OwnedFd, Failure> {
    let step = IMAGE_DIRECTORY;
    let top = work_of(terms).iter().next();
    if CLOSED.iter().any(|closed| top == Some(OsStr::new(closed))) {
        return Err(Failure::new(step, "it lies where nothing can be written"));
    }
    let work = inside.make(work_of(terms), &mut |parent, name| own(parent, name, who)).during(step)?;
    for name in ["results", "datasets"].map(OsStr::new) {
        rooted::remove(work.as_fd(), name, &mut || Ok(())).during(step)?;
        mkdirat(&work, name, Mode::from_raw_mode(0o755)).during(step)?;
        own(work.as_fd(), name, who).during(step)?;
    }
    Ok(work)
}

/// Lets `/cocos/datasets` and `/cocos/results` lead to the working directory's, unless the image has its own there.
fn show_to_peers(inside: &Rooted, terms: &ImageTerms) -> Result<(), Failure> {
    let step = "show the datasets to programs for Cocos";
    let work = Path::new("/").join(work_of(terms));
    let root = inside.as_fd();
    match rooted::kind(root, OsStr::new(PEERS)).during(step)? {
        None => symlinkat(&work, root, PEERS).during(step),
        Some(FileType::Directory) if work_of(terms) != Path::new(PEERS) => {
            let peers = inside.directory(Path::new(PEERS)).during(step)?;
            for name in ["datasets", "results"] {
                let empty = matches!(rooted::kind(peers.as_fd(), OsStr::new(name)), Ok(Some(FileType::Directory)))
                    && unlinkat(&peers, name, rustix::fs::AtFlags::REMOVEDIR).is_ok();
                if empty || matches!(rooted::kind(peers.as_fd(), OsStr::new(name)), Ok(None)) {
                    symlinkat(work.join(name), &peers, name).during(step)?;
                }
            }
            Ok(())
        }
        Some(_) => Ok(()),
    }
}

/// The place as the program sees it, from inside.
fn open_place(terms: &ImageTerms) -> Result<Place, Failure> {
    let work = Path::new("/").join(work_of(terms));
    let work_fd = place::open(&work).during("open the working directory")?;
    let shared_memory = place::open(SHARED_MEMORY.as_ref()).during("open /dev/shm")?;
    Ok(Place {
        work,
        home: PathBuf::from("/home/prism"),
        temporary: PathBuf::from("/tmp"),
        environment: PathBuf::new(),
        code: PathBuf::from("/"),
        work_fd,
        shared_memory: Some(shared_memory),
        private: true,
    })
}

/// Where the program may write beside the places that every run has: below every folder at the root's top.
pub(super) fn writable() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/").into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let open = folders.filter(|entry| CLOSED.iter().all(|closed| entry.file_name() != OsStr::new(closed)));
    open.map(|entry| entry.path()).take(TOP_MAX).collect()
}

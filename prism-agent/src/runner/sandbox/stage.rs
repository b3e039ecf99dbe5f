//! The place on the agent's disk, for machines without a private root; and copies that a run may read or write.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::identity::Who;
use super::place::{Place, WASM_HOST, code_source, executable, file_name, make_space};
use super::wire::{Job, Order};
use super::{During, Failure};
use crate::runner::free::Free;
use crate::runner::layers::{Layer, Layers};
use crate::runner::requirements::{copy_environment, lay_out_environment};
use crate::runner::spec::contents_of;

/// Sees that the disk of `target` has room for copies of all `sources`, before the first is made.
pub(super) fn claim<'a>(sources: impl Iterator<Item = &'a Path>, target: &Path) -> Result<(), Failure> {
    let copies = contents_of(sources, &CancellationToken::new());
    let bytes = copies.bytes.saturating_add(Free::KEPT.bytes);
    let needed = Free { bytes, files: copies.entries.saturating_add(Free::KEPT.files) };
    let free = Free::at(target).during("look for room on the disk")?;
    let fits = needed.bytes <= free.bytes && needed.files <= free.files;
    if fits { Ok(()) } else { Err(Failure::NoRoom { needed, free }) }
}

/// What a run without a root of its own reads as a copy.
fn sources(order: &Order) -> impl Iterator<Item = &Path> {
    let (datasets, auxiliary) = match &order.job {
        Job::Run { datasets, auxiliary, .. } => (datasets.as_slice(), auxiliary.as_slice()),
        Job::Install { .. } => Default::default(),
    };
    let datasets = datasets.iter().map(|(_, source)| source.as_path());
    let auxiliary = auxiliary.iter().map(|(_, source)| source.as_path());
    let environment = order.kept.as_deref().into_iter().chain(order.wasm_host());
    std::iter::once(code_source(order)).chain(datasets).chain(auxiliary).chain(environment)
}

/// Builds the place below the run's scratch directory: everything is a copy there.
pub(super) fn build(order: &Order, who: &Who, layers: &mut Layers) -> Result<Place, Failure> {
    let base = order.disk();
    claim(sources(order), base)?;
    let (space, env) = (base.join("space"), base.join("env"));
    fs::create_dir_all(&space).during("make the run's space")?;
    make_space(&space, who).during("make the run's space")?;
    let source = code_source(order);
    let code = base.join("code");
    let code = if source.is_dir() { code } else { code.join(file_name(source)?) };
    copy_public(source, &code).during("copy the algorithm")?;
    make_executable(&code, executable(order)).during("make the algorithm executable")?;
    if let Job::Run { datasets, auxiliary, .. } = &order.job {
        copy_auxiliary(auxiliary, &space.join("home/prism"), who)?;
        copy_datasets(datasets, &space.join("work/datasets"), who)?;
        layers.active(Layer::DatasetsCopy, "copy");
    }
    if let Some(kept) = &order.kept {
        // A copy: nothing but a view of its own keeps a program of the agent's user from changing files' modes.
        copy_environment(kept, &env).during("copy the environment")?;
    } else if let Some(interpreter) = order.interpreter() {
        lay_out_environment(&env, interpreter).during("lay out the environment")?;
    }
    if let Some(host) = order.wasm_host() {
        copy_public(host, &env.join(WASM_HOST)).during("copy the WebAssembly host")?;
    }
    if who.separate {
        admit(base, who).during("admit the run's user")?;
        give(&space, who, false).during("hand over the run's space")?;
        if matches!(order.job, Job::Install { .. }) {
            give(&env, who, true).during("hand over the environment")?;
        }
    }
    layers.active(Layer::DiskLimit, "polling");
    Place::at(&space, env, code, false)
}

/// Full copies of the auxiliary files, which their owner alone could write; the program is not their owner if it can be.
fn copy_auxiliary(auxiliary: &[(PathBuf, PathBuf)], home: &Path, who: &Who) -> Result<(), Failure> {
    for (target, source) in auxiliary {
        make_way(home, target, who).during("make way for an auxiliary file")?;
        copy_public(source, &home.join(target)).during("copy an auxiliary file")?;
    }
    Ok(())
}

/// Makes the directories above `target` below `home`, owned by `who`.
pub(super) fn make_way(home: &Path, target: &Path, who: &Who) -> io::Result<()> {
    let mut above: Vec<_> = target.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()).collect();
    above.reverse();
    for path in above {
        let directory = home.join(path);
        match fs::create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if who.separate {
            lchown(&directory, Some(who.uid), Some(who.gid))?;
        }
    }
    Ok(())
}

/// Lets everyone execute the file `entry` below a copy of the algorithm.
pub(super) fn make_executable(code: &Path, entry: Option<&Path>) -> io::Result<()> {
    let Some(entry) = entry else { return Ok(()) };
    let file = if entry.as_os_str().is_empty() { code.to_owned() } else { code.join(entry) };
    fs::set_permissions(file, Permissions::from_mode(0o755))
}

/// Full copies of the datasets, owned by `who`.
pub(super) fn copy_datasets(datasets: &[(String, PathBuf)], into: &Path, who: &Who) -> Result<(), Failure> {
    for (name, source) in datasets {
        let target = into.join(name);
        copy_tree(source, &target, &|_, meta| if meta.is_dir() { 0o700 } else { 0o600 }).during("copy a dataset")?;
        if who.separate {
            give(&target, who, true).during("hand over a dataset")?;
        }
    }
    Ok(())
}

/// Copies a file or folder so that everyone may read it and its owner alone may write it.
pub(super) fn copy_public(source: &Path, target: &Path) -> io::Result<()> {
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    copy_tree(source, target, &|_, meta| if meta.is_dir() || meta.mode() & 0o100 != 0 { 0o755 } else { 0o644 })
}

/// Copies regular files and directories; anything else is refused, nothing is followed.
fn copy_tree(source: &Path, target: &Path, mode: &dyn Fn(&Path, &fs::Metadata) -> u32) -> io::Result<()> {
    let meta = fs::symlink_metadata(source)?;
    if meta.is_dir() {
        fs::create_dir(target)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            copy_tree(&entry.path(), &target.join(entry.file_name()), mode)?;
        }
    } else if meta.is_file() {
        fs::copy(source, target)?;
    } else {
        return Err(io::Error::from(io::ErrorKind::Unsupported));
    }
    fs::set_permissions(target, Permissions::from_mode(mode(source, &meta)))
}

/// Lets the run's user, and nobody else, pass through a directory of the agent's.
fn admit(path: &Path, who: &Who) -> io::Result<()> {
    lchown(path, None, Some(who.gid))?;
    fs::set_permissions(path, Permissions::from_mode(0o710))
}

/// Gives a tree to `who`, without following links. The directories themselves only, unless `deep`.
pub(super) fn give(path: &Path, who: &Who, deep: bool) -> io::Result<()> {
    lchown(path, Some(who.uid), Some(who.gid))?;
    if deep && fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), who, true)?;
        }
    }
    Ok(())
}

/// Whether everyone may read a tree, so that it can be shown as it is.
pub(super) fn is_public(path: &Path) -> bool {
    let Ok(meta) = fs::symlink_metadata(path) else { return false };
    if meta.is_dir() {
        let open = meta.mode() & 0o005 == 0o005;
        return open && fs::read_dir(path).is_ok_and(|list| list.flatten().all(|entry| is_public(&entry.path())));
    }
    meta.is_file() && meta.mode() & 0o004 != 0
}

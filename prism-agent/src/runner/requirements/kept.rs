//! Environments that outlive a run, so that the next one starts at once: read by runs, written by the agent alone.
//!
//! Which environment is whose is a digest over everything that it was made of. Whether it is still what was installed is
//! told by reading all of it: names, modes, links and content have to be what a tag says, made with a key that lies in
//! the machine's memory and on no disk ([`MachineKey`]). Whoever writes the disk from outside of the machine cannot make
//! such a tag. A tag of an earlier boot's key says nothing: what it seals is removed and made again. The hashes of the
//! wheels' `RECORD`s would survive a boot, but cover neither compiled modules nor what the installer wrote, and both are
//! executed.

mod evict;
mod key;
mod seal;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use prism_core::code::{Code, Coded, message};
use prism_core::digest::{Digest, Hasher};
use rustix::fs::{FlockOperation, OFlags, flock};
use tokio_util::sync::CancellationToken;

use super::{FORMAT, Plan};
use crate::files::sync_directory;
use crate::runner::interpreter::Interpreter;
use crate::runner::scratch::Scratch;
use key::MachineKey;
use seal::{Seal, Tree, is_safe};

/// The file that says what the environment has to be, beside it. Its time of change is when it was last used, and whoever
/// uses the environment holds a lock on it.
const SEAL: &str = "seal";

/// Longest seal in bytes.
const SEAL_MAX: u64 = 4096;

/// The environment itself.
const ENVIRONMENT: &str = "env";

/// Bytes that are copied between two looks at whether the run was stopped.
const PIECE: usize = 1 << 20;

/// Where environments are kept, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeepEnvironments {
    /// A directory that the agent's user alone writes to.
    pub directory: PathBuf,
    /// Bytes of all environments together. Those that were not used for longest make way; one that is larger by itself is
    /// not kept.
    pub most_bytes: u64,
}

impl KeepEnvironments {
    /// In this directory, 64 GiB at most.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), most_bytes: 64 << 30 }
    }
}

/// When slow work is given up.
#[derive(Clone, Debug)]
pub(crate) struct Until {
    pub(crate) cancel: CancellationToken,
    /// When the run's time is over; `None` if that is too far to be told.
    pub(crate) deadline: Option<Instant>,
}

/// Slow work was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum GivenUp {
    #[error("the run was stopped")]
    Stopped,
    #[error("the run's time was over")]
    Late,
}

impl Until {
    fn check(&self) -> io::Result<()> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other(GivenUp::Stopped));
        }
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if late { Err(io::Error::other(GivenUp::Late)) } else { Ok(()) }
    }
}

/// An environment that is kept. As long as this lives nobody makes way with it.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) path: PathBuf,
    /// Digest over the SHA-256 of the wheels that are in it.
    pub(crate) wheels: Digest,
    _held: File,
}

/// Why a kept environment is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// Somebody else could write there.
    #[error(
        "expected {path} to be a directory that the agent's user owns and nobody else can write to or replace, found another; see to its owner and mode"
    )]
    Exposed {
        /// The directory, or one above it.
        path: PathBuf,
    },
    /// It is not what was installed.
    #[error(
        "expected {path} to be as it was installed, found it changed; find out by whom, then remove it: it is made again"
    )]
    Changed {
        /// The environment.
        path: PathBuf,
    },
    /// The run was stopped meanwhile.
    #[error("expected to keep or compare {path}, found the run stopped")]
    Stopped {
        /// The environment.
        path: PathBuf,
    },
    /// The run's time was over meanwhile.
    #[error("expected to keep or compare {path} within the run's time, found it over; raise wall_seconds")]
    Late {
        /// The environment.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("expected to {verb} {path}, found an error of the system")]
    Io {
        /// What was attempted.
        verb: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Coded for KeptError {
    fn code(&self) -> Code {
        match self {
            Self::Exposed { .. } | Self::Changed { .. } => Code::EnvironmentChanged,
            Self::Stopped { .. } | Self::Late { .. } | Self::Io { .. } => Code::RequirementsFailed,
        }
    }
}

/// The agent's directory of environments.
#[derive(Debug)]
pub(crate) struct Kept {
    root: PathBuf,
    most_bytes: u64,
    key: MachineKey,
}

impl Kept {
    /// Looks whether nobody else can write to a directory, which is made if it is absent, and removes what an agent that
    /// died left half made there.
    pub(crate) fn open(keep: &KeepEnvironments) -> Result<Self, KeptError> {
        let path = keep.directory.as_path();
        Self::open_with(keep, MachineKey::of_this_boot().map_err(io("make a key for", path))?)
    }

    fn open_with(keep: &KeepEnvironments, key: MachineKey) -> Result<Self, KeptError> {
        let path = keep.directory.as_path();
        DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(io("make", path))?;
        let root = path.canonicalize().map_err(io("find", path))?;
        let exposed = |path: &Path| KeptError::Exposed { path: path.to_owned() };
        let own = rustix::process::geteuid().as_raw();
        let meta = fs::symlink_metadata(path).map_err(io("look at", path))?;
        if !meta.is_dir() || meta.uid() != own || meta.mode() & 0o022 != 0 {
            return Err(exposed(path));
        }
        for above in root.ancestors().skip(1) {
            let meta = fs::symlink_metadata(above).map_err(io("look at", above))?;
            let others_write = meta.mode() & 0o022 != 0 && meta.mode() & 0o1000 == 0;
            if others_write || (meta.uid() != own && meta.uid() != 0) {
                return Err(exposed(above));
            }
        }
        Scratch::sweep(&root);
        Ok(Self { root, most_bytes: keep.most_bytes, key })
    }

    /// The environment that was made of this before, if it is as it was and this machine's boot made it.
    pub(crate) fn find(&self, name: &str, until: &Until) -> Result<Option<Environment>, KeptError> {
        let place = self.root.join(name);
        let changed = || KeptError::Changed { path: place.clone() };
        match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("look at", &place)(error)),
            Ok(meta) if !is_safe(&meta) || !meta.is_dir() => return Err(changed()),
            Ok(_) => {}
        }
        let file = match open_seal(&place) {
            // It was removed meanwhile, or has lost its seal: it makes way.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|_| changed())?,
        };
        if flock(&file, FlockOperation::NonBlockingLockShared).is_err() || !is_there(&file, &place) {
            // It is about to be removed.
            return Ok(None);
        }
        let seal = read_seal(&file).map_err(io("read", &place))?.ok_or_else(changed)?;
        if !seal.is_by(&self.key) {
            drop(file);
            if let Err(error) = self.remove(&place) {
                tracing::warn!(%error, ?place, "a kept environment could not be removed");
            }
            return Ok(None);
        }
        let path = place.join(ENVIRONMENT);
        let tree = Tree::read(&path, until).map_err(io("read", &path))?;
        if !tree.is_some_and(|tree| seal.holds(&self.key, name, &tree)) {
            return Err(changed());
        }
        file.set_modified(SystemTime::now()).map_err(io("note the use of", &place))?;
        Ok(Some(Environment { path, wheels: seal.wheels, _held: file }))
    }

    /// Keeps an environment that the agent owns, made of wheels with this digest; `None` if it is larger than all of them
    /// may be or somebody else has its name. Then, and when the system refuses, it is where it was.
    pub(crate) fn keep(
        &self,
        (name, wheels): (&str, Digest),
        made: &Path,
        until: &Until,
    ) -> Result<Option<Environment>, KeptError> {
        if size_of(made).map_err(io("look at", made))? > self.most_bytes {
            tracing::warn!(most = self.most_bytes, "an environment is too large to be kept");
            return Ok(None);
        }
        // It disappears with this value unless it gets its final name.
        let scratch = Scratch::create(&self.root).map_err(io("make a directory in", &self.root))?;
        let new = scratch.path().join("new");
        let kept = self.place((name, wheels), made, &new, until);
        if matches!(kept, Ok(None) | Err(KeptError::Io { .. })) && !made.exists() {
            until.check().map_err(io("keep", made))?;
            fs::rename(new.join(ENVIRONMENT), made).map_err(io("move back", made))?;
        }
        if matches!(kept, Ok(None)) {
            tracing::warn!("expected to keep an environment, found that another agent has its name under another key");
        }
        kept
    }

    /// Seals an environment at `new` and gives it its name; the one of another run that was faster; `None` if somebody
    /// else has that name.
    fn place(
        &self,
        (name, wheels): (&str, Digest),
        made: &Path,
        new: &Path,
        until: &Until,
    ) -> Result<Option<Environment>, KeptError> {
        let place = self.root.join(name);
        let held = self.seal(new, (name, wheels), made, until).map_err(io("keep", &place))?;
        match fs::rename(new, &place) {
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
                return self.find(name, until);
            }
            named => named.map_err(io("name", new))?,
        }
        if let Err(error) = sync_directory(&self.root) {
            tracing::warn!(error = %message(&error), "a kept environment may not outlive a crash of the machine");
        }
        Ok(Some(Environment { path: place.join(ENVIRONMENT), wheels, _held: held }))
    }

    /// Moves an environment to `new`, seals it, and has the disk synchronise it: it becomes visible whole or not at all.
    fn seal(&self, new: &Path, (name, wheels): (&str, Digest), made: &Path, until: &Until) -> io::Result<File> {
        DirBuilder::new().mode(0o755).create(new)?;
        let environment = new.join(ENVIRONMENT);
        match fs::rename(made, &environment) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy_until(made, &environment, until),
            moved => moved,
        }?;
        close(&environment)?;
        let tree = Tree::read(&environment, until)?.ok_or(io::ErrorKind::InvalidData)?;
        let path = new.join(SEAL);
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).open(&path)?;
        file.write_all(&Seal::new(&self.key, name, wheels, &tree).to_text()?)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        flock(&file, FlockOperation::NonBlockingLockShared)?;
        until.check()?;
        rustix::fs::syncfs(&file)?;
        Ok(file)
    }
}

/// The seal of the environment at `place`, which is the agent's alone.
fn open_seal(place: &Path) -> io::Result<File> {
    let no_link = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(no_link).open(place.join(SEAL))?;
    let meta = file.metadata()?;
    let plain = meta.is_file() && is_safe(&meta) && meta.len() <= SEAL_MAX;
    if plain { Ok(file) } else { Err(io::Error::from(io::ErrorKind::PermissionDenied)) }
}

fn read_seal(file: &File) -> io::Result<Option<Seal>> {
    let mut text = Vec::new();
    file.take(SEAL_MAX).read_to_end(&mut text)?;
    Ok(Seal::read(&text))
}

/// Whether the seal that was opened is still the one at `place`.
fn is_there(file: &File, place: &Path) -> bool {
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().is_ok_and(|a| fs::symlink_metadata(place.join(SEAL)).is_ok_and(|b| same(a, b)))
}

/// Bytes of the files below `path`.
fn size_of(path: &Path) -> io::Result<u64> {
    let meta = fs::symlink_metadata(path)?;
    if !meta.is_dir() {
        return Ok(if meta.is_file() { meta.len() } else { 0 });
    }
    fs::read_dir(path)?.try_fold(0u64, |sum, entry| Ok(sum.saturating_add(size_of(&entry?.path())?)))
}

/// The name of an environment: a digest over all that it is made of. The wheels of an index are not known before it was
/// asked: there the lock alone says which they may be.
pub(crate) fn key(lock: &str, plan: Option<&Plan>, interpreter: &Interpreter) -> String {
    let target = &interpreter.target;
    let mut hasher = Hasher::sha256();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    field(b"prism/environment");
    field(&FORMAT.to_be_bytes());
    field(&seal::VERSION.to_be_bytes());
    field(lock.as_bytes());
    field(&plan.map_or_else(|| b"index".to_vec(), |plan| plan.hashes.concat()));
    field(format!("{target:?}").as_bytes());
    field(interpreter.executable.as_os_str().as_encoded_bytes());
    hasher.finish().to_hex()
}

/// Takes away every right to write but the owner's.
fn close(path: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    if meta.is_symlink() {
        return Ok(());
    }
    if meta.mode() & 0o7022 != 0 {
        fs::set_permissions(path, Permissions::from_mode(meta.mode() & 0o755))?;
    }
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            close(&entry?.path())?;
        }
    }
    Ok(())
}

/// Copies an environment: files, directories and links, as they are.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    copy_until(from, to, &Until { cancel: CancellationToken::new(), deadline: None })
}

fn copy_until(from: &Path, to: &Path, until: &Until) -> io::Result<()> {
    until.check()?;
    let meta = fs::symlink_metadata(from)?;
    if meta.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if !meta.is_dir() {
        return copy_file(from, to, &meta, until);
    }
    DirBuilder::new().mode(0o755).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_until(&entry.path(), &to.join(entry.file_name()), until)?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, meta: &fs::Metadata, until: &Until) -> io::Result<()> {
    let source = File::open(from)?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    while io::copy(&mut (&source).take(PIECE as u64), &mut target)? > 0 {
        until.check()?;
    }
    target.set_permissions(meta.permissions())
}

fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeptError {
    let path = path.to_owned();
    move |source| match source.get_ref().and_then(|inner| inner.downcast_ref::<GivenUp>()) {
        Some(GivenUp::Stopped) => KeptError::Stopped { path },
        Some(GivenUp::Late) => KeptError::Late { path },
        None => KeptError::Io { verb, path, source },
    }
}

#[cfg(test)]
mod tests;

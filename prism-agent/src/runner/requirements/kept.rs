//! Environments that outlive a run, so that the next one starts at once: read by runs, written by the agent alone.
//!
//! Which environment is whose is a digest over everything that it was made of. Whether it is still what was installed is
//! told by facts that the kernel keeps of every file (its number, size, mode, owner and times): nobody without the
//! agent's own rights can change a file and leave them as they were. It is *not* told by reading the files again, so the
//! disk has to be one that nobody but the agent's machine writes.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use prism_core::code::{Code, Coded};
use prism_core::digest::Hasher;

use super::{FORMAT, Plan};
use crate::runner::interpreter::Interpreter;
use crate::runner::scratch::Scratch;

/// The file with the digest of the facts, beside the environment.
const FACTS: &str = "facts";

/// The environment itself.
const ENVIRONMENT: &str = "env";

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
        Code::RequirementsFailed
    }
}

/// The agent's directory of environments.
#[derive(Debug)]
pub(crate) struct Kept {
    root: PathBuf,
}

impl Kept {
    /// Looks whether nobody else can write to a directory, which is made if it is absent.
    pub(crate) fn open(path: &Path) -> Result<Self, KeptError> {
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
        Ok(Self { root })
    }

    /// The environment that was made of this before, if it is as it was.
    pub(crate) fn find(&self, key: &str) -> Result<Option<PathBuf>, KeptError> {
        let place = self.root.join(key);
        let changed = || KeptError::Changed { path: place.clone() };
        match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("look at", &place)(error)),
            Ok(meta) if !is_safe(&meta) || !meta.is_dir() => return Err(changed()),
            Ok(_) => {}
        }
        let facts = fs::symlink_metadata(place.join(FACTS)).map_err(|_| changed())?;
        if !is_safe(&facts) || !facts.is_file() || facts.len() > 128 {
            return Err(changed());
        }
        let expected = fs::read_to_string(place.join(FACTS)).map_err(io("read", &place))?;
        let environment = place.join(ENVIRONMENT);
        let found = facts_of(&environment).map_err(io("look at", &environment))?;
        if found.is_some_and(|found| found == expected) { Ok(Some(environment)) } else { Err(changed()) }
    }

    /// Keeps an environment that the agent owns; returns where it is now.
    pub(crate) fn keep(&self, key: &str, made: &Path) -> Result<PathBuf, KeptError> {
        // It disappears with this value unless it gets its final name.
        let scratch = Scratch::create(&self.root).map_err(io("make a directory in", &self.root))?;
        let new = scratch.path().join("new");
        DirBuilder::new().mode(0o755).create(&new).map_err(io("make", &new))?;
        let environment = new.join(ENVIRONMENT);
        match fs::rename(made, &environment) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy(made, &environment),
            moved => moved,
        }
        .map_err(io("move an environment to", &environment))?;
        close(&environment).map_err(io("close", &environment))?;
        let facts = facts_of(&environment).map_err(io("look at", &environment))?;
        let facts = facts.ok_or_else(|| KeptError::Changed { path: environment.clone() })?;
        fs::write(new.join(FACTS), facts).map_err(io("write", &new))?;
        fs::set_permissions(new.join(FACTS), Permissions::from_mode(0o644)).map_err(io("close", &new))?;
        match fs::rename(&new, self.root.join(key)) {
            // Another run was faster, with the same.
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {}
            named => named.map_err(io("name", &new))?,
        }
        self.find(key)?.ok_or_else(|| KeptError::Changed { path: self.root.join(key) })
    }
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
    field(lock.as_bytes());
    field(&plan.map_or_else(|| b"index".to_vec(), |plan| plan.hashes.concat()));
    field(format!("{target:?}").as_bytes());
    field(interpreter.executable.as_os_str().as_encoded_bytes());
    hasher.finish().to_hex()
}

/// Whether a file belongs to the agent's user and nobody else may write to it.
fn is_safe(meta: &fs::Metadata) -> bool {
    meta.uid() == rustix::process::geteuid().as_raw() && (meta.is_symlink() || meta.mode() & 0o7022 == 0)
}

/// A digest over what the kernel says of every file below `path`; `None` when one of them is not the agent's alone.
fn facts_of(path: &Path) -> io::Result<Option<String>> {
    let mut hasher = Hasher::sha256();
    Ok(add_facts(path, &mut hasher)?.then(|| hasher.finish().to_hex()))
}

fn add_facts(path: &Path, hasher: &mut Hasher) -> io::Result<bool> {
    let meta = fs::symlink_metadata(path)?;
    let plain = meta.is_dir() || meta.is_symlink() || (meta.is_file() && meta.nlink() == 1);
    if !plain || !is_safe(&meta) {
        return Ok(false);
    }
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    hasher.update(&(name.len() as u64).to_be_bytes());
    hasher.update(name);
    let numbers = [meta.ino(), meta.len(), meta.mode().into(), meta.uid().into(), meta.gid().into()];
    let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
    for number in numbers {
        hasher.update(&number.to_be_bytes());
    }
    for number in times {
        hasher.update(&number.to_be_bytes());
    }
    if !meta.is_dir() {
        return Ok(true);
    }
    let mut below: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    below.sort();
    hasher.update(&(below.len() as u64).to_be_bytes());
    for path in below {
        if !add_facts(&path, hasher)? {
            return Ok(false);
        }
    }
    Ok(true)
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
    let meta = fs::symlink_metadata(from)?;
    if meta.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if !meta.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    DirBuilder::new().mode(0o755).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeptError {
    let path = path.to_owned();
    move |source| KeptError::Io { verb, path, source }
}

#[cfg(test)]
mod tests;

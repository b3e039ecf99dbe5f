//! Takes what the algorithm left in `results/`, after its last process is dead and without believing a name of it.

mod media;
mod pattern;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use prism_core::archive::{NameSet, SafePath};
use prism_core::code::{Code, Coded};
use prism_core::manifest::MediaType;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, statat};

use super::scratch::Scratch;
pub use media::{UnknownMediaType, known_media_types, require_known_media_types};

/// Name of the directory that the algorithm writes into.
pub(crate) const RESULTS: &str = "results";

/// Directories within directories; deeper ones are refused.
const DEPTH_MAX: usize = 32;

/// Never leave the directory, follow nothing, cross no mount.
const BENEATH: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// The run's `results/`, held open: it lives as long as this value, whatever became of the sandbox around it.
#[derive(Debug)]
pub struct ResultsDir {
    parent: OwnedFd,
    /// Without a root of its own the run's results are on disk; dropping this removes them.
    _scratch: Vec<Scratch>,
}

impl ResultsDir {
    /// The directory `parent/results`.
    ///
    /// # Errors
    /// When `parent` cannot be opened as a directory.
    pub fn open(parent: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(Self::from_parent(rustix::fs::open(parent, flags, Mode::empty())?, Vec::new()))
    }

    pub(crate) fn from_parent(parent: OwnedFd, scratch: Vec<Scratch>) -> Self {
        Self { parent, _scratch: scratch }
    }
}

/// Bounds on what is taken.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResultLimits {
    /// Bytes of all files together, sparse ones counted as long as they say they are.
    pub total_bytes: u64,
    /// Files and directories.
    pub entries: usize,
    /// Allowed names, empty for all: `*` and `?` stay within one part of the path, `**` stands for any parts.
    pub patterns: Vec<String>,
    /// Allowed media types, judged by the files' content; empty for all.
    pub media_types: Vec<MediaType>,
}

impl Default for ResultLimits {
    fn default() -> Self {
        Self { total_bytes: 1 << 30, entries: 10_000, patterns: Vec::new(), media_types: Vec::new() }
    }
}

/// What was found in `results/`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Collected {
    /// The regular files that may leave, sorted by name.
    pub files: Vec<ResultFile>,
    /// Their bytes together.
    pub total_bytes: u64,
    /// How many entries stay inside, by reason.
    pub withheld: Withheld,
}

/// Entries that are never released. Counts only: names are the algorithm's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Withheld {
    /// Links, pipes, sockets, devices.
    pub special: usize,
    /// Names that no archive can hold, or not beside one that comes before them: `model` beside `Model`.
    pub misnamed: usize,
    /// Names that no pattern allows.
    pub unlisted: usize,
    /// Content that is of no allowed media type.
    pub mistyped: usize,
}

/// One file that may leave.
#[derive(Debug)]
pub struct ResultFile {
    name: String,
    size: u64,
    root: std::sync::Arc<OwnedFd>,
}

impl ResultFile {
    /// Its name relative to `results/`, parts joined by `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Opens it for reading: still a regular file of the same length beneath `results/`.
    ///
    /// # Errors
    /// When the system refuses or the file is not what was counted.
    pub fn open(&self) -> io::Result<File> {
        let file = File::from(open_beneath(&*self.root, &self.name, OFlags::RDONLY | OFlags::NONBLOCK)?);
        let meta = file.metadata()?;
        if !meta.is_file() || meta.len() != self.size {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        }
        Ok(file)
    }
}

/// Why the results were not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectError {
    /// `results/` is gone or is not a directory.
    #[error("expected a directory results/, found none; the algorithm must leave it in its working directory")]
    Missing,
    /// More bytes than allowed.
    #[error("expected at most {limit} bytes of results, found more; raise the manifest's largest size or write less")]
    TooLarge {
        /// The bound in bytes.
        limit: u64,
    },
    /// More entries than allowed, or directories too deep.
    #[error("expected at most {limit} result entries, at most 32 deep, found more; write fewer files")]
    TooMany {
        /// The bound.
        limit: usize,
    },
    /// The system refused to read them.
    #[error("expected to read the results, found an error of the system")]
    Io(#[from] io::Error),
}

impl Coded for CollectError {
    fn code(&self) -> Code {
        match self {
            Self::Missing => Code::RunFailed,
            Self::TooLarge { .. } | Self::TooMany { .. } => Code::LimitReached,
            Self::Io(_) => Code::FileIo,
        }
    }
}

/// Walks `results/` and lists the regular files that may leave.
///
/// # Errors
/// [`CollectError`] when `results/` is missing or a bound is exceeded; then nothing leaves.
pub fn collect_results(dir: &ResultsDir, limits: &ResultLimits) -> Result<Collected, CollectError> {
    let root =
        open_beneath(&dir.parent, RESULTS, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|_| CollectError::Missing)?;
    let mut walk = Walk { limits, root: root.into(), entries: 0, files: Vec::new(), withheld: Withheld::default() };
    let mut pending = vec![String::new()];
    while let Some(directory) = pending.pop() {
        walk.directory(&directory, &mut pending)?;
    }
    walk.finish()
}

struct Walk<'a> {
    limits: &'a ResultLimits,
    root: std::sync::Arc<OwnedFd>,
    entries: usize,
    files: Vec<ResultFile>,
    withheld: Withheld,
}

impl Walk<'_> {
    fn directory(&mut self, name: &str, pending: &mut Vec<String>) -> Result<(), CollectError> {
        let path = if name.is_empty() { "." } else { name };
        let fd = open_beneath(&*self.root, path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        for entry in Dir::read_from(&fd).map_err(io::Error::from)? {
            let entry = entry.map_err(io::Error::from)?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            self.count()?;
            let stat = statat(&fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
            let Some(child) = plain_name(name, entry.file_name().to_bytes()) else {
                self.withheld.misnamed += 1;
                continue;
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory if child.split('/').count() < DEPTH_MAX => pending.push(child),
                FileType::Directory => return Err(CollectError::TooMany { limit: self.limits.entries }),
                FileType::RegularFile => self.file(child, u64::try_from(stat.st_size).unwrap_or(u64::MAX)),
                _ => self.withheld.special += 1,
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), CollectError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(CollectError::TooMany { limit: self.limits.entries });
        }
        Ok(())
    }

    fn file(&mut self, name: String, size: u64) {
        let patterns = &self.limits.patterns;
        if patterns.is_empty() || patterns.iter().any(|pattern| pattern::matches(pattern, &name)) {
            self.files.push(ResultFile { name, size, root: self.root.clone() });
        } else {
            self.withheld.unlisted += 1;
        }
    }

    fn finish(mut self) -> Result<Collected, CollectError> {
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut names, found) = (NameSet::default(), self.files.len());
        self.files.retain(|file| names.take(&file.name));
        self.withheld.misnamed += found - self.files.len();
        let total_bytes = self.files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size));
        if total_bytes > self.limits.total_bytes {
            return Err(CollectError::TooLarge { limit: self.limits.total_bytes });
        }
        // Only now: what is too much is not read.
        let total_bytes = self.keep_admitted(total_bytes)?;
        Ok(Collected { files: self.files, total_bytes, withheld: self.withheld })
    }
}

impl Walk<'_> {
    /// Withholds the files that are of no allowed media type; the result is what the others have in bytes.
    fn keep_admitted(&mut self, total_bytes: u64) -> Result<u64, CollectError> {
        let wanted = &self.limits.media_types;
        if wanted.is_empty() {
            return Ok(total_bytes);
        }
        let found = std::mem::take(&mut self.files);
        for file in found {
            if media::is_admitted(&mut file.open()?, wanted)? {
                self.files.push(file);
            } else {
                self.withheld.mistyped += 1;
            }
        }
        Ok(self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size)))
    }
}

/// The child's relative name, if it can stand in an archive, a log and on a terminal.
fn plain_name(directory: &str, child: &[u8]) -> Option<String> {
    let child = std::str::from_utf8(child).ok()?;
    let name = if directory.is_empty() { child.to_owned() } else { format!("{directory}/{child}") };
    SafePath::new(&name).is_ok().then_some(name)
}

fn open_beneath(root: impl AsFd, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = openat2(&root, path, flags, Mode::empty(), BENEATH)?;
    // A pipe would be opened too: what it is, is decided on the open file.
    let kind = FileType::from_raw_mode(fstat(&fd)?.st_mode);
    if !matches!(kind, FileType::RegularFile | FileType::Directory) {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    Ok(fd)
}

#[cfg(test)]
mod tests;

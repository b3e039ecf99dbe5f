use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use prism_core::entropy::{SystemEntropy, draw};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::FileError;

/// A file in the making beside its final place: readers see the old content or the whole new content, never a part.
///
/// Dropping it removes it; [`publish`](Draft::publish) and [`replace`](Draft::replace) give it its name.
#[derive(Debug)]
pub struct Draft {
    file: File,
    path: PathBuf,
    target: PathBuf,
    finished: bool,
}

impl Draft {
    /// Starts a file that only its owner can read, to be named `target` in the end. Several drafts of one target may be
    /// written at a time; the last to finish wins, or finds the name taken.
    ///
    /// # Errors
    /// [`FileError`] when the directory does not exist or is not writable.
    pub fn create(target: &Path) -> Result<Self, FileError> {
        let unique = draw::<8>(&mut SystemEntropy::default())
            .map_err(io::Error::other)
            .map_err(FileError::io("name", target))?;
        Self::begin(target, beside(target, &hex::encode(unique)))
    }

    /// Like [`create`](Self::create) for a target of which nobody else writes a draft: what a crash left behind is
    /// overwritten and does not gather.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    // `writer` tells those apart that may have a draft of one target at the same time.
    pub(crate) fn create_only(target: &Path, writer: &str) -> Result<Self, FileError> {
        Self::begin(target, beside(target, writer))
    }

    fn begin(target: &Path, draft: PathBuf) -> Result<Self, FileError> {
        match fs::remove_file(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FileError::io("replace", &draft)(error));
            }
            _ => {}
        }
        let file = OpenOptions::new()
            .write(true)
            .read(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .map_err(FileError::io("create", &draft))?;
        Ok(Self { file, path: draft, target: target.to_owned(), finished: false })
    }

    /// Waits until the bytes are on disk, then gives the file its name; refuses when that name is taken.
    ///
    /// # Errors
    /// [`FileError::Exists`] when something has the name already.
    pub fn publish(self) -> Result<(), FileError> {
        self.finish(|draft, target| match renameat_with(CWD, draft, CWD, target, RenameFlags::NOREPLACE) {
            // File systems without that flag: a hard link refuses an existing name as well.
            Err(Errno::INVAL | Errno::NOSYS) => fs::hard_link(draft, target).and_then(|()| fs::remove_file(draft)),
            other => other.map_err(io::Error::from),
        })
    }

    /// Waits until the bytes are on disk, then gives the file its name, in place of what had it.
    ///
    /// # Errors
    /// [`FileError`] when the system refuses.
    pub fn replace(self) -> Result<(), FileError> {
        self.finish(|draft, target| fs::rename(draft, target))
    }

    /// What is being written.
    pub(crate) const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Everything that was written so far.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be read.
    pub fn read_back(&mut self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut bytes));
        read.map_err(FileError::io("read", &self.path))?;
        Ok(bytes)
    }

    fn finish(mut self, name: impl FnOnce(&Path, &Path) -> io::Result<()>) -> Result<(), FileError> {
        self.file.sync_all().map_err(FileError::io("write", &self.path))?;
        name(&self.path, &self.target).map_err(FileError::io("name", &self.target))?;
        self.finished = true;
        sync_parent(&self.target)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.file.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing can be done about a failure here; the next draft overwrites what stays behind.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn beside(target: &Path, word: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{word}.draft"));
    target.with_file_name(name)
}

/// Writes a whole file that only its owner can read, in place of what is there, and waits until it is on disk.
///
/// # Errors
/// [`FileError`] when the system refuses; the old content is then untouched.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut draft = Draft::create(path)?;
    draft.write_all(bytes).map_err(FileError::io("write", path))?;
    draft.replace()
}

/// Writes a whole new file that only its owner can read, and waits until it is on disk.
///
/// # Errors
/// [`FileError::Exists`] if something is there already, which stays as it is; others when the system refuses.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut draft = Draft::create(path)?;
    draft.write_all(bytes).map_err(FileError::io("write", path))?;
    draft.publish()
}

/// Waits until the names in a directory are on disk.
///
/// # Errors
/// [`FileError`] when the directory cannot be opened or synchronised.
pub fn sync_directory(directory: &Path) -> Result<(), FileError> {
    File::open(directory).and_then(|handle| handle.sync_all()).map_err(FileError::io("synchronise", directory))
}

pub(super) fn sync_parent(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_directory(Path::new(".")),
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}

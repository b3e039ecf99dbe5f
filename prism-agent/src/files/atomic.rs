mod named;
mod nameless;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use prism_core::entropy::{SystemEntropy, draw};
use rustix::fs::syncfs;

use self::named::Named;
pub use self::named::remove_drafts;
use super::FileError;

/// A file in the making beside its final place: readers see the old content or the whole new content, never a part.
///
/// It has no name until it is whole, so that nothing stays behind, whatever ends the process. Where the file system has
/// no such files, it has a hidden name, which is removed with it; see [`remove_drafts`]. [`publish`](Draft::publish) and
/// [`replace`](Draft::replace) give it its final name, dropping it removes it.
#[derive(Debug)]
pub struct Draft {
    file: File,
    target: PathBuf,
    /// Tells its hidden name from those of other drafts of the same target.
    word: String,
    name: Option<Named>,
    synchronised: bool,
}

impl Draft {
    /// Starts a file that only its owner can read, to be named `target` in the end. Several drafts of one target may be
    /// written at a time; the last to finish wins, or finds the name taken.
    ///
    /// # Errors
    /// [`FileError::NoFolder`] when the directory does not exist; [`FileError`] when it is not writable.
    pub fn create(target: &Path) -> Result<Self, FileError> {
        let unique = draw::<8>(&mut SystemEntropy::default())
            .map_err(io::Error::other)
            .map_err(FileError::io("name", target))?;
        Self::create_only(target, &hex::encode(unique))
    }

    /// Like [`create`](Self::create) for a target of which nobody else writes a draft: what a crash left behind, if it
    /// had a name, is overwritten and does not gather.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    // `word` tells those apart that may have a draft of one target at the same time.
    pub(crate) fn create_only(target: &Path, word: &str) -> Result<Self, FileError> {
        match nameless::create(parent(target)).map_err(in_folder(target))? {
            Some(file) => Ok(Self::new(file, target, word, None)),
            None => Self::create_named(target, word),
        }
    }

    /// Where a file cannot be without a name.
    pub(super) fn create_named(target: &Path, word: &str) -> Result<Self, FileError> {
        let name = Named::take(beside(target, word)).map_err(in_folder(target))?;
        let created = OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(name.path());
        Ok(Self::new(created.map_err(in_folder(target))?, target, word, Some(name)))
    }

    fn new(file: File, target: &Path, word: &str, name: Option<Named>) -> Self {
        Self { file, target: target.to_owned(), word: word.to_owned(), name, synchronised: false }
    }

    /// Waits until the bytes are on disk, then gives the file its name; refuses when that name is taken.
    ///
    /// # Errors
    /// [`FileError::Exists`] when something has the name already. After any error, the file does not have it.
    pub fn publish(mut self) -> Result<(), FileError> {
        self.synchronise()?;
        let named = match self.name.take() {
            Some(name) => name.become_new(&self.target),
            None => nameless::link(&self.file, &self.target),
        };
        named.map_err(FileError::io("name", &self.target))?;
        self.synchronise_name().inspect_err(|_| self.take_back())
    }

    /// Waits until the bytes are on disk, then gives the file its name, in place of what had it.
    ///
    /// # Errors
    /// [`FileError`] when the system refuses. What had the name still has it, unless the error is
    /// [`FileError::Unsettled`].
    pub fn replace(mut self) -> Result<(), FileError> {
        self.synchronise()?;
        let named = self.hidden_name().and_then(|name| name.become_in_place(&self.target));
        named.map_err(FileError::io("name", &self.target))?;
        self.synchronise_name().map_err(|error| error.unsettled(&self.target))
    }

    /// Waits until the bytes are on disk.
    ///
    /// # Errors
    /// [`FileError`] when they do not get there.
    pub fn synchronise(&mut self) -> Result<(), FileError> {
        if !self.synchronised {
            self.file.sync_all().map_err(FileError::io("write", &self.target))?;
            self.synchronised = true;
        }
        Ok(())
    }

    /// What is being written.
    pub(crate) const fn file(&mut self) -> &mut File {
        self.synchronised = false;
        &mut self.file
    }

    /// Everything that was written so far.
    ///
    /// # Errors
    /// [`FileError`] when it cannot be read.
    pub fn read_back(&mut self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        let read = self.file.rewind().and_then(|()| self.file.read_to_end(&mut bytes));
        read.map_err(FileError::io("read", &self.target))?;
        Ok(bytes)
    }

    /// Only a name can take the place of another in one step.
    fn hidden_name(&mut self) -> io::Result<Named> {
        if let Some(name) = self.name.take() {
            return Ok(name);
        }
        let name = Named::take(beside(&self.target, &self.word))?;
        nameless::link(&self.file, name.path())?;
        Ok(name)
    }

    /// Waits until the name is on disk. A folder may be writable and closed to readers; then all of its file system has
    /// to be.
    fn synchronise_name(&self) -> Result<(), FileError> {
        let folder = parent(&self.target);
        match File::open(folder) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                syncfs(&self.file).map_err(io::Error::from)
            }
            opened => opened.and_then(|folder| folder.sync_all()),
        }
        .map_err(FileError::io("synchronise", folder))
    }

    /// Nobody shall find a file of which it was said that it is not there.
    fn take_back(&self) {
        let same = |here: fs::Metadata, there: fs::Metadata| (here.dev(), here.ino()) == (there.dev(), there.ino());
        if let (Ok(here), Ok(there)) = (self.file.metadata(), fs::symlink_metadata(&self.target))
            && same(here, there)
        {
            let _ = fs::remove_file(&self.target);
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.file().write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn beside(target: &Path, word: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{word}.draft"));
    target.with_file_name(name)
}

/// The folder that a file is in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Why no file can be made beside `target`, in words about the folder.
fn in_folder(target: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = parent(target).to_owned();
    move |source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileError::NoFolder { path },
        _ => FileError::Io { verb: "create a file in", path, source },
    }
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

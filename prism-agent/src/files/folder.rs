use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use prism_core::archive::{PackError, Packer};
use rustix::fs::OFlags;

use super::pipe::{PipeWriter, pipe};
use super::{FileError, kind_of};

/// Most files in one folder: a bound on the memory that their names take.
const FILES_MAX: usize = 100_000;

/// The regular files below a directory, in the order of their names: what its canonical archive holds.
///
/// Times, modes, owners and empty directories are not part of it, so that the same content has the same digest on
/// every machine. Links, devices, pipes and sockets are refused by name rather than left out in silence.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    names: Vec<String>,
}

impl Folder {
    /// Walks the directory; no content is read yet.
    ///
    /// # Errors
    /// [`FileError::NotRegular`] names what cannot be part of an archive.
    pub fn open(root: &Path) -> Result<Self, FileError> {
        let mut names = Vec::new();
        let mut waiting = vec![(root.to_owned(), String::new())];
        while let Some((directory, prefix)) = waiting.pop() {
            for entry in fs::read_dir(&directory).map_err(FileError::io("list", &directory))? {
                let entry = entry.map_err(FileError::io("list", &directory))?;
                let kind = entry.file_type().map_err(FileError::io("inspect", &entry.path()))?;
                let name = entry.file_name().into_string().map_err(|_| FileError::NotText { path: entry.path() })?;
                if kind.is_dir() {
                    waiting.push((entry.path(), format!("{prefix}{name}/")));
                } else if kind.is_file() {
                    names.push(format!("{prefix}{name}"));
                } else {
                    return Err(FileError::NotRegular { path: entry.path(), found: kind_of(kind) });
                }
                if names.len() > FILES_MAX {
                    return Err(FileError::TooMany { path: root.to_owned(), limit: FILES_MAX });
                }
            }
        }
        names.sort_unstable();
        Ok(Self { root: root.to_owned(), names })
    }

    /// The directory, as it was given.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of its files, relative to it, sorted by their bytes.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Writes the canonical archive in one pass with constant memory and gives the writer back.
    ///
    /// # Errors
    /// [`FileError::Pack`] when a file cannot be packed, [`FileError`] when it cannot be opened.
    pub fn pack<W: Write>(&self, writer: W) -> Result<W, FileError> {
        let mut packer = Packer::new(writer);
        for name in &self.names {
            let path = self.root.join(name);
            let mut file = open_plain(&path)?;
            packer.file(name, &mut file).map_err(|source| pack_error(&path, source))?;
        }
        packer.finish().map_err(|source| pack_error(&self.root, source))
    }

    /// The canonical archive as a stream: a thread packs into a bounded pipe while the caller reads.
    ///
    /// # Errors
    /// [`FileError`] when the thread cannot be started. An error while packing is one of the reader's.
    pub fn reader(&self) -> Result<impl Read + Send + 'static, FileError> {
        let (writer, reader) = pipe();
        let folder = self.clone();
        thread::Builder::new()
            .name("prism-pack".to_owned())
            .spawn(move || folder.pack_into(writer))
            .map_err(FileError::io("pack", &self.root))?;
        Ok(reader)
    }

    fn pack_into(&self, mut writer: PipeWriter) {
        let outcome = self.pack(&mut writer).map(drop).map_err(io::Error::other);
        writer.close(outcome);
    }
}

/// Opens a file that the walk found to be regular, and refuses what has taken its place since.
fn open_plain(path: &Path) -> Result<File, FileError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(FileError::io("open", path))?;
    let kind = file.metadata().map_err(FileError::io("inspect", path))?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    Err(FileError::NotRegular { path: path.to_owned(), found: kind_of(kind) })
}

fn pack_error(path: &Path, source: PackError) -> FileError {
    FileError::Pack { path: path.to_owned(), source: Box::new(source) }
}

//! Finding the files below a directory.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use prism_core::archive::{PackError, SafePath};

use crate::files::{FileError, kind_of};

/// The names of all files below `root`, sorted by their bytes, if each can be part of an archive.
pub(super) fn names(root: &Path, limit: u64) -> Result<Vec<String>, FileError> {
    let mut walk = Walk { root, limit, entries: 0, names: Vec::new(), waiting: vec![String::new()] };
    while let Some(folder) = walk.waiting.pop() {
        walk.list(&folder)?;
    }
    walk.names.sort_unstable();
    Ok(walk.names)
}

struct Walk<'a> {
    root: &'a Path,
    limit: u64,
    entries: u64,
    names: Vec<String>,
    /// Directories still to be listed, each with a slash behind its name.
    waiting: Vec<String>,
}

impl Walk<'_> {
    fn list(&mut self, folder: &str) -> Result<(), FileError> {
        let directory = if folder.is_empty() { self.root.to_owned() } else { self.root.join(folder) };
        for entry in fs::read_dir(&directory).map_err(FileError::io("list", &directory))? {
            let entry = entry.map_err(FileError::io("list", &directory))?;
            let kind = entry.file_type().map_err(FileError::io("inspect", &entry.path()))?;
            self.count()?;
            let mut name = self.name(folder, entry.file_name())?;
            if kind.is_dir() {
                name.push('/');
                self.waiting.push(name);
            } else if kind.is_file() {
                self.names.push(name);
            } else {
                return Err(FileError::NotRegular { path: entry.path(), found: kind_of(kind) });
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), FileError> {
        self.entries += 1;
        if self.entries <= self.limit {
            return Ok(());
        }
        Err(FileError::TooMany { path: self.root.to_owned(), limit: self.limit })
    }

    /// The name from the root on, refused before anything is read if no archive can hold it.
    fn name(&self, folder: &str, name: OsString) -> Result<String, FileError> {
        let path = |name: &Path| -> PathBuf { self.root.join(folder).join(name) };
        let name = name.into_string().map_err(|name| FileError::NotText { path: path(Path::new(&name)) })?;
        let name = [folder, &name].concat();
        match SafePath::new(&name) {
            Ok(_) => Ok(name),
            Err(source) => {
                let path = self.root.join(&name);
                Err(FileError::Pack { path, source: Box::new(PackError::Path { name, source }) })
            }
        }
    }
}

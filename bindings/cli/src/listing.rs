//! Which files of a folder differ from those that were agreed: what a listing beside the folder tells.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use prism_agent::files::{Differences, FileError, FileNames, Folder, Listing};
use prism_core::code::message;
use serde::Serialize;

use crate::exit::{Failure, Outcome};

/// A listing and where it lies.
#[derive(Clone)]
pub(crate) struct Listed {
    path: PathBuf,
    listing: Listing,
}

impl Listed {
    /// Reads a listing: a file, or a pipe.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        let file = File::open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => FileError::Missing { path: path.to_owned() },
            _ => FileError::Io { verb: "open", path: path.to_owned(), source },
        })?;
        let listing = Listing::read(BufReader::new(file));
        let listing = listing.map_err(|error| Failure::from(error).at(path.display()))?;
        Ok(Self { path: path.to_owned(), listing })
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What became of its files.
    pub(crate) fn compare(&self, found: &Listing) -> Differences {
        self.listing.compare(found)
    }
}

/// Says which files of a folder are not those that were agreed, by the listing that was named or else by the one that
/// lies beside the folder. Reads the whole folder.
pub(crate) fn explain(folder: &Folder, named: Option<&Listed>) -> String {
    let beside = beside(folder.root());
    let listed = match (named, beside.as_deref().filter(|path| path.is_file())) {
        (Some(listed), _) => Ok(listed.clone()),
        (None, Some(path)) => Listed::read(path),
        (None, None) => return format!("no listing says which files differ: {HOW}"),
    };
    let listed = match listed {
        Ok(listed) => listed,
        Err(failure) => return format!("the listing does not say which files differ: {}", failure.message()),
    };
    let path = listed.path().display();
    match folder.list().map(|found| listed.compare(&found)) {
        Ok(differences) if differences.is_empty() => {
            format!("the folder is as {path} lists it: that is no listing of what was agreed")
        }
        Ok(differences) => format!("{} from {path}:\n{differences}", number(&differences)),
        Err(error) => format!("the folder could not be compared with {path}: {}", message(&error)),
    }
}

const HOW: &str = "`prism checksum DIR --list DIR.sha256` makes one while the folder is as agreed";

/// `3 files differ`.
pub(crate) fn number(differences: &Differences) -> String {
    match differences.count() {
        1 => "1 file differs".to_owned(),
        count => format!("{count} files differ"),
    }
}

/// `DIR.sha256`, beside the folder.
fn beside(folder: &Path) -> Option<PathBuf> {
    // "." and ".." have a name only when they are resolved.
    let path = if folder.file_name().is_some() { folder.to_owned() } else { folder.canonicalize().ok()? };
    let mut name = path.file_name()?.to_owned();
    name.push(".sha256");
    Some(path.with_file_name(name))
}

/// Differences in JSON: the first names of each kind, and how many there are.
#[derive(Serialize)]
pub(crate) struct Named {
    changed: Names,
    added: Names,
    removed: Names,
}

#[derive(Serialize)]
struct Names {
    count: u64,
    first: Vec<String>,
}

impl From<&Differences> for Named {
    fn from(differences: &Differences) -> Self {
        let names = |some: &FileNames| Names { count: some.count(), first: some.first().to_vec() };
        Self {
            changed: names(&differences.changed),
            added: names(&differences.added),
            removed: names(&differences.removed),
        }
    }
}

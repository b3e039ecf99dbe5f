//! `prism checksum DIR --list FILE` and `--compare FILE`: the files of a directory beside its digest.

use std::fmt;
use std::io::{BufWriter, Write};
use std::path::Path;

use prism_agent::files::{Differences, Draft, FileError, Listing, Source};
use prism_core::code::Code;
use serde::Serialize;

use super::{Checksum, Line};
use crate::exit::{Failure, Outcome};
use crate::listing::{Listed, Named, number};
use crate::print::{Printer, Safe};

/// The one directory, and what became of its files.
#[derive(Serialize)]
struct Compared {
    files: [Line; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<Named>,
    #[serde(skip)]
    text: String,
}

impl Checksum {
    /// Everything in one pass over the directory.
    pub(super) fn listed(&self, printer: Printer) -> Outcome {
        let [path] = self.paths.as_slice() else {
            return Err(Failure::usage("expected one directory with --list or --compare, found several paths"));
        };
        let source = Source::open(path)?;
        let folder = source.folder().ok_or_else(|| {
            Failure::usage("expected a directory with --list or --compare, found a file: its digest says it all")
        })?;
        let agreed = self.compare.as_deref().map(Listed::read).transpose()?;
        self.list.as_deref().map(|file| check_target(path, file)).transpose()?;
        let (measured, found) = folder.measure_and_list(self.hasher()?, &mut |_| {})?;
        self.list.as_deref().map(|file| write(file, &found)).transpose()?;
        let differences = agreed.as_ref().map(|agreed| agreed.compare(&found));
        let compared = Compared {
            files: [Line::new(path, measured)],
            listing: self.list.as_deref().map(|file| file.display().to_string()),
            differences: differences.as_ref().map(Named::from),
            text: differences.as_ref().map(Differences::to_string).unwrap_or_default(),
        };
        printer.show(&compared)?;
        match (differences.filter(|found| !found.is_empty()), agreed) {
            (Some(differences), Some(agreed)) => Err(differ(path, agreed.path(), &differences)),
            _ => Ok(()),
        }
    }
}

/// A listing is never overwritten, and never one of the files that it lists.
fn check_target(folder: &Path, file: &Path) -> Outcome {
    if file.symlink_metadata().is_ok() {
        return Err(FileError::Exists { path: file.to_owned() }.into());
    }
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let (Ok(parent), Ok(folder)) = (parent.canonicalize(), folder.canonicalize())
        && parent.starts_with(folder)
    {
        let text = "expected the listing beside the directory, found it inside: it would be one of the files";
        return Err(Failure::usage(text));
    }
    Ok(())
}

fn write(path: &Path, listing: &Listing) -> Outcome {
    let failed = |source| FileError::Io { verb: "write", path: path.to_owned(), source };
    let mut writer = BufWriter::new(Draft::create(path)?);
    listing.write(&mut writer).and_then(|()| writer.flush()).map_err(failed)?;
    Ok(writer.into_inner().map_err(|error| failed(error.into_error()))?.publish()?)
}

fn differ(folder: &Path, agreed: &Path, differences: &Differences) -> Failure {
    let (folder, agreed) = (folder.display(), agreed.display());
    let message = format!("expected the files of {folder} as {agreed} lists them: {}", number(differences));
    Failure::new(Code::AssetMismatch, message)
        .hint("the files are named above; restore them, or agree on the directory as it is now")
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [line] = &self.files;
        writeln!(f, "{line}")?;
        if let Some(listing) = &self.listing {
            writeln!(f, "wrote {}", Safe::new(listing))?;
        }
        writeln!(f, "{}", Safe::lines(&self.text))
    }
}

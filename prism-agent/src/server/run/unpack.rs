//! Unpacks an asset below the run's directory: `prism_core::archive` decides, this only writes.

use std::fs::{DirBuilder, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use prism_core::archive::{Limits, SafePath, Sink, UnpackError, unpack};

use crate::server::store::create_private;

/// Why an asset was not unpacked.
#[derive(Debug, thiserror::Error)]
#[error("expected {asset} to be a safe archive, found one that is not; see what its provider packed")]
pub(super) struct UnpackedError {
    /// The asset's file.
    asset: PathBuf,
    /// What is wrong with it.
    #[source]
    source: Box<UnpackError>,
}

/// Unpacks the archive at `file` into the new directory `folder`.
pub(super) fn unpack_asset(file: &Path, folder: &Path) -> Result<(), UnpackedError> {
    let failed = |source| UnpackedError { asset: file.to_owned(), source: Box::new(source) };
    let archive = File::open(file).map_err(|error| failed(UnpackError::Read(error)))?;
    make(folder).map_err(|error| failed(UnpackError::Read(error)))?;
    let unpacked = unpack(BufReader::new(archive), &Limits::default(), &mut Folder(folder));
    unpacked.map(|_| ()).map_err(failed)
}

fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// A directory that nobody else writes to: every path is new, so there is no link to follow.
struct Folder<'a>(&'a Path);

impl Sink for Folder<'_> {
    fn directory(&mut self, path: &SafePath) -> io::Result<()> {
        make(&self.0.join(path.as_str()))
    }

    fn file(&mut self, path: &SafePath, _: u64) -> io::Result<Box<dyn Write + '_>> {
        Ok(Box::new(BufWriter::new(create_private(&self.0.join(path.as_str()))?)))
    }
}

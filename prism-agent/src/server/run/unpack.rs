//! Unpacks an asset below the run's directory: `prism_core::archive` decides, this only writes, within the room that
//! the agent's disk has and until somebody stops it.

use std::fs::{DirBuilder, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prism_core::archive::{Archive, Limits, SafePath, Sink, Summary, UnpackError};
use prism_core::code::{Code, Coded};
use prism_core::image::ImageError;
use tokio_util::sync::CancellationToken;

use crate::server::room::{Claim, NoRoom, Room};
use crate::server::store::create_private;
use crate::server::upload::disk_code;

/// What a file or directory takes on the disk beside its bytes: the block that it does not fill, and its own entry.
const BLOCK: u64 = 4096;

/// Bytes that are written before the disk is looked at again.
pub(super) const LOOK_EVERY: u64 = 16 << 20;

/// Why an asset was not unpacked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnpackAssetError {
    /// The asset is no archive, or none that may be unpacked.
    #[error("expected {asset} to be a safe archive, found one that is not; see what its provider packed")]
    Unsafe {
        /// The asset's file.
        asset: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<UnpackError>,
    },
    /// The asset is no image, or none that may be unpacked here.
    #[error("expected {asset} to be an image for this machine, found one that is not; see how its provider built it")]
    Image {
        /// The asset's file.
        asset: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<ImageError>,
    },
    /// What it unpacks to does not fit.
    #[error("expected room for what {asset} unpacks to, {bytes} bytes with its {entries} files and folders: {source}")]
    NoRoom {
        /// The asset's file.
        asset: PathBuf,
        /// What it takes on the disk.
        bytes: u64,
        /// Files and directories in it.
        entries: u64,
        /// What there is.
        source: NoRoom,
    },
    /// The agent's disk refused.
    #[error("expected to unpack {asset} on the agent's disk, found an error of the system; see to that disk")]
    Disk {
        /// The asset's file.
        asset: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The run was stopped meanwhile.
    #[error("expected to unpack {asset}, found the run stopped")]
    Stopped {
        /// The asset's file.
        asset: PathBuf,
    },
}

impl Coded for UnpackAssetError {
    fn code(&self) -> Code {
        match self {
            Self::Unsafe { source, .. } => source.code(),
            Self::Image { source, .. } => match source.as_ref() {
                // Its entries contradict each other.
                ImageError::Write { .. } => Code::ArchiveUnsafe,
                source => source.code(),
            },
            Self::NoRoom { source, .. } => source.code(),
            Self::Disk { source, .. } => disk_code(source.kind()),
            Self::Stopped { .. } => Code::RunStopped,
        }
    }
}

/// Unpacks assets of one run.
pub(super) struct Unpacker<'a> {
    /// What is left on the disk.
    pub(super) room: &'a Arc<Room>,
    /// What one asset may unpack to.
    pub(super) limits: &'a Limits,
    /// Ends it.
    pub(super) cancel: &'a CancellationToken,
}

impl Unpacker<'_> {
    /// Unpacks the archive at `file` into the new directory `folder`. Room for all of it is claimed before.
    pub(super) fn unpack(&self, file: &Path, folder: &Path) -> Result<(), UnpackAssetError> {
        let asset = || file.to_owned();
        let disk = |source| UnpackAssetError::Disk { asset: asset(), source };
        let reader = Stoppable { reader: BufReader::new(File::open(file).map_err(disk)?), cancel: self.cancel };
        let archive = Archive::open(reader, self.limits).map_err(|error| self.explain(file, error))?;
        let contents = archive.contents();
        let no_room = |source| {
            let (bytes, entries) = (size_on_disk(&contents), contents.files + contents.directories);
            UnpackAssetError::NoRoom { asset: asset(), bytes, entries, source }
        };
        let claim = self.room.claim(size_on_disk(&contents), contents.files + contents.directories).map_err(no_room)?;
        make(folder).map_err(disk)?;
        let mut sink = Folder { root: folder, claim, cancel: self.cancel, taken: 0, looked: 0, full: None };
        let unpacked = archive.unpack(&mut sink);
        // What it takes is never given back while the agent lives, as with the asset itself.
        sink.claim.keep();
        match (unpacked, sink.full) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(full)) => Err(no_room(full)),
            (Err(error), None) => Err(self.explain(file, error)),
        }
    }

    fn explain(&self, file: &Path, error: UnpackError) -> UnpackAssetError {
        let asset = file.to_owned();
        match error {
            _ if self.cancel.is_cancelled() => UnpackAssetError::Stopped { asset },
            UnpackError::Read(source) | UnpackError::Write { source, .. } => UnpackAssetError::Disk { asset, source },
            source => UnpackAssetError::Unsafe { asset, source: Box::new(source) },
        }
    }
}

/// At most so many bytes of the disk are taken.
const fn size_on_disk(contents: &Summary) -> u64 {
    let entries = contents.files.saturating_add(contents.directories);
    contents.bytes.saturating_add(entries.saturating_mul(BLOCK))
}

pub(super) fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

pub(super) fn go_on(cancel: &CancellationToken) -> io::Result<()> {
    if cancel.is_cancelled() { Err(io::Error::other("stopped")) } else { Ok(()) }
}

/// A reader that ends when somebody stops it.
pub(super) struct Stoppable<'a, R> {
    pub(super) reader: R,
    pub(super) cancel: &'a CancellationToken,
}

impl<R: Read> Read for Stoppable<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        go_on(self.cancel)?;
        self.reader.read(buffer)
    }
}

impl<R: Seek> Seek for Stoppable<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

/// A directory that nobody else writes to: every path is new, so there is no link to follow.
struct Folder<'a> {
    root: &'a Path,
    claim: Claim,
    cancel: &'a CancellationToken,
    /// Bytes of the disk taken so far, at most.
    taken: u64,
    /// What was taken when the disk was looked at.
    looked: u64,
    /// What is missing, once the disk is full.
    full: Option<NoRoom>,
}

impl Folder<'_> {
    /// So many bytes more of the disk are taken; whether the rest still fits.
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken - self.looked < LOOK_EVERY {
            return Ok(());
        }
        self.looked = self.taken;
        self.look()
    }

    fn look(&mut self) -> io::Result<()> {
        self.claim.holds(self.taken);
        self.claim.look().map_err(|no_room| {
            self.full = Some(no_room);
            io::ErrorKind::StorageFull.into()
        })
    }

    /// The disk refused: a full one says what is needed.
    fn refused(&mut self, error: io::Error) -> io::Error {
        match disk_code(error.kind()) {
            Code::AgentFull => self.look().err().unwrap_or(error),
            _ => error,
        }
    }
}

impl Sink for Folder<'_> {
    fn directory(&mut self, path: &SafePath) -> io::Result<()> {
        go_on(self.cancel)?;
        make(&self.root.join(path.as_str())).map_err(|error| self.refused(error))?;
        self.take(BLOCK)
    }

    fn file(&mut self, path: &SafePath, _: u64) -> io::Result<Box<dyn Write + '_>> {
        go_on(self.cancel)?;
        let file = create_private(&self.root.join(path.as_str())).map_err(|error| self.refused(error))?;
        self.take(BLOCK)?;
        Ok(Box::new(BufWriter::new(Piece { folder: self, file })))
    }
}

/// A file in the making.
struct Piece<'s, 'a> {
    folder: &'s mut Folder<'a>,
    file: File,
}

impl Write for Piece<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        go_on(self.folder.cancel)?;
        let written = self.file.write(bytes).map_err(|error| self.folder.refused(error))?;
        self.folder.take(written as u64)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;

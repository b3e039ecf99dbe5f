//! A folder as its canonical archive.

mod descent;
mod through;
mod walk;

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;

use prism_core::archive::{Content, Limits, PackError, Packer, check_names};
use prism_core::digest::Hasher;
use rustix::fs::{CWD, Mode, OFlags, openat};

use self::descent::{Descent, Opened};
use self::through::{Hashed, Reporting, Rest};
use super::listing::Listing;
use super::measure::{Measured, measure};
use super::pipe::{PipeWriter, pipe};
use super::{Change, FileError};

/// The regular files below a directory, in the order of their names: what its canonical archive holds.
///
/// Times, modes, owners and empty directories are not part of it, so that the same content has the same digest on
/// every machine. Links, devices, pipes and sockets are refused by name rather than left out in silence; so are names
/// that an archive cannot hold. Nothing below the directory is reached through a link, not even one that appears while
/// it is read.
///
/// What the first pass over the files found, the passes after it have to find again: a folder that changes between
/// measuring and sending is noticed at the first file that did ([`FileError::Changed`]). Files that were added since
/// [`open`](Folder::open) are not part of it. About 350 bytes of memory for each file.
#[derive(Clone, Debug)]
pub struct Folder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    directory: OwnedFd,
    names: Vec<String>,
    /// What the first pass found, file by file.
    first: OnceLock<Vec<Content>>,
}

impl Folder {
    /// Walks the directory; no content is read yet.
    ///
    /// # Errors
    /// [`FileError::NotRegular`], [`FileError::NotText`] and [`FileError::Pack`] name what cannot be part of an
    /// archive; [`FileError::TooMany`] when there is more than [`Limits::default`] lets anybody unpack.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Self::open_within(path, Limits::default().entries)
    }

    /// `limit` bounds files and directories together.
    fn open_within(path: &Path, limit: u64) -> Result<Self, FileError> {
        // The directory stays open: what takes its name later is another.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty()).map_err(io::Error::from);
        let directory = directory.map_err(FileError::io("open", path))?;
        let names = walk::names(path, limit)?;
        check_names(names.iter().map(String::as_str)).map_err(|source| Unpacked::Pack(source).at(path))?;
        Ok(Self(Arc::new(Inner { path: path.to_owned(), directory, names, first: OnceLock::new() })))
    }

    /// The directory, as it was given.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0.path
    }

    /// The names of its files, relative to it, sorted by their bytes.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// Digest and size of the canonical archive; `progress` hears the number of its bytes so far.
    ///
    /// # Errors
    /// As [`pack`](Self::pack).
    pub fn measure(&self, hasher: Hasher, progress: &mut dyn FnMut(u64)) -> Result<Measured, FileError> {
        Ok(self.pack(Reporting::new(hasher, progress))?.finish())
    }

    /// [`measure`](Self::measure), and in the same pass the digest of each file.
    ///
    /// # Errors
    /// As [`pack`](Self::pack).
    pub fn measure_and_list(
        &self,
        hasher: Hasher,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Measured, Listing), FileError> {
        let mut listing = Listing::default();
        let archive = Packer::new(Rest::after(0, Reporting::new(hasher, progress)));
        let measured = self.fill(archive, 0, Some(&mut listing))?.finish().finish();
        Ok((measured, listing))
    }

    /// The checksum of Cocos AI: the SHA3-256, and the size, of the archive that it makes of a directory on a machine
    /// in the time zone UTC if all files have the mode 0644. Its own value depends on zone and modes.
    ///
    /// # Errors
    /// As [`pack`](Self::pack).
    pub fn measure_cocos(&self, progress: &mut dyn FnMut(u64)) -> Result<Measured, FileError> {
        let archive = Packer::cocos(Rest::after(0, Reporting::new(Hasher::sha3_256(), progress)));
        Ok(self.fill(archive, 0, None)?.finish().finish())
    }

    /// The digest of each file, without the archive's.
    ///
    /// # Errors
    /// [`FileError`] when a file cannot be read.
    pub fn list(&self) -> Result<Listing, FileError> {
        let (mut listing, mut descent) = (Listing::default(), Descent::new(&self.0.directory, &self.0.path));
        for name in &self.0.names {
            let mut file = descent.open(name)?;
            let measured = measure(&mut file, Hasher::sha256(), &mut |_| {});
            listing.push(name, measured.map_err(FileError::io("read", &self.0.path.join(name)))?.digest);
        }
        Ok(listing)
    }

    /// Writes the canonical archive in one pass with constant memory and gives the writer back.
    ///
    /// # Errors
    /// [`FileError::Changed`] when a file is not what an earlier pass found or changes its size meanwhile,
    /// [`FileError::Pack`] when one cannot be packed, [`FileError`] when it cannot be opened.
    pub fn pack<W: Write>(&self, writer: W) -> Result<W, FileError> {
        self.fill(Packer::new(Rest::after(0, writer)), 0, None).map(Rest::finish)
    }

    /// The canonical archive as a stream from `offset` on: a thread packs into a bounded pipe while the caller reads.
    /// Files that an earlier pass has read and that lie before the offset are not read again.
    ///
    /// # Errors
    /// [`FileError`] when the thread cannot be started. An error while packing is one of the reader's.
    pub fn reader(&self, offset: u64) -> Result<impl Read + Send + 'static, FileError> {
        let (writer, reader) = pipe();
        let folder = self.clone();
        thread::Builder::new()
            .name("prism-pack".to_owned())
            .spawn(move || folder.pack_into(writer, offset))
            .map_err(FileError::io("pack", self.root()))?;
        Ok(reader)
    }

    fn pack_into(&self, mut writer: PipeWriter, offset: u64) {
        let archive = Packer::new(Rest::after(offset, &mut writer));
        let outcome = self.fill(archive, offset, None).map(drop).map_err(io::Error::other);
        writer.close(outcome);
    }

    /// Packs every file that does not lie before `offset` as a whole.
    fn fill<W: Write>(
        &self,
        mut archive: Packer<Rest<W>>,
        offset: u64,
        mut listing: Option<&mut Listing>,
    ) -> Result<Rest<W>, FileError> {
        let Inner { path, directory, names, first } = &*self.0;
        let mut descent = Descent::new(directory, path);
        let known = first.get().map(Vec::as_slice);
        let mut found = Vec::with_capacity(if known.is_none() { names.len() } else { 0 });
        for (number, name) in names.iter().enumerate() {
            let before = known.and_then(|known| known.get(number));
            if pass(&mut archive, name, before, offset).map_err(|error| error.at(&path.join(name)))? {
                continue;
            }
            let mut file = descent.open(name)?;
            let packed = content(&file, before).and_then(|size| {
                let packed = pack_one(&mut archive, name, &mut file, listing.as_deref_mut())?;
                same(size, before, packed)?;
                Ok(packed)
            });
            let packed = packed.map_err(|error| error.at(&path.join(name)))?;
            if known.is_none() {
                found.push(packed);
            }
        }
        let writer = archive.finish().map_err(|source| Unpacked::Pack(source).at(path))?;
        if known.is_none() {
            // Whoever else was first has compared what it found by itself.
            let _ = first.set(found);
        }
        Ok(writer)
    }
}

/// Why one file was not packed.
enum Unpacked {
    Changed(Change),
    Pack(PackError),
}

impl Unpacked {
    fn at(self, path: &Path) -> FileError {
        let path = path.to_owned();
        match self {
            Self::Changed(change) => FileError::Changed { path, change },
            Self::Pack(source) => FileError::Pack { path, source: Box::new(source) },
        }
    }
}

/// Whether a file that an earlier pass has read lies before `offset` and was passed over.
fn pass<W: Write>(
    archive: &mut Packer<Rest<W>>,
    name: &str,
    before: Option<&Content>,
    offset: u64,
) -> Result<bool, Unpacked> {
    let Some(before) = before.filter(|_| offset > 0) else { return Ok(false) };
    let length = archive.pass(name, *before, offset).map_err(Unpacked::Pack)?;
    archive.get_mut().passed(length);
    Ok(length > 0)
}

/// The size that the file has to have when it has been read: the one that it has now, if an earlier pass agrees.
fn content(file: &Opened, before: Option<&Content>) -> Result<u64, Unpacked> {
    match before {
        Some(before) if before.size != file.size() => {
            Err(Unpacked::Changed(Change::Size { before: before.size, now: file.size() }))
        }
        _ => Ok(file.size()),
    }
}

fn same(size: u64, before: Option<&Content>, packed: Content) -> Result<(), Unpacked> {
    if packed.size != size {
        return Err(Unpacked::Changed(Change::Size { before: size, now: packed.size }));
    }
    match before {
        Some(before) if *before != packed => Err(Unpacked::Changed(Change::Content)),
        _ => Ok(()),
    }
}

fn pack_one<W: Write>(
    archive: &mut Packer<W>,
    name: &str,
    file: &mut Opened,
    listing: Option<&mut Listing>,
) -> Result<Content, Unpacked> {
    let Some(listing) = listing else { return archive.file(name, file).map_err(Unpacked::Pack) };
    let mut hashed = Hashed::new(file);
    let packed = archive.file(name, &mut hashed).map_err(Unpacked::Pack)?;
    listing.push(name, hashed.finish());
    Ok(packed)
}

#[cfg(test)]
mod tests;

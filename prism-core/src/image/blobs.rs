//! The archive around an image: its files by name, where they lie, and their digests.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use tar::EntryType;

use super::document::{DOCUMENT_MAX, Descriptor};
use super::error::{BlobFault, EntryFault, ImageError};
use super::path::{ImagePath, PathFault};
use super::walk::{Forward, Halt, Tar};
use crate::digest::Digest;

/// Most files of an image's archive: an image has at most 127 layers, and each comes with two files or three.
const FILES_MAX: usize = 4096;

/// Longest name of one.
const NAME_MAX: usize = 512;

/// Most bytes of headers that are read before an entry is there.
const BUFFER: usize = 16 << 10;

/// Where a file's bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) size: u64,
}

#[derive(Debug)]
enum Place {
    At(Span),
    /// The same as another file, as older versions of `docker save` write equal layers.
    Like(ImagePath),
}

/// The files of an image's archive.
#[derive(Debug)]
pub(super) struct Blobs<R> {
    pub(super) reader: R,
    files: BTreeMap<ImagePath, Place>,
}

struct Seeking<R>(BufReader<R>);

impl<R: Read> Read for Seeking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read + Seek> Forward for Seeking<R> {
    fn forward(&mut self, bytes: u64) -> io::Result<u64> {
        // The archive's length was compared before.
        let distance = i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.0.seek_relative(distance).map(|()| bytes)
    }
}

impl<R: Read + Seek> Blobs<R> {
    /// Lists the files; nothing of their content is read.
    pub(super) fn list(mut reader: R) -> Result<Self, ImageError> {
        let length = reader.seek(SeekFrom::End(0)).map_err(ImageError::Read)?;
        reader.seek(SeekFrom::Start(0)).map_err(ImageError::Read)?;
        let mut tar = Tar::new(Seeking(BufReader::with_capacity(BUFFER, reader)));
        let mut files = BTreeMap::new();
        let halted = |halt| match halt {
            Halt::Fault(_, fault) => ImageError::Archive(fault),
            Halt::Read(error) => ImageError::Read(error),
        };
        while let Some(entry) = tar.next().map_err(halted)? {
            let archive = |fault| ImageError::Archive(fault);
            if entry.path.len() > NAME_MAX {
                return Err(archive(PathFault::TooLong.into()));
            }
            let span = Span { offset: tar.position(), size: entry.size };
            if span.offset.checked_add(span.size).is_none_or(|end| end > length) {
                return Err(archive(EntryFault::Truncated));
            }
            let path = ImagePath::read(&entry.path).map_err(|fault| archive(fault.into()))?;
            let place = match entry.kind {
                EntryType::Regular | EntryType::Continuous => Some(Place::At(span)),
                EntryType::Symlink => path.as_ref().and_then(|path| beside(path, &entry.link)).map(Place::Like),
                EntryType::Link => ImagePath::read(&entry.link).ok().flatten().map(Place::Like),
                _ => None,
            };
            let (Some(path), Some(place)) = (path, place) else { continue };
            if files.insert(path, place).is_some() {
                return Err(archive(EntryFault::Duplicate));
            }
            if files.len() > FILES_MAX {
                return Err(archive(EntryFault::TooMany { most: FILES_MAX }));
            }
        }
        Ok(Self { reader: tar.into_inner().0.into_inner(), files })
    }

    /// Where a file lies.
    pub(super) fn span(&self, name: &str) -> Result<Span, ImageError> {
        let missing = || ImageError::Blob { name: name.to_owned(), fault: BlobFault::Missing };
        let path = ImagePath::read(name.as_bytes()).ok().flatten().ok_or_else(missing)?;
        match self.files.get(&path) {
            Some(Place::At(span)) => Ok(*span),
            Some(Place::Like(other)) => match self.files.get(other) {
                Some(Place::At(span)) => Ok(*span),
                _ => Err(missing()),
            },
            None => Err(missing()),
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.span(name).is_ok()
    }

    /// Where the blob of a descriptor lies, which has the size that the descriptor says.
    pub(super) fn blob(&self, descriptor: &Descriptor) -> Result<(Digest, Span), ImageError> {
        let digest = descriptor.sha256()?;
        let name = format!("blobs/sha256/{}", digest.to_hex());
        let span = self.span(&name)?;
        if span.size != descriptor.size {
            let fault = BlobFault::Size { expected: descriptor.size, found: span.size };
            return Err(ImageError::Blob { name, fault });
        }
        Ok((digest, span))
    }

    /// The content of a document, which has the digest that is asked for.
    pub(super) fn document(&mut self, name: &str, span: Span, digest: Option<Digest>) -> Result<Vec<u8>, ImageError> {
        let most = DOCUMENT_MAX as u64;
        if span.size > most {
            let fault = BlobFault::Size { expected: most, found: span.size };
            return Err(ImageError::Blob { name: name.to_owned(), fault });
        }
        let mut bytes = Vec::new();
        self.open(span).and_then(|mut content| content.read_to_end(&mut bytes)).map_err(ImageError::Read)?;
        let found = Digest::sha256(&bytes);
        match digest.filter(|expected| *expected != found) {
            Some(expected) => {
                Err(ImageError::Blob { name: name.to_owned(), fault: BlobFault::Digest { expected, found } })
            }
            None => Ok(bytes),
        }
    }

    /// Reads a file's bytes.
    pub(super) fn open(&mut self, span: Span) -> io::Result<io::Take<&mut R>> {
        self.reader.seek(SeekFrom::Start(span.offset))?;
        Ok(self.reader.by_ref().take(span.size))
    }
}

/// What a symbolic link at `path` leads to, without looking at other links.
fn beside(path: &ImagePath, target: &[u8]) -> Option<ImagePath> {
    let (parent, _) = path.split();
    let mut parts: Vec<&[u8]> = parent.as_ref().map(|parent| parent.parts().collect()).unwrap_or_default();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    ImagePath::read(&parts.join(&b'/')).ok().flatten()
}

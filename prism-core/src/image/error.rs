//! Why an image was not unpacked.

use std::io;

use super::path::PathFault;
use crate::archive::Bound;
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::strict::JsonError;

/// Why an image was not unpacked. What the sink holds must be thrown away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The archive could not be read.
    #[error("expected to read the image, found an error; try again")]
    Read(#[source] io::Error),
    /// The sink did not take an entry.
    #[error("layer {layer}, entry {path:?}: expected to write it, found an error; free space or check the destination")]
    Write {
        /// The layer's number, from 1.
        layer: usize,
        /// The entry's name.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The archive around the image is malformed.
    #[error("the image's archive: {0}")]
    Archive(EntryFault),
    /// The archive is no image.
    #[error(
        "expected an image in the OCI layout or as docker save writes it, found neither oci-layout with index.json nor \
         manifest.json; export the image again"
    )]
    NoImage,
    /// A document of the image is malformed.
    #[error("{name}: {source}")]
    Document {
        /// The document's name.
        name: String,
        /// What is wrong with it.
        source: JsonError,
    },
    /// A document of the image says something that cannot be followed.
    #[error("{name}: expected {expected}, found {found:?}; build and export the image again")]
    Terms {
        /// The document's name.
        name: String,
        /// What is needed.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A part of the image is missing or is another one.
    #[error("{name}: {fault}")]
    Blob {
        /// What the image calls it.
        name: String,
        /// What is wrong with it.
        fault: BlobFault,
    },
    /// There is no image for this machine in the archive.
    #[error("expected an image for linux/{wanted}, found {found}; build it for that platform")]
    Platform {
        /// The machine's architecture.
        wanted: &'static str,
        /// The platforms there are.
        found: String,
    },
    /// There are several images for this machine in the archive.
    #[error("expected one image for this machine, found {found}; export one")]
    Several {
        /// How many there are.
        found: usize,
    },
    /// A layer as a whole is not acceptable.
    #[error("layer {layer}: {fault}")]
    Layer {
        /// The layer's number, from 1.
        layer: usize,
        /// What is wrong with it.
        fault: LayerFault,
    },
    /// One entry of a layer is not acceptable.
    #[error("layer {layer}, entry {path:?}: {fault}")]
    Entry {
        /// The layer's number, from 1.
        layer: usize,
        /// The entry's name as far as it is UTF-8, in quotes and escaped when printed.
        path: String,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The image unpacks to more than the limits allow.
    #[error("expected at most {limit} {bound} of an image, found more; make the image smaller or raise the limit")]
    TooLarge {
        /// What is limited.
        bound: Bound,
        /// The limit.
        limit: u64,
    },
}

impl Coded for ImageError {
    fn code(&self) -> Code {
        match self {
            Self::Read(_) | Self::Write { .. } => Code::FileIo,
            Self::Platform { .. } => Code::ManifestUnsupported,
            Self::TooLarge { .. } => Code::ArchiveTooLarge,
            _ => Code::ArchiveUnsafe,
        }
    }
}

/// What is wrong with a part of an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlobFault {
    /// It is not in the archive.
    #[error("expected it in the image's archive, found no such file; export the whole image")]
    Missing,
    /// It has another size.
    #[error("expected {expected} bytes, found {found}; export the image again")]
    Size {
        /// The descriptor's size.
        expected: u64,
        /// The file's size.
        found: u64,
    },
    /// It has another digest.
    #[error("expected the digest {expected}, found {found}; export the image again")]
    Digest {
        /// The descriptor's digest.
        expected: Digest,
        /// The file's digest.
        found: Digest,
    },
}

/// What is wrong with a layer as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerFault {
    /// The compressed data is malformed or ends early.
    #[error("expected well-formed compressed data, found it broken or cut off; export the image again")]
    Compression,
    /// The tar ends inside of an entry.
    #[error("expected a whole tar, found one that is cut off; export the image again")]
    Truncated,
    /// Something follows after the tar's end.
    #[error("expected nothing but zeros after the tar's end, found more; export the image again")]
    Trailing,
    /// The uncompressed bytes are others than the configuration says.
    #[error("expected the diff_id {expected}, found {found}; export the image again")]
    DiffId {
        /// What the configuration says.
        expected: Digest,
        /// What the layer is.
        found: Digest,
    },
}

/// What is wrong with one entry of a tar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// The header is malformed.
    #[error("expected a well-formed tar header, found something else; export the image again")]
    Header,
    /// The archive ends inside of the entry.
    #[error("expected the whole entry, found the archive cut off; export the image again")]
    Truncated,
    /// A long name or an extended header is malformed or too long.
    #[error("expected a well-formed extended header of at most 1 MiB, found another; export the image again")]
    Extended,
    /// The name is not one that stays inside.
    #[error(transparent)]
    Path(#[from] PathFault),
    /// Two files have the same name.
    #[error("expected every file once, found it twice; export the image again")]
    Duplicate,
    /// There are more files than an image's archive has.
    #[error("expected at most {most} files in the image's archive, found more; export one image")]
    TooMany {
        /// The bound.
        most: usize,
    },
    /// The entry is a sparse file.
    #[error("expected a plain file, found a sparse one; build the layer without sparse files")]
    Sparse,
    /// The entry is of a kind that images do not have.
    #[error("expected a file, folder or link, found an entry of type {kind:?}; build the image again")]
    Kind {
        /// The type's byte.
        kind: char,
    },
    /// A link without a target, or with one that cannot be.
    #[error("expected a link to something inside, found another target; build the image again")]
    Target,
    /// A whiteout that names nothing that can be hidden.
    #[error("expected a whiteout of one name, found another; build the image again")]
    Whiteout,
}

//! Why an archive was not packed or unpacked.

use std::io;

use super::path::PathError;
use crate::code::{Code, Coded};

/// Why files were not packed. What was written so far is not an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The archive could not be written.
    #[error("expected to write the archive, found an error; free space or check the destination")]
    Write(#[source] io::Error),
    /// A file could not be read.
    #[error("expected to read {name:?}, found an error; check that it is a readable file")]
    Read {
        /// The entry's name.
        name: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The name is not a safe path.
    #[error("entry {name:?}: {source}")]
    Path {
        /// The name.
        name: String,
        /// The rule that it breaks.
        source: PathError,
    },
    /// Names must ascend, so that an archive has one order only.
    #[error("expected names in ascending order of bytes, found {name:?} after {after:?}; sort the names first")]
    Order {
        /// The name that comes too late.
        name: String,
        /// The name before.
        after: String,
    },
    /// Two names that some file system takes for one, or one that is both file and folder.
    #[error("expected names that every file system can tell apart, found {name:?} beside {other:?}; rename one")]
    Clash {
        /// The later name.
        name: String,
        /// The earlier name.
        other: String,
    },
    /// An earlier error left the archive incomplete.
    #[error("expected an archive without earlier errors, found one; pack again from the start")]
    Broken,
}

impl Coded for PackError {
    fn code(&self) -> Code {
        match self {
            Self::Write(_) | Self::Read { .. } => Code::FileIo,
            Self::Path { .. } | Self::Order { .. } | Self::Clash { .. } => Code::ArchiveUnsafe,
            Self::Broken => Code::Internal,
        }
    }
}

/// Why an archive was not unpacked. What the sink holds must be thrown away.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The archive could not be read.
    #[error("expected to read the archive, found an error; try again")]
    Read(#[source] io::Error),
    /// The sink did not take a file or directory.
    #[error("expected to write {path:?}, found an error; free space or check the destination")]
    Write {
        /// The path inside the archive.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// The archive as a whole is not acceptable.
    #[error("{0}")]
    Archive(ArchiveFault),
    /// One entry is not acceptable.
    #[error("entry {name:?}: {fault}")]
    Entry {
        /// The entry's name as far as it is UTF-8, in quotes and escaped when printed.
        name: String,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The archive unpacks to more than the limits allow.
    #[error("expected at most {limit} {bound}, found {found}; split the archive or raise the limit")]
    TooLarge {
        /// What is limited.
        bound: Bound,
        /// The limit.
        limit: u64,
        /// What the archive declares.
        found: u64,
    },
}

impl Coded for UnpackError {
    fn code(&self) -> Code {
        match self {
            Self::Read(_) | Self::Write { .. } => Code::FileIo,
            Self::Archive(_) | Self::Entry { .. } => Code::ArchiveUnsafe,
            Self::TooLarge { .. } => Code::ArchiveTooLarge,
        }
    }
}

/// What [`Limits`](super::Limits) bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// All files together.
    TotalBytes,
    /// One file.
    EntryBytes,
    /// Files and directories.
    Entries,
    /// Directories that no entry names.
    Implied,
    /// All paths together, in bytes.
    PathBytes,
    /// Unpacked by packed bytes.
    Ratio,
    /// The list of entries, in bytes.
    DirectoryBytes,
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::TotalBytes => "bytes in all files",
            Self::EntryBytes => "bytes in one file",
            Self::Entries => "files and directories",
            Self::Implied => "folders that no entry names",
            Self::PathBytes => "bytes in all paths",
            Self::Ratio => "unpacked bytes for each packed one",
            Self::DirectoryBytes => "bytes in the list of entries",
        })
    }
}

/// What is wrong with an archive as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveFault {
    /// There is no end record: this is no ZIP file, or a truncated one.
    #[error("expected a ZIP archive, found none or a truncated one; pack again")]
    NoEnd,
    /// Bytes follow the archive.
    #[error("expected the archive to end with its end record, found bytes after it; pack again")]
    Trailing,
    /// Two end records could both be meant.
    #[error("expected one end record, found two that could both be meant; pack again without a comment")]
    TwoEnds,
    /// The archive is one of several volumes.
    #[error("expected an archive in one file, found one volume of several; pack into one file")]
    Volumes,
    /// The ZIP64 end records are missing, misplaced or contradict the others.
    #[error("expected ZIP64 records that agree with the others, found some that do not; pack again")]
    Zip64,
    /// The list of entries is not where, as long or as full as the end record says; or bytes stand before the archive.
    #[error("expected the list of entries right before the end record, found it elsewhere; pack again")]
    DirectoryMisplaced,
    /// Bytes between the last entry and the list of entries belong to neither.
    #[error("expected every byte to belong to an entry, found hidden ones after the last; pack again")]
    Hidden,
    /// The list of entries is malformed.
    #[error("expected a well-formed list of entries, found something else; pack again")]
    DirectoryMalformed,
}

/// What is wrong with one entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// The name is not UTF-8.
    #[error("expected a name in UTF-8, found other bytes; pack with a tool of this century")]
    NotUtf8,
    /// The name is given twice, differently.
    #[error("expected one name, found another one in the extra field; pack with UTF-8 names")]
    TwoNames,
    /// The name is not a safe path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Some file system takes this name and an earlier one for the same.
    #[error("expected names that every file system can tell apart, found it beside {other:?}; rename one")]
    Duplicate {
        /// The earlier name.
        other: String,
    },
    /// The same path is a file and a directory.
    #[error("expected a path to be either file or folder, found {other:?} making it both; rename one")]
    FileAndDirectory {
        /// The earlier name.
        other: String,
    },
    /// The entry is encrypted.
    #[error("expected a plain entry, found an encrypted one; pack without a password")]
    Encrypted,
    /// A flag is set that has no meaning here.
    #[error("expected the flags of a plain entry, found {flags:#06x}; pack with an ordinary tool")]
    Flags {
        /// The flags found.
        flags: u16,
    },
    /// The compression method is neither stored nor deflated.
    #[error("expected a stored or deflated entry, found method {method}; pack with DEFLATE")]
    Method {
        /// The method found.
        method: u16,
    },
    /// The entry is a symbolic link.
    #[error("expected a regular file, found a symbolic link; pack the file it points to")]
    Symlink,
    /// The entry is a device, pipe, socket or volume label.
    #[error("expected a regular file, found a special one; leave it out")]
    Special,
    /// The name says directory and the attributes say file, or the other way round; or a directory has content.
    #[error("expected name and attributes to agree whether it is a folder, found them disagree; pack again")]
    TypeContradiction,
    /// An extra field is malformed, there twice, or holds more or fewer 64-bit values than are needed.
    #[error("expected well-formed extra fields, found others; pack again")]
    Extra,
    /// A stored entry has different packed and unpacked sizes.
    #[error("expected a stored entry's sizes to be equal, found them differ; pack again")]
    StoredSize,
    /// The entry does not lie inside the archive.
    #[error("expected the entry inside the archive, found it reaching outside; pack again")]
    Outside,
    /// The entry shares bytes with the one before.
    #[error("expected every entry to have its own bytes, found two that overlap; pack again")]
    Overlap,
    /// Bytes before the entry belong to no entry.
    #[error("expected every byte to belong to an entry, found hidden ones before this; pack again")]
    Hidden,
    /// The entry's own header disagrees with the list of entries.
    #[error("expected the entry's header to agree with the list of entries, found it differ; pack again")]
    HeadersDiffer,
    /// The record after the data is missing or disagrees with the list of entries.
    #[error("expected sizes and checksum after the data as in the list of entries, found others; pack again")]
    Descriptor,
    /// The compressed data is malformed or does not end where the entry ends.
    #[error("expected well-formed compressed data, found it broken; pack again")]
    Deflate,
    /// The data is not as long as declared.
    #[error("expected {expected} bytes of data, found another number; pack again")]
    Size {
        /// The declared size.
        expected: u64,
    },
    /// The data does not have the declared CRC-32.
    #[error("expected data with the declared checksum, found it damaged; copy the archive again")]
    Crc,
}

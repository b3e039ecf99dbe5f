use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::{Draft, FileError, PRIVATE_FILE_MAX, kind_of};

/// Reads a private text file, such as a key, that nobody but its owner can read or write.
///
/// # Errors
/// [`FileError::Exposed`] names the command that mends the permissions.
pub fn read_private(path: &Path) -> Result<Zeroizing<String>, FileError> {
    let bytes = read_private_bytes(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| FileError::NotText { path: path.to_owned() })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The same for a secret that is not text.
///
/// # Errors
/// As [`read_private`].
pub fn read_private_bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let (mut file, length) = open_private(path)?;
    // Allocated once: a buffer that grows would leave copies of the secret behind.
    let mut bytes = Zeroizing::new(vec![0; length]);
    file.read_exact(&mut bytes).map_err(FileError::io("read", path))?;
    Ok(bytes)
}

fn open_private(path: &Path) -> Result<(File, usize), FileError> {
    // A pipe at this place must not make the open wait.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(FileError::io("open", path))?;
    let facts = file.metadata().map_err(FileError::io("inspect", path))?;
    if !facts.is_file() {
        return Err(FileError::NotRegular { path: path.to_owned(), found: kind_of(facts.file_type()) });
    }
    let mode = facts.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        if begins_as_public(&file) {
            return Err(FileError::PublicHalf { path: path.to_owned() });
        }
        return Err(FileError::Exposed { path: path.to_owned(), mode });
    }
    let too_long = || FileError::TooLong { path: path.to_owned(), limit: PRIVATE_FILE_MAX, found: facts.len() };
    if facts.len() > PRIVATE_FILE_MAX {
        return Err(too_long());
    }
    Ok((file, usize::try_from(facts.len()).map_err(|_| too_long())?))
}

/// Whether a file that everybody may read is what everybody may read.
fn begins_as_public(file: &File) -> bool {
    const PUBLIC: [&[u8]; 3] = [b"-----BEGIN PUBLIC KEY-----", b"age1", b"ssh-"];
    let mut begin = [0; 32];
    file.read_at(&mut begin, 0).is_ok() && PUBLIC.iter().any(|known| begin.starts_with(known))
}

/// Writes a new private file (mode 0600) whole, and waits until it is on disk. What exists is never overwritten.
///
/// # Errors
/// [`FileError::Exists`] when something is there already, even a dangling link.
pub fn write_new_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    if path.symlink_metadata().is_ok() {
        return Err(FileError::Exists { path: path.to_owned() });
    }
    // Half a key is worse than none: the name is given only to the whole file, and only if it is still free.
    let mut draft = Draft::create(path)?;
    draft.write_all(bytes).map_err(FileError::io("write", path))?;
    draft.publish()
}

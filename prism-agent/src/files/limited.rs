//! Documents read whole, which only so many bytes may have.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::FileError;

/// Reads a file of at most `limit` bytes. A pipe is read as well, such as a shell makes of `<(command)`; it blocks until
/// its writer is done.
///
/// # Errors
/// [`FileError::NotRegular`] for a directory, [`FileError::TooLong`] when there is more, and what the system says.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let found = path.metadata().map_err(FileError::io("inspect", path))?;
    if found.is_dir() {
        return Err(FileError::NotRegular { path: path.to_owned(), found: "a directory" });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(FileError::io("open", path))?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    match bytes.len() as u64 {
        length if length > limit => {
            Err(FileError::TooLong { path: path.to_owned(), limit, found: found.len().max(length) })
        }
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_up_to_its_last_permitted_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("document");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read_limited(&path, 5).unwrap(), b"12345");
        assert!(matches!(read_limited(&path, 4), Err(FileError::TooLong { limit: 4, found: 5, .. })));
        assert!(matches!(read_limited(folder.path(), 5), Err(FileError::NotRegular { .. })));
        assert!(matches!(read_limited(&folder.path().join("none"), 5), Err(FileError::Missing { .. })));
    }

    #[test]
    fn a_pipe_is_read_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let (writer, bytes) = (path.clone(), b"from a command".to_vec());
        let writer = std::thread::spawn(move || std::fs::write(writer, bytes));
        assert_eq!(read_limited(&path, 100).unwrap(), b"from a command");
        writer.join().unwrap().unwrap();
    }
}

//! Answers kept on disk: one bundle of one entry for each key, written whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use prism_attest::endorsements::bundle::{BUNDLE_MAX, Bundle, EndorsementKey, Entry};
use prism_core::digest::Digest;
use rustix::fs::OFlags;
use tokio::task::spawn_blocking;

use super::config::Update;
use super::error::FetchError;
use crate::files::{FileError, write_atomic};

#[derive(Clone, Debug)]
pub(super) struct Cache(PathBuf);

impl Cache {
    /// The directory, made if it does not exist.
    pub(super) fn open(directory: &Path) -> Result<Self, FetchError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.and_then(|()| fs::canonicalize(directory))
            .map(Self)
            .map_err(|error| FileError::io("make", directory)(error).into())
    }

    /// What was kept about this. A file that is damaged or about something else counts as none: it is fetched anew.
    pub(super) fn load(&self, key: &EndorsementKey, update: Update) -> Option<Entry> {
        let path = self.path(key, update);
        let kept = read(&path).map_err(|error| error.to_string()).and_then(|bytes| match bytes {
            Some(bytes) => Bundle::read(&bytes).map(Some).map_err(|error| error.to_string()),
            None => Ok(None),
        });
        match kept {
            Ok(bundle) => bundle.and_then(|bundle| bundle.get(key).cloned()),
            Err(error) => {
                tracing::warn!("what was kept in {} is passed over: {error}", path.display());
                None
            }
        }
    }

    /// Keeps an entry in place of an older one.
    pub(super) async fn store(&self, entry: Entry, update: Update) -> Result<(), FetchError> {
        let path = self.path(entry.key(), update);
        let mut bundle = Bundle::new();
        bundle.add(entry)?;
        // Once begun it ends, also when nobody waits for it any more.
        let written = spawn_blocking(move || write_atomic(&path, &bundle.to_bytes())).await;
        let path = &self.0;
        written.map_err(|error| FileError::io("write", path)(io::Error::other(error)))??;
        Ok(())
    }

    /// Early judgements are ahead of standard ones, and are kept apart from them.
    fn path(&self, key: &EndorsementKey, update: Update) -> PathBuf {
        let text = match update {
            Update::Standard => key.to_string(),
            Update::Early => format!("{key} early"),
        };
        self.0.join(format!("{}-{}.json", key.kind(), Digest::sha256(text.as_bytes()).to_hex()))
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // Not even a pipe that somebody put there holds the fetch up.
    let file = match File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "expected a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(BUNDLE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

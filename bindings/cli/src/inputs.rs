//! What commands read: bounded files, keys, manifests and times.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prism_agent::files::{FileError, read_limited, read_private};
use prism_core::code::Code;
use prism_core::digest::Salt;
use prism_core::key::SigningKey;
use prism_core::manifest::draft::Moment;

use crate::exit::{Failure, Outcome};

/// Longest file that is read whole, in bytes: a manifest with all its approvals.
pub(crate) const DOCUMENT_MAX: u64 = 4 << 20;

/// Unix time in seconds by this machine's clock.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Outcome<Vec<u8>> {
    Ok(read_limited(path, limit)?)
}

/// Reads a text file of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Outcome<String> {
    String::from_utf8(read(path, limit)?).map_err(|_| FileError::NotText { path: path.to_owned() }.into())
}

/// Reads a private key that only its owner can read.
pub(crate) fn signing_key(path: &Path) -> Outcome<SigningKey> {
    let text = read_private(path).map_err(|error| beside(path, error.into()))?;
    SigningKey::from_pem(&text).map_err(|error| Failure::from(error).at(path.display()))
}

/// Names the key files that lie where none was found under the name that was typed.
fn beside(path: &Path, failure: Failure) -> Failure {
    if failure.code() != Code::FileMissing {
        return failure;
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut keys: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "key")).collect();
    keys.sort();
    if keys.is_empty() {
        return failure.hint("`prism keys new NAME` makes a key");
    }
    let names: Vec<String> = keys.iter().take(8).map(|path| path.display().to_string()).collect();
    failure.hint(format!("there is: {}", names.join(", ")))
}

/// Reads a time: RFC 3339 text or Unix seconds. For clap.
pub(crate) fn moment(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seconds) => Ok(seconds),
        Err(_) => text.parse().map(|Moment(seconds)| seconds).map_err(|error| error.to_string()),
    }
}

/// Reads a salt: 64 hex digits in a file that only its owner can read.
pub(crate) fn read_salt(path: &Path) -> Outcome<Salt> {
    let text = read_private(path)?;
    Salt::from_text(&text).ok_or_else(|| {
        Failure::new(Code::FileMalformed, "expected a salt of 64 hex digits, found other text").at(path.display())
    })
}

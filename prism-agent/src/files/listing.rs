//! The files of a folder by name and digest, in the form of `sha256sum`: what tells which of them differ.

mod differences;
mod error;
mod line;

use std::io::{self, BufRead, Read as _, Write};

use prism_core::archive::Limits;
use prism_core::digest::Digest;

pub use self::differences::{Differences, FileNames};
pub use self::error::{LineFault, ListingError};

/// Longest line that is read, in bytes: digest, marks, and a path of the greatest length of which every byte is escaped.
const LINE_MAX: u64 = 70 + 2 * 4096;

/// The files of a folder, relative to it, each with its SHA-256; ascending by the bytes of their names.
///
/// A manifest names a folder by one digest. A provider who keeps the listing beside it can tell which files are not
/// those that were agreed. The text is what `sha256sum` writes, so that `sha256sum -c` in the folder reads it.
///
/// ```
/// use prism_agent::files::Listing;
/// let agreed = Listing::read(
///     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  COVID/1.png\n".as_bytes(),
/// )?;
/// let found = Listing::read("".as_bytes())?;
/// assert_eq!(agreed.compare(&found).to_string(), "removed  \"COVID/1.png\"");
/// # Ok::<(), prism_agent::files::ListingError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing(Vec<(String, Digest)>);

impl Listing {
    /// Reads what [`write`](Self::write) or `sha256sum` wrote, in text or binary mode; the lines may come in any order.
    ///
    /// # Errors
    /// [`ListingError`] names the line: nothing that is not a digest and a name is skipped.
    pub fn read(reader: impl BufRead) -> Result<Self, ListingError> {
        Self::read_within(reader, Limits::default().entries)
    }

    fn read_within(mut reader: impl BufRead, limit: u64) -> Result<Self, ListingError> {
        let (mut entries, mut text) = (Vec::new(), Vec::new());
        for number in 1.. {
            text.clear();
            reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut text).map_err(ListingError::Read)?;
            if text.is_empty() {
                break;
            }
            if number > limit {
                return Err(ListingError::TooMany { limit });
            }
            entries.push(line::read(&text).map_err(|fault| ListingError::Line { number, fault })?);
        }
        entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        match entries.windows(2).find(|pair| matches!(pair, [one, other] if one.0 == other.0)) {
            Some(pair) => Err(ListingError::Twice { name: pair.first().map(|it| it.0.clone()).unwrap_or_default() }),
            None => Ok(Self(entries)),
        }
    }

    /// Writes one line for each file: `<64 hex digits>  <name>`, a name with a backslash or a line break in it escaped
    /// as `sha256sum` does.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write(&self, writer: &mut dyn Write) -> io::Result<()> {
        self.0.iter().try_for_each(|(name, digest)| line::write(writer, name, digest))
    }

    /// What became of the files of this listing in `found`.
    #[must_use]
    pub fn compare(&self, found: &Self) -> Differences {
        let mut differences = Differences::default();
        let (mut agreed, mut found) = (self.0.iter().peekable(), found.0.iter().peekable());
        while let Some(name) = agreed.peek().into_iter().chain(found.peek()).map(|it| &it.0).min() {
            match (agreed.next_if(|it| it.0 == *name), found.next_if(|it| it.0 == *name)) {
                (Some(before), Some(now)) if before.1 != now.1 => differences.changed.add(name),
                (Some(_), None) => differences.removed.add(name),
                (None, Some(_)) => differences.added.add(name),
                _ => {}
            }
        }
        differences
    }

    /// The files, ascending by the bytes of their names.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Digest)> {
        self.0.iter().map(|(name, digest)| (name.as_str(), digest))
    }

    /// Adds the next file in ascending order.
    pub(super) fn push(&mut self, name: &str, digest: Digest) {
        self.0.push((name.to_owned(), digest));
    }
}

#[cfg(test)]
mod tests;

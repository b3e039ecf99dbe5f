//! Any part of a sealed file, without the rest: the last chunk first, because it alone vouches for the length.

use std::fmt;
use std::io::{BufReader, Read, Seek, SeekFrom};

use zeroize::Zeroizing;

use super::cipher::{Cipher, TAG_LEN};
use super::opener::exactly;
use super::payload::fill;
use super::{CobblestoneKey, Context, FileKey, OpenError, Unlock, cobblestone, file_key, read_header};

/// Random access to the plaintext of a sealed file. A read opens the chunks that it touches and no other; one chunk is
/// kept, so that reading on costs each chunk once.
///
/// ```
/// use std::io::Cursor;
/// use prism_core::entropy::SystemEntropy;
/// use prism_core::seal::{Identity, Ranges, RecipientKind, seal};
///
/// let mut entropy = SystemEntropy::default();
/// let identity = Identity::generate(RecipientKind::Hybrid, &mut entropy)?;
/// let mut file = Vec::new();
/// seal(b"patient,age\n".as_slice(), &[identity.recipient().clone()], &mut entropy, &mut file)?;
/// let mut ranges = Ranges::open(Cursor::new(file), &identity)?;
/// let mut age = [0; 3];
/// assert_eq!((ranges.size(), ranges.read_at(8, &mut age)?), (12, 3));
/// assert_eq!(&age, b"age");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ranges<R> {
    reader: R,
    cipher: Cipher,
    /// Where the first chunk begins.
    start: u64,
    /// Sealed bytes of all chunks.
    sealed: u64,
    size: u64,
    chunk: Zeroizing<Vec<u8>>,
    /// Index and plaintext bytes of the chunk at hand.
    held: Option<(u64, usize)>,
}

impl<R: Read + Seek> Ranges<R> {
    /// Looks at an age file from its beginning: its header, its length and its last chunk.
    ///
    /// # Errors
    /// [`OpenError`] when the header does not open, or the file was cut or extended.
    pub fn open<'a>(reader: R, with: impl Into<Unlock<'a>>) -> Result<Self, OpenError> {
        let mut reader = BufReader::new(reader);
        let key = file_key(&read_header(&mut reader)?, with)?;
        Self::from_payload(reader, &key)
    }

    /// Looks at an age payload whose header came separately, from where `reader` stands to its end.
    ///
    /// # Errors
    /// [`OpenError`] when the payload was cut or extended.
    pub fn payload(reader: R, key: &FileKey) -> Result<Self, OpenError> {
        Self::from_payload(BufReader::new(reader), key)
    }

    /// Looks at a Cobblestone-256 file.
    ///
    /// # Errors
    /// [`OpenError`] when the key or the context is another, or the file was cut or extended.
    pub fn cobblestone(mut reader: R, key: &CobblestoneKey, context: &Context) -> Result<Self, OpenError> {
        let cipher = cobblestone::resume(key, context, &exactly(&mut reader)?)?;
        Self::new(reader, cipher)
    }

    fn from_payload(mut reader: BufReader<R>, key: &FileKey) -> Result<Self, OpenError> {
        let cipher = Cipher::age(key, &exactly(&mut reader)?).ok_or(OpenError::Payload { chunk: 0 })?;
        let at = reader.stream_position().map_err(OpenError::Read)?;
        let mut reader = reader.into_inner();
        reader.seek(SeekFrom::Start(at)).map_err(OpenError::Read)?;
        Self::new(reader, cipher)
    }

    fn new(mut reader: R, cipher: Cipher) -> Result<Self, OpenError> {
        let start = reader.stream_position().map_err(OpenError::Read)?;
        let end = reader.seek(SeekFrom::End(0)).map_err(OpenError::Read)?;
        let chunk = Zeroizing::new(vec![0; cipher.codec().sealed_len()]);
        let mut ranges = Self { reader, cipher, start, sealed: end.saturating_sub(start), size: 0, chunk, held: None };
        let last = ranges.last();
        let length = ranges.hold(last)?;
        ranges.size = last * ranges.plain_len() + length as u64;
        Ok(ranges)
    }

    /// Bytes of plaintext, authenticated.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Fills `out` with the plaintext from `offset` on; fewer bytes only where it ends. Every byte is authentic.
    ///
    /// # Errors
    /// [`OpenError::Payload`] names the chunk that was altered; `out` holds nothing of use then.
    pub fn read_at(&mut self, offset: u64, out: &mut [u8]) -> Result<usize, OpenError> {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(filled as u64);
            if at >= self.size {
                break;
            }
            let length = self.hold(at / self.plain_len())?;
            let from = usize::try_from(at % self.plain_len()).unwrap_or(usize::MAX);
            let mut plain = self.chunk.get(from..length).unwrap_or_default();
            filled += fill(&mut plain, rest).map_err(OpenError::Read)?;
        }
        Ok(filled)
    }

    fn plain_len(&self) -> u64 {
        self.cipher.codec().plain_len() as u64
    }

    /// Index of the chunk that has to be the last.
    fn last(&self) -> u64 {
        let full = self.cipher.codec().sealed_len() as u64;
        if self.cipher.codec().marks_last() { self.sealed.div_ceil(full).saturating_sub(1) } else { self.sealed / full }
    }

    /// Opens a chunk unless it is at hand; its plaintext's length.
    fn hold(&mut self, index: u64) -> Result<usize, OpenError> {
        if let Some((_, length)) = self.held.filter(|(held, _)| *held == index) {
            return Ok(length);
        }
        self.held = None;
        let full = self.cipher.codec().sealed_len() as u64;
        let left = self.sealed.saturating_sub(index * full).min(full);
        self.reader.seek(SeekFrom::Start(self.start + index * full)).map_err(OpenError::Read)?;
        let room = usize::try_from(left).unwrap_or(usize::MAX);
        let sealed = self.chunk.get_mut(..room).unwrap_or_default();
        let altered = OpenError::Payload { chunk: index };
        if fill(&mut self.reader, sealed).map_err(OpenError::Read)? < sealed.len() {
            return Err(altered);
        }
        let last = index + 1 == self.sealed.div_ceil(full).max(1);
        self.cipher.open(index, last, sealed).ok_or(altered)?;
        let length = room - TAG_LEN;
        self.held = Some((index, length));
        Ok(length)
    }
}

impl<R> fmt::Debug for Ranges<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ranges").field("size", &self.size).finish_non_exhaustive()
    }
}

//! Payloads as streams, in constant memory: the loops around the chunks.

use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use super::chunk::{CHUNK_LEN, NONCE_LEN, PayloadKey, SEALED_LEN, TAG_LEN};
use super::{FileKey, OpenError, SealError};
use crate::entropy::{self, Entropy};

/// Length in bytes of the sealed payload, without a header, of `plain` bytes; `None` beyond what a `u64` can count.
#[must_use]
pub const fn sealed_len(plain: u64) -> Option<u64> {
    let full = plain.div_ceil(CHUNK_LEN as u64);
    let chunks = if full == 0 { 1 } else { full };
    match plain.checked_add(chunks * TAG_LEN as u64) {
        Some(sealed) => sealed.checked_add(NONCE_LEN as u64),
        None => None,
    }
}

/// Seals what is written to it as one payload. Only [`finish`](Self::finish) completes it: a payload that was merely
/// dropped is refused by every reader.
pub struct PayloadWriter<W: Write> {
    writer: W,
    key: PayloadKey,
    index: u64,
    chunk: Zeroizing<Vec<u8>>,
    broken: bool,
}

impl<W: Write> PayloadWriter<W> {
    /// Starts a payload under `key`, which must not be used for another.
    ///
    /// # Errors
    /// [`SealError`] when there is no randomness or `writer` fails.
    pub fn new(mut writer: W, key: &FileKey, entropy: &mut dyn Entropy) -> Result<Self, SealError> {
        let nonce = entropy::draw::<NONCE_LEN>(entropy)?;
        let key = PayloadKey::new(key, &nonce).ok_or(SealError::Provider)?;
        writer.write_all(&nonce).map_err(SealError::Write)?;
        let chunk = Zeroizing::new(Vec::with_capacity(SEALED_LEN));
        Ok(Self { writer, key, index: 0, chunk, broken: false })
    }

    /// Seals the last chunk, flushes and gives the writer back.
    ///
    /// # Errors
    /// [`SealError`] when the writer fails or has failed before; the payload is incomplete then.
    pub fn finish(mut self) -> Result<W, SealError> {
        self.seal_chunk(true)?;
        self.writer.flush().map_err(SealError::Write)?;
        Ok(self.writer)
    }

    /// Seals everything that `reader` gives; returns how many bytes that was.
    pub(super) fn fill_from(&mut self, reader: &mut impl Read) -> Result<u64, SealError> {
        let mut total = 0;
        let mut buffer = buffer(CHUNK_LEN);
        loop {
            let read = fill(reader, &mut buffer).map_err(SealError::Read)?;
            if read == 0 {
                return Ok(total);
            }
            self.write_all(buffer.get(..read).unwrap_or_default()).map_err(SealError::Write)?;
            total += read as u64;
        }
    }

    /// Seals and writes the chunk at hand. After a failure there is no second try: it could put other bytes under the
    /// same nonce.
    fn seal_chunk(&mut self, last: bool) -> Result<(), SealError> {
        if self.broken {
            return Err(SealError::Write(io::Error::other("an earlier write failed")));
        }
        self.broken = true;
        self.key.seal(self.index, last, &mut self.chunk).ok_or(SealError::Provider)?;
        self.writer.write_all(&self.chunk).map_err(SealError::Write)?;
        self.chunk.clear();
        self.index += 1;
        self.broken = false;
        Ok(())
    }
}

impl<W: Write> Write for PayloadWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        // A full chunk waits for what follows: it may turn out to be the last.
        if self.chunk.len() >= CHUNK_LEN && !data.is_empty() {
            self.seal_chunk(false).map_err(into_io)?;
        }
        let room = CHUNK_LEN.saturating_sub(self.chunk.len());
        let taken = data.get(..room).unwrap_or(data);
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    /// Flushes the writer beneath; an unfinished chunk stays here.
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl<W: Write> std::fmt::Debug for PayloadWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PayloadWriter").field("chunks", &self.index).finish_non_exhaustive()
    }
}

fn into_io(error: SealError) -> io::Error {
    match error {
        SealError::Write(error) => error,
        other => io::Error::other(other),
    }
}

/// Opens a whole payload; returns the plaintext's length in bytes.
pub(super) fn open(reader: &mut impl Read, key: &FileKey, writer: &mut impl Write) -> Result<u64, OpenError> {
    let mut nonce = [0; NONCE_LEN];
    if fill(reader, &mut nonce).map_err(OpenError::Read)? < NONCE_LEN {
        return Err(OpenError::Payload { chunk: 0 });
    }
    let key = PayloadKey::new(key, &nonce).ok_or(OpenError::Payload { chunk: 0 })?;
    let (mut sealed, mut ahead) = (buffer(SEALED_LEN), buffer(SEALED_LEN));
    let mut length = fill(reader, &mut sealed).map_err(OpenError::Read)?;
    let (mut chunk, mut total) = (0, 0);
    loop {
        // A chunk is the last if nothing follows it; its tag then says whether the maker agrees.
        let following = if length < SEALED_LEN { 0 } else { fill(reader, &mut ahead).map_err(OpenError::Read)? };
        let sealed_bytes = sealed.get_mut(..length).unwrap_or_default();
        let plain = key.open(chunk, following == 0, sealed_bytes).ok_or(OpenError::Payload { chunk })?;
        writer.write_all(plain).map_err(OpenError::Write)?;
        total += plain.len() as u64;
        if following == 0 {
            return Ok(total);
        }
        std::mem::swap(&mut sealed, &mut ahead);
        length = following;
        chunk += 1;
    }
}

fn buffer(len: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; len])
}

/// Reads until the buffer is full or the reader ends; returns how many bytes that was.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

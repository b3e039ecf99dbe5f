//! An age payload from whoever writes it, piece by piece.

use std::io::{self, Write};

use zeroize::Zeroizing;

use super::cipher::{Cipher, Codec, START_LEN, TAG_LEN};
use super::{FileKey, SealError};
use crate::entropy::{self, Entropy};

const CHUNK_LEN: usize = Codec::Age.plain_len();

/// Length in bytes of the sealed age payload, without a header, of `plain` bytes; `None` beyond what a `u64` can count.
#[must_use]
pub const fn sealed_len(plain: u64) -> Option<u64> {
    let full = plain.div_ceil(CHUNK_LEN as u64);
    let chunks = if full == 0 { 1 } else { full };
    match plain.checked_add(chunks * TAG_LEN as u64) {
        Some(sealed) => sealed.checked_add(START_LEN as u64),
        None => None,
    }
}

/// Seals what is written to it as one payload. Only [`finish`](Self::finish) completes it: a payload that was merely
/// dropped is refused by every reader.
pub struct PayloadWriter<W: Write> {
    writer: W,
    cipher: Cipher,
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
        let start = entropy::draw::<START_LEN>(entropy)?;
        let cipher = Cipher::age(key, &start).ok_or(SealError::Provider)?;
        writer.write_all(&start).map_err(SealError::Write)?;
        let chunk = Zeroizing::new(Vec::with_capacity(Codec::Age.sealed_len()));
        Ok(Self { writer, cipher, index: 0, chunk, broken: false })
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

    /// Seals and writes the chunk at hand. After a failure there is no second try: it could put other bytes under the
    /// same nonce.
    fn seal_chunk(&mut self, last: bool) -> Result<(), SealError> {
        if self.broken {
            return Err(SealError::Write(io::Error::other("an earlier write failed")));
        }
        self.broken = true;
        let tag = self.cipher.seal(self.index, last, &mut self.chunk).ok_or(SealError::Provider)?;
        self.chunk.extend_from_slice(&tag);
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

//! A payload from a reader to a writer, over the [engine](super::engine): sealed or opened where it lies, never copied.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::num::NonZeroUsize;

use zeroize::Zeroizing;

use super::cipher::{Cipher, Codec, TAG_LEN};
use super::engine::{self, Stages};
use super::{OpenError, SealError};
use crate::digest::Hasher;

/// One pass over a payload.
pub(super) struct Pass<'a> {
    pub(super) cipher: &'a Cipher,
    pub(super) workers: NonZeroUsize,
    /// Hears the plaintext in order.
    pub(super) hasher: Option<&'a mut Hasher>,
}

impl Pass<'_> {
    /// Seals everything that `reader` gives; returns how many bytes that was.
    pub(super) fn seal<R: Read + Send, W: Write + Send>(mut self, reader: R, mut writer: W) -> Result<u64, SealError> {
        let mut feed = Feed::new(reader, self.cipher.codec());
        let mut total = 0_u64;
        let mut hasher = self.hasher.take();
        let take = |batch: &mut Batch| {
            let more = feed.fill_plain(batch).map_err(SealError::Read)?;
            if let (true, Some(hasher)) = (more, hasher.as_deref_mut()) {
                batch.plain_chunks().for_each(|chunk| hasher.update(chunk));
            }
            Ok(more)
        };
        let give = |batch: &mut Batch| {
            total += batch.len as u64;
            writer.write_all(batch.sealed()).map_err(SealError::Write)
        };
        engine::run(self.workers, &Sealing(self.cipher), take, give)?;
        writer.flush().map_err(SealError::Write)?;
        Ok(total)
    }

    /// Opens a payload; returns how many bytes of plaintext it had.
    pub(super) fn open<R: Read + Send, W: Write + Send>(mut self, reader: R, mut writer: W) -> Result<u64, OpenError> {
        let mut feed = Feed::new(reader, self.cipher.codec());
        let mut total = 0_u64;
        let mut hasher = self.hasher.take();
        let take = |batch: &mut Batch| feed.fill_sealed(batch);
        let give = |batch: &mut Batch| {
            let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(batch.sound);
            for chunk in batch.opened_chunks() {
                if let Some(hasher) = hasher.as_deref_mut() {
                    hasher.update(chunk);
                }
                total += chunk.len() as u64;
                slices.push(IoSlice::new(chunk));
            }
            write_all(&mut writer, &mut slices).map_err(OpenError::Write)
        };
        engine::run(self.workers, &Opening(self.cipher), take, give)?;
        writer.flush().map_err(OpenError::Write)?;
        Ok(total)
    }
}

/// A run of chunks in one buffer, each at the place where its sealed form lies.
struct Batch {
    codec: Codec,
    bytes: Zeroizing<Vec<u8>>,
    /// Index of the first chunk.
    first: u64,
    /// Bytes of content: of plaintext while sealing, of sealed chunks while opening.
    len: usize,
    /// Nothing follows.
    ended: bool,
    /// Chunks, from the first on, that are authentic.
    sound: usize,
}

impl Batch {
    fn new(codec: Codec) -> Self {
        let bytes = Zeroizing::new(vec![0; codec.batch() * codec.sealed_len()]);
        Self { codec, bytes, first: 0, len: 0, ended: false, sound: 0 }
    }

    /// The lengths of the chunks, when a full one has `full` bytes of what `len` counts.
    fn lengths(&self, full: usize) -> impl Iterator<Item = usize> + use<> {
        let (whole, rest) = (self.len / full, self.len % full);
        // The last chunk is shorter; age has an empty one only where there is no other.
        let short = self.ended && (rest > 0 || !self.codec.marks_last() || whole == 0);
        std::iter::repeat_n(full, whole).chain(short.then_some(rest))
    }

    fn plain_chunks(&self) -> impl Iterator<Item = &[u8]> {
        let lengths = self.lengths(self.codec.plain_len());
        let slots = self.bytes.chunks_exact(self.codec.sealed_len());
        slots.zip(lengths).map(|(slot, length)| slot.get(..length).unwrap_or_default())
    }

    fn sealed(&self) -> &[u8] {
        let chunks = self.lengths(self.codec.plain_len());
        let length: usize = chunks.map(|length| length + TAG_LEN).sum();
        self.bytes.get(..length).unwrap_or_default()
    }

    fn opened_chunks(&self) -> impl Iterator<Item = &[u8]> {
        let lengths = self.lengths(self.codec.sealed_len());
        let slots = self.bytes.chunks_exact(self.codec.sealed_len());
        slots.zip(lengths).take(self.sound).map(|(slot, length)| slot.get(..length - TAG_LEN).unwrap_or_default())
    }
}

struct Sealing<'a>(&'a Cipher);

impl Stages<Batch, SealError> for Sealing<'_> {
    fn buffer(&self) -> Batch {
        Batch::new(self.0.codec())
    }

    fn work(&self, batch: &mut Batch) -> Option<SealError> {
        let codec = batch.codec;
        let lengths = batch.lengths(codec.plain_len());
        let count = batch.lengths(codec.plain_len()).count();
        for (place, (slot, length)) in batch.bytes.chunks_exact_mut(codec.sealed_len()).zip(lengths).enumerate() {
            let last = batch.ended && place + 1 == count;
            let (plain, rest) = slot.split_at_mut(length);
            let Some(tag) = self.0.seal(batch.first + place as u64, last, plain) else {
                return Some(SealError::Provider);
            };
            rest.iter_mut().zip(tag).for_each(|(to, from)| *to = from);
        }
        None
    }
}

struct Opening<'a>(&'a Cipher);

impl Stages<Batch, OpenError> for Opening<'_> {
    fn buffer(&self) -> Batch {
        Batch::new(self.0.codec())
    }

    fn work(&self, batch: &mut Batch) -> Option<OpenError> {
        let codec = batch.codec;
        let lengths = batch.lengths(codec.sealed_len());
        let count = batch.lengths(codec.sealed_len()).count();
        batch.sound = 0;
        for (place, (slot, length)) in batch.bytes.chunks_exact_mut(codec.sealed_len()).zip(lengths).enumerate() {
            let (chunk, last) = (batch.first + place as u64, batch.ended && place + 1 == count);
            let sealed = slot.get_mut(..length).unwrap_or_default();
            if self.0.open(chunk, last, sealed).is_none() {
                return Some(OpenError::Payload { chunk });
            }
            batch.sound += 1;
        }
        None
    }
}

/// Fills batches, and knows when nothing follows.
struct Feed<R> {
    reader: R,
    codec: Codec,
    next: u64,
    /// A byte that was read to see whether there is one.
    ahead: Option<u8>,
    ended: bool,
}

impl<R: Read> Feed<R> {
    fn new(reader: R, codec: Codec) -> Self {
        Self { reader, codec, next: 0, ahead: None, ended: false }
    }

    /// Puts plaintext where its sealed form will lie; whether there was anything to seal.
    fn fill_plain(&mut self, batch: &mut Batch) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let plain_len = self.codec.plain_len();
        let slots = batch.bytes.chunks_exact_mut(self.codec.sealed_len());
        let slots = slots.map(|slot| IoSliceMut::new(slot.get_mut(..plain_len).unwrap_or_default()));
        batch.len = self.scatter(&mut slots.collect::<Vec<_>>())?;
        self.ended = batch.len < plain_len * self.codec.batch();
        self.close(batch)?;
        Ok(true)
    }

    /// Reads sealed chunks; whether there were any.
    fn fill_sealed(&mut self, batch: &mut Batch) -> Result<bool, OpenError> {
        if self.ended {
            return Ok(false);
        }
        batch.len = self.fill(&mut batch.bytes).map_err(OpenError::Read)?;
        self.ended = batch.len < batch.bytes.len();
        self.close(batch).map_err(OpenError::Read)?;
        Ok(true)
    }

    /// Notes where the batch stands, and whether it is the last.
    fn close(&mut self, batch: &mut Batch) -> io::Result<()> {
        if self.codec.marks_last() && !self.ended {
            let mut byte = [0];
            self.ahead = (fill(&mut self.reader, &mut byte)? == 1).then_some(byte[0]);
            self.ended = self.ahead.is_none();
        }
        (batch.first, batch.ended) = (self.next, self.ended);
        self.next += self.codec.batch() as u64;
        Ok(())
    }

    /// Fills all of `room`, or as much as there is.
    fn fill(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.scatter(&mut [IoSliceMut::new(room)])
    }

    /// The same for several rooms, with as few calls as the reader permits.
    fn scatter(&mut self, mut rooms: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut filled = 0;
        if let (Some(byte), Some(first)) = (self.ahead, rooms.first_mut().and_then(|room| room.first_mut())) {
            (*first, self.ahead, filled) = (byte, None, 1);
            IoSliceMut::advance_slices(&mut rooms, 1);
        }
        while !rooms.is_empty() {
            match self.reader.read_vectored(rooms) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    IoSliceMut::advance_slices(&mut rooms, read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

fn write_all(writer: &mut impl Write, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0); // an empty chunk is nothing to write
    while !slices.is_empty() {
        match writer.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads until the buffer is full or the reader ends; returns how many bytes that was.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

//! A stretch of a source in pieces, without a fresh buffer for each.

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::{Bytes, BytesMut};

/// Buffers that are remembered: as many pieces may be on their way at a time without another one being made.
const REMEMBERED: usize = 8;

/// The pieces of a stretch of a source.
pub(crate) struct Pieces {
    from: From,
    size: usize,
}

enum From {
    Memory(Bytes),
    Reader { reader: Box<dyn Read + Send>, given: VecDeque<Bytes> },
}

impl Pieces {
    pub(super) const fn of_bytes(bytes: Bytes, size: usize) -> Self {
        Self { from: From::Memory(bytes), size }
    }

    pub(super) const fn of_reader(reader: Box<dyn Read + Send>, size: usize) -> Self {
        Self { from: From::Reader { reader, given: VecDeque::new() }, size }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// What the reader says.
    pub(crate) fn next(&mut self) -> io::Result<Option<Bytes>> {
        let piece = match &mut self.from {
            From::Memory(bytes) => bytes.split_to(self.size.min(bytes.len())),
            From::Reader { reader, given } => {
                let mut buffer = recycled(given, self.size);
                let length = fill(reader, &mut buffer)?;
                let whole = buffer.freeze();
                if length == whole.len() {
                    given.push_back(whole.clone());
                }
                whole.slice(..length)
            }
        };
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

/// The oldest buffer that was given away, if whoever got it has no use for it any more; else a new one.
fn recycled(given: &mut VecDeque<Bytes>, size: usize) -> BytesMut {
    let oldest = if given.len() < REMEMBERED { None } else { given.pop_front() };
    oldest.and_then(|bytes| bytes.try_into_mut().ok()).unwrap_or_else(|| BytesMut::zeroed(size))
}

/// Reads until the buffer is full or the source ends.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(room) = buffer.get_mut(length..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    #[test]
    fn pieces_put_together_are_the_whole_whoever_still_holds_them() {
        let all = counting(1000);
        for mut pieces in
            [Pieces::of_bytes(all.clone().into(), 64), Pieces::of_reader(Box::new(io::Cursor::new(all.clone())), 64)]
        {
            let mut held = Vec::new();
            while let Some(piece) = pieces.next().unwrap() {
                held.push(piece);
            }
            assert_eq!((held.len(), held.concat()), (16, all.clone()), "a piece that is held was written over");
        }
    }

    #[test]
    fn buffers_that_nobody_holds_are_used_again() {
        let mut pieces = Pieces::of_reader(Box::new(io::Cursor::new(counting(64 * 100))), 64);
        let mut places = std::collections::BTreeSet::new();
        let mut whole = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            places.insert(piece.as_ptr() as usize);
            whole.extend_from_slice(&piece);
        }
        assert_eq!(whole, counting(64 * 100));
        assert_eq!(places.len(), REMEMBERED);
    }
}

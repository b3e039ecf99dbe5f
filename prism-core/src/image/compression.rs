//! Layers come as plain tar, gzip or Zstandard.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstandard,
}

/// Largest window of a Zstandard frame, which is memory: what its own command accepts without being asked for more.
const WINDOW_MAX: u64 = 128 << 20;

impl Compression {
    /// The compression of data that begins like this.
    pub(super) const fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstandard,
            _ => Self::None,
        }
    }

    /// Reads what was compressed.
    pub(super) fn reader<'r, R: BufRead + 'r>(self, packed: R) -> Box<dyn Read + 'r> {
        match self {
            Self::None => Box::new(packed),
            Self::Gzip => Box::new(MultiGzDecoder::new(packed)),
            Self::Zstandard => Box::new(Frames::new(packed)),
        }
    }
}

/// Zstandard frames one after another, as some writers make them, and those that are to be skipped.
struct Frames<R> {
    packed: Remembering<R>,
    decoder: FrameDecoder,
    /// Whether the decoder is in the middle of a frame.
    open: bool,
}

impl<R: BufRead> Frames<R> {
    fn new(packed: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_MAX);
        Self { packed: Remembering { inner: packed, failure: None }, decoder, open: false }
    }

    /// Reads the next frame's header, or passes over a frame that says nothing.
    fn open(&mut self) -> io::Result<()> {
        match self.decoder.init(&mut self.packed) {
            Ok(()) => self.open = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = u64::from(length);
                if io::copy(&mut self.packed.by_ref().take(length), &mut io::sink())? < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Err(error) => return Err(self.packed.explain(error)),
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.open && self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.open && !self.decoder.is_finished() {
                let blocks = self.decoder.decode_blocks(&mut self.packed, BlockDecodingStrategy::UptoBlocks(1));
                blocks.map_err(|error| self.packed.explain(error))?;
            } else if self.packed.fill_buf()?.is_empty() {
                return Ok(0);
            } else {
                self.open()?;
            }
        }
    }
}

/// A reader whose failure is not lost in what the decoder makes of it.
struct Remembering<R> {
    inner: R,
    failure: Option<io::Error>,
}

impl<R> Remembering<R> {
    /// Whose fault it was: the reader's, if it failed, else that of the data.
    fn explain(&mut self, error: FrameDecoderError) -> io::Error {
        self.failure.take().unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn remember(&mut self, error: io::Error) -> io::Error {
        let kind = error.kind();
        if kind != io::ErrorKind::Interrupted {
            self.failure = Some(error);
        }
        kind.into()
    }
}

impl<R: BufRead> Read for Remembering<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        read.map_err(|error| self.remember(error))
    }
}

impl<R: BufRead> BufRead for Remembering<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// A disk that fails.
    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk"))
        }
    }

    #[test]
    fn a_reader_that_fails_is_not_the_datas_fault() {
        let content: Vec<u8> = (0..=250).cycle().take(300_000).collect();
        let packed = ruzstd::encoding::compress_to_vec(&*content, ruzstd::encoding::CompressionLevel::Fastest);
        for length in (0..packed.len()).step_by(1 + packed.len() / 100) {
            let reader = BufReader::with_capacity(1, packed[..length].chain(Failing));
            let error = Compression::Zstandard.reader(reader).read_to_end(&mut Vec::new()).unwrap_err();
            assert_eq!(error.to_string(), "the disk", "after {length} bytes");
        }
    }
}

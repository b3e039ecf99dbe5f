//! One layer: verified while it streams, and what each of its entries asks for.

mod entry;
mod reader;

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};

use super::blobs::{Blobs, Span};
use super::compression::Compression;
use super::error::{BlobFault, EntryFault, ImageError, LayerFault};
use super::path::PATH_MAX;
use super::walk::{self, Halt, Tar};
use crate::archive::{Bound, Limits};
use crate::digest::{Digest, Hasher};
pub(super) use entry::{Item, Step};
use reader::{Bounded, Exceeded, Hashed};

/// Bytes that are read, decompressed and written at a time.
const PIECE: usize = 128 << 10;

/// Layers may be compressed to any ratio as long as those beyond the permitted one have no more than this, all together.
const RATIO_FLOOR: u64 = 256 << 20;

/// Where a layer lies and what it has to be.
#[derive(Debug)]
pub(super) struct Layer {
    number: usize,
    span: Span,
    /// Of the bytes as they lie there, where a descriptor says it.
    digest: Option<Digest>,
    /// Where a descriptor says it; else it shows.
    compression: Option<Compression>,
    diff_id: Digest,
    /// Whether it hides something of the layers below.
    pub(super) hides: bool,
    /// Whether a layer below has the same bytes: they make the image no larger, and it may be no larger for them.
    again: bool,
}

/// What all layers may be together.
#[derive(Debug)]
pub(super) struct Meter {
    bytes: u64,
    entries: u64,
    /// What those may have that are beyond the permitted ratio.
    beyond: u64,
    limits: Limits,
}

impl Meter {
    pub(super) const fn new(limits: &Limits) -> Self {
        Self { bytes: limits.total_bytes, entries: limits.entries, beyond: RATIO_FLOOR, limits: *limits }
    }
}

/// Sees which layers have the bytes of one below.
pub(super) fn mark_repeated(layers: &mut [Layer]) {
    let mut seen = BTreeSet::new();
    for layer in layers {
        layer.again = !seen.insert((layer.span.offset, layer.span.size));
    }
}

impl Layer {
    pub(super) const fn new(
        number: usize,
        span: Span,
        digest: Option<Digest>,
        compression: Option<Compression>,
        diff_id: Digest,
    ) -> Self {
        Self { number, span, digest, compression, diff_id, hides: false, again: false }
    }

    /// The error of a sink.
    pub(super) fn write(&self, item: &Item, source: io::Error) -> ImageError {
        ImageError::Write { layer: self.number, path: shown(&item.name), source }
    }

    /// Copies an entry's content, all of it.
    pub(super) fn pour(&self, item: &Item, content: &mut dyn Read, writer: &mut dyn Write) -> Result<(), ImageError> {
        let piece = usize::try_from(item.size).unwrap_or(PIECE).min(PIECE);
        let (mut left, mut buffer) = (item.size, vec![0; piece]);
        while left > 0 {
            let read = match content.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|error| self.explain(error))?,
            };
            if read == 0 {
                return Err(self.fault(LayerFault::Truncated));
            }
            writer.write_all(buffer.get(..read).unwrap_or_default()).map_err(|source| self.write(item, source))?;
            left = left.saturating_sub(read as u64);
        }
        Ok(())
    }

    const fn fault(&self, fault: LayerFault) -> ImageError {
        ImageError::Layer { layer: self.number, fault }
    }

    fn entry(&self, name: &[u8], fault: EntryFault) -> ImageError {
        ImageError::Entry { layer: self.number, path: shown(name), fault }
    }

    /// The bounds come through readers that know only errors of the system. Decompressors report malformed data with
    /// these kinds; all others come from the archive's reader.
    fn explain(&self, error: io::Error) -> ImageError {
        match (error.get_ref().and_then(|reason| reason.downcast_ref()), error.kind()) {
            (Some(Exceeded(bound, limit)), _) => ImageError::TooLarge { bound: *bound, limit: *limit },
            (None, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
                self.fault(LayerFault::Compression)
            }
            _ => ImageError::Read(error),
        }
    }
}

/// The longest name in an error, in characters.
const SHOWN_MAX: usize = 200;

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name.get(..PATH_MAX.min(name.len())).unwrap_or_default()).chars().take(SHOWN_MAX).collect()
}

/// Shows every entry of a layer to `visit`, with its content, and verifies the layer to its last byte.
pub(super) fn walk<R: Read + Seek>(
    blobs: &mut Blobs<R>,
    layer: &Layer,
    meter: &mut Meter,
    visit: &mut dyn FnMut(Item, &mut dyn Read) -> Result<(), ImageError>,
) -> Result<(), ImageError> {
    let blob = blobs.open(layer.span).map_err(ImageError::Read)?;
    let mut packed = BufReader::with_capacity(PIECE, Hashed { inner: blob, hasher: Hasher::sha256() });
    let found = stream(&mut packed, layer, meter, visit)?;
    verify(layer, found, &mut packed)
}

/// The digest of the uncompressed layer.
fn stream(
    packed: &mut impl BufRead,
    layer: &Layer,
    meter: &mut Meter,
    visit: &mut dyn FnMut(Item, &mut dyn Read) -> Result<(), ImageError>,
) -> Result<Digest, ImageError> {
    let first = packed.fill_buf().map_err(ImageError::Read)?;
    let compression = layer.compression.unwrap_or_else(|| Compression::of(first));
    let own = if layer.again { 0 } else { layer.span.size.saturating_mul(meter.limits.ratio) };
    let most = own.max(meter.beyond);
    let unpacked = Bounded { inner: compression.reader(packed), total: meter.bytes, layer: most, limits: meter.limits };
    let mut rest = entries(Hashed { inner: unpacked, hasher: Hasher::sha256() }, layer, meter, visit)?;
    finish(&mut rest, layer)?;
    meter.bytes = rest.inner.total;
    let found = most.saturating_sub(rest.inner.layer);
    if found > own {
        meter.beyond = meter.beyond.saturating_sub(found);
    }
    Ok(rest.hasher.finish())
}

/// Reads what is left after the tar's end: zeros, with which writers fill their last record.
fn finish(rest: &mut impl Read, layer: &Layer) -> Result<(), ImageError> {
    let mut buffer = vec![0; PIECE];
    loop {
        let read = walk::fill(rest, &mut buffer).map_err(|error| layer.explain(error))?;
        let found = buffer.get(..read).unwrap_or_default();
        if found.iter().any(|byte| *byte != 0) {
            return Err(layer.fault(LayerFault::Trailing));
        }
        if read < buffer.len() {
            return Ok(());
        }
    }
}

/// What is left of the layer after its last entry.
fn entries<'r>(
    unpacked: Hashed<Bounded<'r>>,
    layer: &Layer,
    meter: &mut Meter,
    visit: &mut dyn FnMut(Item, &mut dyn Read) -> Result<(), ImageError>,
) -> Result<Hashed<Bounded<'r>>, ImageError> {
    let limits = meter.limits;
    let mut tar = Tar::new(unpacked);
    loop {
        let entry = match tar.next() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(tar.into_inner()),
            Err(Halt::Fault(name, fault)) => return Err(layer.entry(&name, fault)),
            Err(Halt::Read(error)) => return Err(layer.explain(error)),
        };
        let too_many = || ImageError::TooLarge { bound: Bound::Entries, limit: limits.entries };
        meter.entries = meter.entries.checked_sub(1).ok_or_else(too_many)?;
        if entry.size > limits.entry_bytes {
            return Err(ImageError::TooLarge { bound: Bound::EntryBytes, limit: limits.entry_bytes });
        }
        let item = entry::understand(entry).map_err(|(name, fault)| layer.entry(&name, fault))?;
        visit(item, &mut tar.content())?;
    }
}

/// Both digests, after the last byte.
fn verify(layer: &Layer, found: Digest, packed: &mut BufReader<Hashed<impl Read>>) -> Result<(), ImageError> {
    if found != layer.diff_id {
        return Err(layer.fault(LayerFault::DiffId { expected: layer.diff_id, found }));
    }
    io::copy(packed, &mut io::sink()).map_err(ImageError::Read)?;
    let found = packed.get_ref().hasher.clone().finish();
    match layer.digest.filter(|expected| *expected != found) {
        Some(expected) => {
            let name = format!("layer {}", layer.number);
            Err(ImageError::Blob { name, fault: BlobFault::Digest { expected, found } })
        }
        None => Ok(()),
    }
}

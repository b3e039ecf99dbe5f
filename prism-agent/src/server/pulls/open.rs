//! The thread between the store and the disk: hashes the sealed object and opens it, in constant memory.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use prism_core::asset::AssetTerms;
use prism_core::digest::Hasher;
use prism_core::manifest::{Codec, ObjectKey};
use prism_core::seal::{self, CobblestoneKey, Context, Identity, OpenError, Opener};
use tokio::sync::mpsc;

use crate::pull::PullError;

/// Bytes of one frame for the disk.
const FRAME: usize = 256 * 1024;

/// What opens an object.
#[derive(Clone)]
pub(crate) enum Key {
    /// A header of its own, made for this agent; the object's stays unread.
    Released {
        /// The header.
        header: Arc<[u8]>,
        /// The agent's key.
        identity: Arc<Identity>,
    },
    /// The key of the object's own header.
    Stored(Arc<Identity>),
    /// The key of an object without a header.
    Symmetric(Arc<CobblestoneKey>),
}

impl From<ObjectKey> for Key {
    fn from(key: ObjectKey) -> Self {
        match key {
            ObjectKey::Age(identity) => Self::Stored(Arc::new(identity)),
            ObjectKey::Cobblestone256(key) => Self::Symmetric(Arc::new(key)),
        }
    }
}

/// Why opening ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// One of the neighbours went away; it knows why.
    Aborted,
    /// The object is not the one that was agreed, or the key not its key.
    Refused(PullError),
}

/// Opens the object that comes through `pipe` and hands its plaintext to `frames`. The last frame follows only when the
/// whole object is the one that was agreed. Blocking threads only.
pub(super) fn open(
    pipe: mpsc::Receiver<Bytes>,
    frames: mpsc::Sender<Bytes>,
    terms: &AssetTerms,
    key: &Key,
) -> Result<(), Ended> {
    let unknown = || Ended::Refused(PullError::Sealed(OpenError::Header));
    let source = terms.source.as_ref().ok_or(Ended::Aborted)?;
    let hasher = Hasher::for_algorithm(source.digest.algorithm(), None).ok_or_else(unknown)?;
    let header = source.header_len(terms.size).ok_or_else(unknown)?;
    let mut object = Object { pipe, current: Bytes::new(), left: source.size, hasher };
    let mut frames = Frames { disk: frames, held: None, buffer: BytesMut::with_capacity(FRAME) };
    match (source.codec, key) {
        (Codec::Age, Key::Released { header: own, identity }) => {
            stored_header(&mut object, header)?;
            open_age(&mut object, own, identity, &mut frames)?;
        }
        (Codec::Age, Key::Stored(identity)) => {
            let own = stored_header(&mut object, header)?;
            open_age(&mut object, &own, identity, &mut frames)?;
        }
        (Codec::Cobblestone256, Key::Symmetric(key)) => {
            let context = Context::asset(&terms.name);
            Opener::cobblestone(key, &context).open(&mut object, &mut frames).map_err(judge)?;
        }
        // A key of one codec opens nothing of another; more codecs write to the same frames.
        _ => return Err(unknown()),
    }
    let found = object.hasher.finish();
    if found != source.digest {
        return Err(Ended::Refused(PullError::Digest { expected: source.digest, found }));
    }
    frames.finish().map_err(|_| Ended::Aborted)
}

/// The object's own header, which counts for its digest in any case.
fn stored_header(object: &mut Object, length: u64) -> Result<Vec<u8>, Ended> {
    let mut stored = Vec::new();
    object.by_ref().take(length).read_to_end(&mut stored).map_err(|_| Ended::Aborted)?;
    Ok(stored)
}

fn open_age(object: &mut Object, header: &[u8], identity: &Identity, frames: &mut Frames) -> Result<(), Ended> {
    seal::open_with_header(header, object, identity, frames).map(|_| ()).map_err(judge)
}

fn judge(error: OpenError) -> Ended {
    match error {
        OpenError::Read(_) | OpenError::Write(_) => Ended::Aborted,
        other => Ended::Refused(PullError::Sealed(other)),
    }
}

/// The sealed object as it comes. What ends too early is an error, never a short object.
struct Object {
    pipe: mpsc::Receiver<Bytes>,
    current: Bytes,
    left: u64,
    hasher: Hasher,
}

impl Read for Object {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            if self.left == 0 {
                return Ok(0);
            }
            let next = self.pipe.blocking_recv().ok_or(io::ErrorKind::UnexpectedEof)?;
            self.left = self.left.checked_sub(next.len() as u64).ok_or(io::ErrorKind::InvalidData)?;
            self.hasher.update(&next);
            self.current = next;
        }
        let taken = self.current.len().min(buffer.len());
        if let Some(part) = buffer.get_mut(..taken) {
            self.current.copy_to_slice(part);
        }
        Ok(taken)
    }
}

/// The plaintext's way to the disk. The newest frame is held back.
struct Frames {
    disk: mpsc::Sender<Bytes>,
    held: Option<Bytes>,
    buffer: BytesMut,
}

impl Frames {
    fn hand_over(&mut self, next: Option<Bytes>) -> io::Result<()> {
        match std::mem::replace(&mut self.held, next) {
            Some(frame) => self.disk.blocking_send(frame).map_err(|_| io::ErrorKind::BrokenPipe.into()),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> io::Result<()> {
        let rest = self.buffer.split().freeze();
        if !rest.is_empty() {
            self.hand_over(Some(rest))?;
        }
        self.hand_over(None)
    }
}

impl Write for Frames {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = FRAME.saturating_sub(self.buffer.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(taken);
        if self.buffer.len() >= FRAME {
            let frame = self.buffer.split().freeze();
            self.hand_over(Some(frame))?;
        }
        Ok(taken.len())
    }

    /// What is held back stays here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Opening, with everything that can be chosen.

use std::io::{BufReader, Cursor, Read, Write};
use std::num::NonZeroUsize;

use super::cipher::{Cipher, START_LEN};
use super::format::Stanza;
use super::payload::{self, Pass};
use super::{
    CobblestoneKey, Context, FileKey, Identity, OpenError, Passphrase, SshIdentity, Totals, cobblestone, file_key,
    read_header,
};
use crate::digest::Hasher;

/// What may open an age file. An agent opens with an [`Identity`] only.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Unlock<'a> {
    /// An age identity.
    Identity(&'a Identity),
    /// An SSH key of the type Ed25519, for files that others sealed to it.
    Ssh(&'a SshIdentity),
    /// A passphrase.
    Passphrase(&'a Passphrase),
}

impl Unlock<'_> {
    /// The file key, if the stanza is for this key.
    pub(super) fn unwrap(self, stanza: &Stanza) -> Result<Option<FileKey>, OpenError> {
        match self {
            Self::Identity(identity) => identity.unwrap(stanza),
            Self::Ssh(identity) => identity.unwrap(stanza),
            Self::Passphrase(passphrase) => passphrase.unwrap(stanza),
        }
    }
}

impl<'a> From<&'a Identity> for Unlock<'a> {
    fn from(identity: &'a Identity) -> Self {
        Self::Identity(identity)
    }
}

impl<'a> From<&'a SshIdentity> for Unlock<'a> {
    fn from(identity: &'a SshIdentity) -> Self {
        Self::Ssh(identity)
    }
}

impl<'a> From<&'a Passphrase> for Unlock<'a> {
    fn from(passphrase: &'a Passphrase) -> Self {
        Self::Passphrase(passphrase)
    }
}

/// Opens a file in one pass.
#[derive(Debug)]
pub struct Opener<'a> {
    key: Key<'a>,
    workers: NonZeroUsize,
    hasher: Option<Hasher>,
}

#[derive(Debug)]
enum Key<'a> {
    Unlock(Unlock<'a>),
    File(&'a FileKey),
    Cobblestone(&'a CobblestoneKey, &'a Context),
}

impl<'a> Opener<'a> {
    /// An age file.
    #[must_use]
    pub fn with(unlock: impl Into<Unlock<'a>>) -> Self {
        Self::new(Key::Unlock(unlock.into()))
    }

    /// The payload of an age file, without its header.
    #[must_use]
    pub const fn payload(key: &'a FileKey) -> Self {
        Self::new(Key::File(key))
    }

    /// A Cobblestone-256 file for one purpose.
    #[must_use]
    pub const fn cobblestone(key: &'a CobblestoneKey, context: &'a Context) -> Self {
        Self::new(Key::Cobblestone(key, context))
    }

    const fn new(key: Key<'a>) -> Self {
        Self { key, workers: NonZeroUsize::MIN, hasher: None }
    }

    /// How many threads work, the caller's among them; 256 KiB of memory each. One by default.
    #[must_use]
    pub const fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = workers;
        self
    }

    /// Hashes the plaintext in the same pass.
    #[must_use]
    pub fn digest(mut self, hasher: Hasher) -> Self {
        self.hasher = Some(hasher);
        self
    }

    /// Opens everything that `reader` gives. Each chunk is written only after it was authenticated: what was written
    /// before an error is a genuine beginning, but only a beginning.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open<R: Read + Send, W: Write + Send>(mut self, reader: R, writer: W) -> Result<Totals, OpenError> {
        let mut reader = BufReader::new(reader);
        let cipher = self.key.start(&mut reader)?;
        let buffered = Cursor::new(reader.buffer().to_vec());
        let pass = Pass { cipher: &cipher, workers: self.workers, hasher: self.hasher.as_mut() };
        let size = pass.open(buffered.chain(reader.into_inner()), writer)?;
        Ok(Totals { size, digest: self.hasher.map(Hasher::finish) })
    }
}

impl Key<'_> {
    /// Reads what stands before the chunks; their cipher.
    fn start<R: Read>(&self, reader: &mut BufReader<R>) -> Result<Cipher, OpenError> {
        let unwrapped;
        let key = match self {
            Self::Cobblestone(key, context) => {
                return cobblestone::resume(key, context, &exactly(reader)?);
            }
            Self::File(key) => *key,
            Self::Unlock(unlock) => {
                unwrapped = file_key(&read_header(reader)?, *unlock)?;
                &unwrapped
            }
        };
        Cipher::age(key, &exactly::<START_LEN>(reader)?).ok_or(OpenError::Payload { chunk: 0 })
    }
}

/// The next bytes, all of them.
pub(super) fn exactly<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], OpenError> {
    let mut bytes = [0; N];
    match payload::fill(reader, &mut bytes).map_err(OpenError::Read)? {
        read if read < N => Err(OpenError::Payload { chunk: 0 }),
        _ => Ok(bytes),
    }
}

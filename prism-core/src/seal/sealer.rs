//! Sealing, with everything that can be chosen.

use std::io::{Read, Write};
use std::num::NonZeroUsize;

use super::cipher::{Cipher, START_LEN};
use super::payload::Pass;
use super::{CobblestoneKey, Context, FileKey, Passphrase, Recipient, SealError, Totals, cobblestone, format, header};
use crate::digest::Hasher;
use crate::entropy::{self, Entropy};

/// Seals a file in one pass.
///
/// ```
/// use std::num::NonZeroUsize;
/// use prism_core::digest::{Digest, Hasher};
/// use prism_core::entropy::SystemEntropy;
/// use prism_core::seal::{Identity, RecipientKind, Sealer};
///
/// let mut entropy = SystemEntropy::default();
/// let identity = Identity::generate(RecipientKind::Hybrid, &mut entropy)?;
/// let recipients = [identity.recipient().clone()];
/// let sealer = Sealer::to(&recipients).workers(NonZeroUsize::MIN).digest(Hasher::sha256());
/// let totals = sealer.seal(b"data".as_slice(), &mut entropy, Vec::new())?;
/// assert_eq!(totals.digest, Some(Digest::sha256(b"data")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sealer<'a> {
    lock: Lock<'a>,
    workers: NonZeroUsize,
    hasher: Option<Hasher>,
}

#[derive(Debug)]
enum Lock<'a> {
    Recipients(&'a [Recipient]),
    Passphrase(&'a Passphrase),
    Cobblestone(&'a CobblestoneKey, &'a Context),
}

impl<'a> Sealer<'a> {
    /// An age file for these recipients, of one kind.
    #[must_use]
    pub const fn to(recipients: &'a [Recipient]) -> Self {
        Self::new(Lock::Recipients(recipients))
    }

    /// An age file under a passphrase, for a person.
    #[must_use]
    pub const fn under(passphrase: &'a Passphrase) -> Self {
        Self::new(Lock::Passphrase(passphrase))
    }

    /// A Cobblestone-256 file for one purpose.
    #[must_use]
    pub const fn cobblestone(key: &'a CobblestoneKey, context: &'a Context) -> Self {
        Self::new(Lock::Cobblestone(key, context))
    }

    const fn new(lock: Lock<'a>) -> Self {
        Self { lock, workers: NonZeroUsize::MIN, hasher: None }
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

    /// Seals everything that `reader` gives.
    ///
    /// # Errors
    /// [`SealError`]; what was written by then is incomplete and no reader accepts it.
    pub fn seal<R: Read + Send, W: Write + Send>(
        mut self,
        reader: R,
        entropy: &mut dyn Entropy,
        mut writer: W,
    ) -> Result<Totals, SealError> {
        let (start, cipher) = self.lock.start(entropy)?;
        writer.write_all(&start).map_err(SealError::Write)?;
        let pass = Pass { cipher: &cipher, workers: self.workers, hasher: self.hasher.as_mut() };
        let size = pass.seal(reader, writer)?;
        Ok(Totals { size, digest: self.hasher.map(Hasher::finish) })
    }
}

impl Lock<'_> {
    /// What stands before the chunks, and their cipher.
    fn start(&self, entropy: &mut dyn Entropy) -> Result<(Vec<u8>, Cipher), SealError> {
        if let Self::Cobblestone(key, context) = self {
            let (start, cipher) = cobblestone::start(key, context, entropy)?.ok_or(SealError::Provider)?;
            return Ok((start.to_vec(), cipher));
        }
        let key = FileKey::generate(entropy)?;
        let mut bytes = self.header(&key, entropy)?;
        let start = entropy::draw::<START_LEN>(entropy)?;
        bytes.extend_from_slice(&start);
        Ok((bytes, Cipher::age(&key, &start).ok_or(SealError::Provider)?))
    }

    fn header(&self, key: &FileKey, entropy: &mut dyn Entropy) -> Result<Vec<u8>, SealError> {
        match self {
            Self::Recipients(recipients) => header(key, recipients, entropy),
            Self::Passphrase(passphrase) => {
                format::write(&[passphrase.wrap(key, entropy)?], key).ok_or(SealError::Provider)
            }
            Self::Cobblestone(..) => Err(SealError::Provider),
        }
    }
}

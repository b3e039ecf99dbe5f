//! A symmetric key on its way to somebody who has an age identity: an age file whose content are the key's 32 bytes.

use super::super::{
    Identity, OpenError, Recipient, SealError, SealKeyError, format, open_with_header, seal, sealed_len,
};
use super::{CobblestoneKey, KEY_LEN};
use crate::code::{Code, Coded};
use crate::entropy::Entropy;

impl CobblestoneKey {
    /// The key as an age file for one recipient, such as the key of an attested agent.
    ///
    /// # Errors
    /// [`SealError`]
    pub fn sealed_to(&self, recipient: &Recipient, entropy: &mut dyn Entropy) -> Result<Vec<u8>, SealError> {
        let mut file = Vec::new();
        seal(self.expose().as_slice(), std::slice::from_ref(recipient), entropy, &mut file)?;
        Ok(file)
    }

    /// The key in the file that [`sealed_to`](Self::sealed_to) made.
    ///
    /// # Errors
    /// [`SealedKeyError`]
    pub fn opened(file: &[u8], identity: &Identity) -> Result<Self, SealedKeyError> {
        let mut payload = file;
        let header = format::read(&mut payload)?;
        let (found, overhead) = (payload.len() as u64, sealed_len(0).unwrap_or(0));
        if Some(found) != sealed_len(KEY_LEN as u64) {
            let found = usize::try_from(found.saturating_sub(overhead)).unwrap_or(usize::MAX);
            return Err(SealKeyError::Symmetric { found }.into());
        }
        let mut key = Self(Box::new([0; KEY_LEN]));
        open_with_header(&header, payload, identity, key.0.as_mut_slice())?;
        Ok(key)
    }
}

/// Why a file holds no symmetric key for this identity.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedKeyError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It holds something else.
    #[error(transparent)]
    Key(#[from] SealKeyError),
}

impl Coded for SealedKeyError {
    fn code(&self) -> Code {
        match self {
            Self::Open(error) => error.code(),
            Self::Key(error) => error.code(),
        }
    }
}

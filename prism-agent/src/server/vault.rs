//! Sealed results and their keys, from sealing to confirmation. Keys are in memory only; lose rather than leak.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use prism_core::audit::entry::{Actor, Event, ResultAckedBody, ResultReleasedBody};
use prism_core::code::{Code, Coded};
use prism_core::digest::Digest;
use prism_core::entropy::SystemEntropy;
use prism_core::lifecycle::{Effect, Illegal};
use prism_core::name::Name;
use prism_core::release::Answer;
use prism_core::seal::{self, FileKey, Recipient, SealError, SealKeyError};
use prism_core::statement::{ResultAckBody, ResultRequestBody};

use super::engine::Engine;
use super::ledger::{LedgerError, Signed};

/// Why a result is not given out, or not confirmed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum VaultError {
    /// The state machine does not permit it, or it could not be logged.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The recipient is not one that a result can be sealed to.
    #[error(transparent)]
    Recipient(#[from] SealKeyError),
    /// The header could not be made; nothing was released.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The run has no result for the caller yet, or any more.
    #[error("expected a sealed result for you, found none; watch the state for Delivering")]
    None,
    /// The result was confirmed, or destroyed when the run ended.
    #[error("expected an unconfirmed result, found that it was confirmed or destroyed; it is released only once")]
    Gone,
    /// The consumer confirms something else.
    #[error("expected a confirmation of the result {expected}, found one of {found}; open the file again")]
    OtherResult {
        /// Digest of the result.
        expected: Digest,
        /// Digest in the confirmation.
        found: Digest,
    },
}

impl From<Illegal> for VaultError {
    fn from(illegal: Illegal) -> Self {
        Self::Ledger(illegal.into())
    }
}

impl Coded for VaultError {
    fn code(&self) -> Code {
        match self {
            Self::Ledger(error) => error.code(),
            Self::Recipient(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::None => Code::ResultNotReady,
            Self::Gone => Code::ResultGone,
            Self::OtherResult { .. } => Code::AssetMismatch,
        }
    }
}

/// A result as it waits for its consumer.
pub(crate) struct Sealed {
    /// Opens the ciphertext.
    pub(crate) key: FileKey,
    /// Where the ciphertext is.
    pub(crate) path: PathBuf,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// Its digest.
    pub(crate) payload: Digest,
    /// Digest of the result archive inside.
    pub(crate) plaintext: Digest,
}

/// What a consumer is given.
#[derive(Clone, Debug)]
pub(crate) struct Released {
    /// An age header for its recipient.
    pub(crate) header: Bytes,
    /// Length of the ciphertext in bytes.
    pub(crate) length: u64,
    /// Index of the log entry.
    index: u64,
}

/// What anybody may know about a consumer's result.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    /// Digest of the ciphertext.
    pub(crate) payload: Digest,
    /// Length of the ciphertext in bytes.
    pub(crate) length: u64,
}

#[derive(Default)]
struct Shelf {
    sealed: BTreeMap<Name, Sealed>,
    released: BTreeMap<Name, Released>,
    acked: BTreeMap<Name, u64>,
    known: BTreeMap<Name, Holding>,
}

/// Every consumer's result. Its lock is taken after the ledger's, never before.
#[derive(Default)]
pub(crate) struct Vault(Mutex<Shelf>);

impl Vault {
    /// Takes in a result that the log is about to name.
    pub(crate) fn put(&self, consumer: Name, sealed: Sealed) {
        let mut kept = self.shelf();
        let holding = Holding { payload: sealed.payload, length: sealed.length };
        kept.known.insert(consumer.clone(), holding);
        kept.sealed.insert(consumer, sealed);
    }

    /// What anybody may know about every result there ever was.
    pub(crate) fn holdings(&self) -> BTreeMap<Name, Holding> {
        self.shelf().known.clone()
    }

    /// Where a consumer's ciphertext is, while there is one.
    pub(crate) fn ciphertext(&self, consumer: &Name) -> Option<PathBuf> {
        self.shelf().sealed.get(consumer).map(|sealed| sealed.path.clone())
    }

    /// Destroys a consumer's key and ciphertext.
    pub(crate) fn destroy(&self, consumer: &Name) {
        let mut kept = self.shelf();
        kept.released.remove(consumer);
        if let Some(Sealed { key, path, .. }) = kept.sealed.remove(consumer) {
            drop(key);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, "a ciphertext without a key could not be removed yet");
            }
        }
    }

    /// Destroys a result that the log does not name after all, as if it had never been.
    pub(crate) fn withdraw(&self, consumer: &Name) {
        self.destroy(consumer);
        self.shelf().known.remove(consumer);
    }

    /// Destroys everything.
    pub(crate) fn destroy_all(&self) {
        let consumers: Vec<Name> = self.shelf().sealed.keys().cloned().collect();
        for consumer in &consumers {
            self.destroy(consumer);
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a consumer's key to one recipient: logged first, then answered; the same recipient gets the same answer again.
pub(crate) fn release(
    engine: &Engine,
    consumer: &Name,
    request: &ResultRequestBody,
) -> Result<(Released, Signed), VaultError> {
    let recipient: Recipient = request.recipient.parse()?;
    let mut ledger = engine.ledger();
    let answer = ledger.state().answer_request(consumer, &request.recipient, request.ciphertext)?;
    let released = engine.vault().shelf().released.get(consumer).cloned();
    if let (Answer::Repeat, Some(released)) = (answer, released) {
        let signed = ledger.receipt(released.index).ok_or(VaultError::None)?;
        return Ok((released, signed));
    }
    // The header is made before the entry so that a failure releases nothing; it leaves the agent only after it.
    let (header, length) = {
        let kept = engine.vault().shelf();
        let sealed = kept.sealed.get(consumer).ok_or(VaultError::None)?;
        (seal::header(&sealed.key, &[recipient], &mut SystemEntropy::default())?, sealed.length)
    };
    let index = ledger.size();
    let body = ResultReleasedBody { recipient: request.recipient.clone(), payload: request.ciphertext };
    let signed = ledger.act(Actor::Participant(consumer.clone()), Event::ResultReleased(body))?;
    let released = Released { header: header.into(), length, index };
    engine.vault().shelf().released.insert(consumer.clone(), released.clone());
    Ok((released, signed))
}

/// Takes a consumer's confirmation: logged first, then key and ciphertext are destroyed, then answered.
pub(crate) fn acknowledge(engine: &Engine, consumer: &Name, ack: &ResultAckBody) -> Result<Signed, VaultError> {
    let mut ledger = engine.ledger();
    let earlier = engine.vault().shelf().acked.get(consumer).copied();
    if let Some(index) = earlier {
        return ledger.receipt(index).ok_or(VaultError::None);
    }
    let (payload, expected) = {
        let kept = engine.vault().shelf();
        let sealed = kept.sealed.get(consumer).ok_or(VaultError::None)?;
        (sealed.payload, sealed.plaintext)
    };
    if ack.plaintext != expected {
        return Err(VaultError::OtherResult { expected, found: ack.plaintext });
    }
    let index = ledger.size();
    let event = Event::ResultAcked(ResultAckedBody { payload });
    let (signed, effects) = ledger.act_for(Actor::Participant(consumer.clone()), event)?;
    engine.vault().shelf().acked.insert(consumer.clone(), index);
    let (destroy, others) = effects.into_iter().partition(|effect| matches!(effect, Effect::DestroyResult(_)));
    let destroy: Vec<Effect> = destroy;
    for effect in destroy {
        if let Effect::DestroyResult(name) = effect {
            engine.vault().destroy(&name);
        }
    }
    ledger.hand_on(others);
    Ok(signed)
}

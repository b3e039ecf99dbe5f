use prism_core::audit::checkpoint::VerifierKey;
use prism_core::audit::entry::{Entry, Event};
use prism_core::audit::proof;

use super::LogError;
use crate::wire;

/// The agent's signed word that an act was logged, verified: the proof holds under the log's key, which the hardware
/// vouches for, and the entry says what was asked for.
#[derive(Clone, Debug)]
pub struct Receipt {
    proof: proof::Receipt,
    entry: Entry,
    bytes: Vec<u8>,
}

impl Receipt {
    /// The proof: entry index, path and signed head, a C2SP tlog-proof.
    #[must_use]
    pub const fn proof(&self) -> &proof::Receipt {
        &self.proof
    }

    /// What was logged.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The exact bytes that were logged.
    #[must_use]
    pub fn entry_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Verifies what came, before anybody can use it.
    pub(super) fn verify(
        received: Option<wire::Receipt>,
        key: &VerifierKey,
        expected: &'static str,
        is_expected: impl FnOnce(&Entry) -> bool,
    ) -> Result<Self, LogError> {
        let wire::Receipt { proof, entry: bytes } = received.ok_or(LogError::Malformed { expected: "a receipt" })?;
        let proof = proof::Receipt::read(proof.as_bytes())?;
        proof.verify(key, &bytes)?;
        let entry = Entry::read(&bytes)?;
        if entry.seq != proof.index() {
            return Err(LogError::Malformed { expected: "an entry that states its own index" });
        }
        if !is_expected(&entry) {
            return Err(LogError::OtherAct { expected, found: kind_of(&entry.event) });
        }
        Ok(Self { proof, entry, bytes: bytes.into() })
    }
}

const fn kind_of(event: &Event) -> &'static str {
    event.kind()
}

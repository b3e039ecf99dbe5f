//! The receipt: C2SP tlog-proof, the offline proof that one entry was logged.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 17
//! <base64 of a hash>, one line for each step from the leaf's sibling to the root's child
//!
//! <the signed checkpoint>
//! ```
//!
//! The optional `extra` line of the standard is not written and not read: nothing signs it.

use super::checkpoint::{CHECKPOINT_MAX, Checkpoint, CheckpointError, SignedCheckpoint, VerifierKey, read_decimal};
use super::tree::{PATH_MAX, TreeError, TreeHash, leaf_hash, verify_inclusion};
use crate::code::{Code, Coded};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Longest text of a receipt in bytes.
pub const RECEIPT_MAX: usize = CHECKPOINT_MAX + 4096;

/// Why a receipt was not read or is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Longer than [`RECEIPT_MAX`].
    #[error("expected a receipt of at most {RECEIPT_MAX} bytes, found {found}; this is not a receipt")]
    TooLong {
        /// The bytes found.
        found: usize,
    },
    /// Not the text of a receipt.
    #[error("expected {expected} in the receipt, found something else; fetch the receipt again")]
    Malformed {
        /// What stands there in every receipt.
        expected: &'static str,
    },
    /// The checkpoint inside does not hold.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not at that index of the signed tree.
    #[error(transparent)]
    Path(#[from] TreeError),
}

impl Coded for ReceiptError {
    fn code(&self) -> Code {
        Code::LogInvalid
    }
}

/// Signed word that an entry was logged. Nothing of it is believed before [`verify`](Self::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    index: u64,
    path: Vec<TreeHash>,
    checkpoint: SignedCheckpoint,
}

impl Receipt {
    /// The receipt of the entry at `index`, with its inclusion path in the tree of `checkpoint`.
    #[must_use]
    pub const fn new(index: u64, path: Vec<TreeHash>, checkpoint: SignedCheckpoint) -> Self {
        Self { index, path, checkpoint }
    }

    /// Reads the text of a receipt; exactly `text`, no byte more.
    ///
    /// # Errors
    /// [`ReceiptError::TooLong`], [`ReceiptError::Malformed`] and [`ReceiptError::Checkpoint`].
    pub fn read(text: &[u8]) -> Result<Self, ReceiptError> {
        if text.len() > RECEIPT_MAX {
            return Err(ReceiptError::TooLong { found: text.len() });
        }
        let text = std::str::from_utf8(text).map_err(|_| malformed("UTF-8"))?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed("an empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(malformed("\"c2sp.org/tlog-proof@v1\" on the first line"));
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(read_decimal);
        let index = index.ok_or(malformed("\"index <number>\" on the second line"))?;
        let path: Option<Vec<_>> = lines.map(TreeHash::from_base64).collect();
        let path = path.ok_or(malformed("the base64 of one hash on each line of the path"))?;
        if path.len() > PATH_MAX {
            return Err(malformed("at most 64 hashes"));
        }
        Ok(Self { index, path, checkpoint: SignedCheckpoint::read(checkpoint.as_bytes())? })
    }

    /// The text, as it is sent and stored (file extension `.tlog-proof`).
    #[must_use]
    pub fn to_text(&self) -> String {
        let path: String = self.path.iter().map(|hash| hash.to_base64() + "\n").collect();
        format!("{HEADER}\nindex {}\n{path}\n{}", self.index, self.checkpoint)
    }

    /// The signed head that the entry is under, if `key`'s log signed the head and `entry` is at
    /// [`index`](Self::index) of it: both or an error.
    ///
    /// # Errors
    /// [`ReceiptError::Checkpoint`] and [`ReceiptError::Path`].
    pub fn verify(&self, key: &VerifierKey, entry: &[u8]) -> Result<Checkpoint, ReceiptError> {
        let head = self.checkpoint.verify(key)?;
        verify_inclusion(leaf_hash(entry), self.index, head.size(), &self.path, head.root())?;
        Ok(head)
    }

    /// The index of the entry in the log.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The checkpoint inside, still to be verified.
    #[must_use]
    pub const fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }
}

const fn malformed(expected: &'static str) -> ReceiptError {
    ReceiptError::Malformed { expected }
}

#[cfg(test)]
mod tests;

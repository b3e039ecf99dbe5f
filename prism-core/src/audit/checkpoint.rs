//! The signed head of a log: C2SP tlog-checkpoint in a C2SP signed note, signed with Ed25519.
//!
//! ```text
//! prism.log/<computation>/<boot id>
//! 17
//! <base64 of the root>
//!
//! — prism.log/<computation>/<boot id> <base64 of key id ‖ signature>
//! ```
//!
//! Public tools read every checkpoint written here. The reader takes less than the standards allow: no extension
//! lines and exactly one signature, by the log itself. A checkpoint therefore has only one text.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::tree::{Tree, TreeError, TreeHash, verify_consistency};
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::entropy::Entropy;
use crate::key::{KeyAlgorithm, KeyError, PublicKey, SigningKey};

/// Longest name of a log in bytes.
pub const LOG_NAME_MAX: usize = 256;
/// Longest text of a signed checkpoint in bytes.
pub const CHECKPOINT_MAX: usize = 1024;

/// Signature type "Ed25519" of signed notes.
const ED25519_TYPE: u8 = 1;
const KEY_ID_LEN: usize = 4;
const SIGNATURE_LEN: usize = 64;

/// Why a text is not a verifier key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifierKeyError {
    /// Not three parts joined by `+`.
    #[error("expected \"<name>+<8 hex digits>+<base64 key>\", found another shape; copy the whole verifier key")]
    Shape,
    /// The name is empty, too long, or has a space, a control character or a plus.
    #[error(
        "expected a log name of 1 to {LOG_NAME_MAX} bytes without spaces, controls and '+', found another text; use such a name"
    )]
    Name,
    /// The key is not canonical base64 of `0x01` and a sound Ed25519 key.
    #[error("expected the base64 of an Ed25519 key with its type byte, found something else; only Ed25519 is known")]
    Key,
    /// The key id is not that of name and key.
    #[error("expected the key id {expected} for this name and key, found another; the verifier key was altered")]
    Id {
        /// The id that name and key have, in hex.
        expected: String,
    },
}

impl Coded for VerifierKeyError {
    fn code(&self) -> Code {
        Code::KeyMalformed
    }
}

/// The public half of a log's key, with the log's name: `<name>+<key id>+<base64(0x01 ‖ key)>` as text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    key: PublicKey,
}

impl VerifierKey {
    /// A log's verifier key from its name and public key.
    ///
    /// # Errors
    /// [`VerifierKeyError::Name`], and [`VerifierKeyError::Key`] when the key is not Ed25519.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, VerifierKeyError> {
        if !is_log_name(name) {
            return Err(VerifierKeyError::Name);
        }
        if key.algorithm() != KeyAlgorithm::Ed25519 {
            return Err(VerifierKeyError::Key);
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// The name of the log, which is the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Ed25519 key without the name.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)`: finds the key, proves nothing.
    fn id(&self) -> [u8; KEY_ID_LEN] {
        let digest = Digest::sha256(&[self.name.as_bytes(), b"\n", &[ED25519_TYPE], self.key.point()].concat());
        let [a, b, c, d, ..] = *digest.as_bytes();
        [a, b, c, d]
    }
}

/// Key names of signed notes have neither spaces nor plus; no control character can then break a line.
fn is_log_name(name: &str) -> bool {
    let plain = name.chars().all(|c| !c.is_whitespace() && !c.is_control() && c != '+');
    plain && !name.is_empty() && name.len() <= LOG_NAME_MAX
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed = [&[ED25519_TYPE], self.key.point()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(typed))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        let (name, rest) = text.split_once('+').ok_or(VerifierKeyError::Shape)?;
        let (id, typed) = rest.split_once('+').ok_or(VerifierKeyError::Shape)?;
        let typed = STANDARD.decode(typed).map_err(|_| VerifierKeyError::Key)?;
        let [ED25519_TYPE, key @ ..] = typed.as_slice() else { return Err(VerifierKeyError::Key) };
        let key = PublicKey::from_point(KeyAlgorithm::Ed25519, key).map_err(|_| VerifierKeyError::Key)?;
        let key = Self::new(name, key)?;
        let expected = hex::encode(key.id());
        if id == expected { Ok(key) } else { Err(VerifierKeyError::Id { expected }) }
    }
}

impl Serialize for VerifierKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VerifierKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a log key was not made or did not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogKeyError {
    /// The name is not one that a log can have.
    #[error(transparent)]
    Name(#[from] VerifierKeyError),
    /// The key could not be made or could not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The checkpoint is of another log.
    #[error("expected a checkpoint of the log {expected:?}, found one of {found:?}; sign it with that log's key")]
    OtherLog {
        /// The name of this key's log.
        expected: String,
        /// The origin of the checkpoint.
        found: String,
    },
    /// The signature has not the length of an Ed25519 signature.
    #[error("expected a signature of 64 bytes, found another length; restart the agent")]
    SignatureLength,
}

impl Coded for LogKeyError {
    fn code(&self) -> Code {
        match self {
            Self::Name(error) => error.code(),
            Self::Key(_) | Self::OtherLog { .. } | Self::SignatureLength => Code::Internal,
        }
    }
}

/// The private half of a log's key. It lives in memory only.
pub struct LogKey {
    key: SigningKey,
    verifier: VerifierKey,
}

impl LogKey {
    /// A fresh key for the log `name`.
    ///
    /// # Errors
    /// [`LogKeyError`] when the name is not acceptable or there is no randomness.
    pub fn generate(name: &str, entropy: &mut dyn Entropy) -> Result<Self, LogKeyError> {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519, entropy)?;
        Ok(Self { verifier: VerifierKey::new(name, key.public().clone())?, key })
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a head of this key's log. The caller signs only heads that continue those it signed before.
    ///
    /// # Errors
    /// [`LogKeyError::OtherLog`].
    pub fn sign(&self, checkpoint: &Checkpoint) -> Result<SignedCheckpoint, LogKeyError> {
        if checkpoint.origin != self.verifier.name {
            let (expected, found) = (self.verifier.name.clone(), checkpoint.origin.clone());
            return Err(LogKeyError::OtherLog { expected, found });
        }
        let body = checkpoint.body();
        let signature = self.key.sign(body.as_bytes())?;
        let signature: [u8; SIGNATURE_LEN] = signature.try_into().map_err(|_| LogKeyError::SignatureLength)?;
        let key_id = self.verifier.id();
        let encoded = STANDARD.encode([key_id.as_slice(), &signature].concat());
        let text = format!("{body}\n— {} {encoded}\n", checkpoint.origin);
        Ok(SignedCheckpoint { text, checkpoint: checkpoint.clone(), key_id, signature })
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogKey").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

/// The head of a log: which log, how many entries, and the root over them.
///
/// What [`SignedCheckpoint::verify`] returns was signed by the log; what [`Checkpoint::new`] returns waits to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: TreeHash,
}

impl Checkpoint {
    /// The present head of `tree`, to be signed by the log `origin`.
    #[must_use]
    pub fn new(origin: &str, tree: &Tree) -> Self {
        Self { origin: origin.to_owned(), size: tree.size(), root: tree.root() }
    }

    /// The name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The number of entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree of these entries.
    #[must_use]
    pub const fn root(&self) -> &TreeHash {
        &self.root
    }

    /// Checks that this head continues `older`, a head of the same log seen before, by a consistency proof.
    ///
    /// # Errors
    /// [`TreeError::OtherLog`], [`TreeError::Truncated`], [`TreeError::PathLength`] and [`TreeError::Forked`].
    pub fn verify_continues(&self, older: &Self, path: &[TreeHash]) -> Result<(), TreeError> {
        if self.origin != older.origin {
            return Err(TreeError::OtherLog);
        }
        verify_consistency((older.size, &older.root), (self.size, &self.root), path)
    }

    /// The signed text: three lines, each with its newline.
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }
}

/// Why a checkpoint was not read or is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Longer than [`CHECKPOINT_MAX`].
    #[error("expected a checkpoint of at most {CHECKPOINT_MAX} bytes, found {found}; this is not a checkpoint")]
    TooLong {
        /// The bytes found.
        found: usize,
    },
    /// Not the text of a checkpoint.
    #[error("expected {expected} in the checkpoint, found something else; fetch the checkpoint again")]
    Malformed {
        /// What stands there in every checkpoint.
        expected: &'static str,
    },
    /// The checkpoint of another log.
    #[error("expected a checkpoint of the log {expected:?}, found one of another; ask the agent you attested")]
    OtherLog {
        /// The name of the verifier key.
        expected: String,
    },
    /// Signed with another key.
    #[error("expected a signature by the log's key, found one by another key; ask the agent you attested")]
    OtherKey,
    /// The signature does not hold.
    #[error("expected a signature by the log over this text, found one that does not hold; do not trust this log")]
    Forged,
}

impl Coded for CheckpointError {
    fn code(&self) -> Code {
        Code::LogInvalid
    }
}

/// The text of a checkpoint with its signature, of which nothing is believed before [`verify`](Self::verify).
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    text: String,
    checkpoint: Checkpoint,
    key_id: [u8; KEY_ID_LEN],
    signature: [u8; SIGNATURE_LEN],
}

impl SignedCheckpoint {
    /// Reads the text of a checkpoint; exactly `text`, no byte more.
    ///
    /// # Errors
    /// [`CheckpointError::TooLong`] and [`CheckpointError::Malformed`].
    pub fn read(text: &[u8]) -> Result<Self, CheckpointError> {
        if text.len() > CHECKPOINT_MAX {
            return Err(CheckpointError::TooLong { found: text.len() });
        }
        let text = std::str::from_utf8(text).map_err(|_| malformed("UTF-8"))?;
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, "", signature, ""] = lines.as_slice() else {
            return Err(malformed("origin, size, root, an empty line and one signature line"));
        };
        if !is_log_name(origin) {
            return Err(malformed("the name of a log"));
        }
        let (key_id, signature) = read_signature(signature, origin)?;
        let size = read_decimal(size).ok_or(malformed("a decimal size without leading zeros"))?;
        let root = TreeHash::from_base64(root).ok_or(malformed("the base64 of a root hash"))?;
        let checkpoint = Checkpoint { origin: (*origin).to_owned(), size, root };
        Ok(Self { text: text.to_owned(), checkpoint, key_id, signature })
    }

    /// The head, if the log that `key` belongs to signed exactly this text.
    ///
    /// # Errors
    /// [`CheckpointError::OtherLog`], [`CheckpointError::OtherKey`] and [`CheckpointError::Forged`].
    pub fn verify(&self, key: &VerifierKey) -> Result<Checkpoint, CheckpointError> {
        if self.checkpoint.origin != key.name {
            return Err(CheckpointError::OtherLog { expected: key.name.clone() });
        }
        if self.key_id != key.id() {
            return Err(CheckpointError::OtherKey);
        }
        key.key.verify(self.signed_text().as_bytes(), &self.signature).map_err(|_| CheckpointError::Forged)?;
        Ok(self.checkpoint.clone())
    }

    /// The text, as it is sent and stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part of the text that is signed: up to the empty line, with the last line's newline.
    fn signed_text(&self) -> &str {
        self.text.find("\n\n").and_then(|end| self.text.get(..=end)).unwrap_or_default()
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedCheckpoint({:?})", self.text)
    }
}

const fn malformed(expected: &'static str) -> CheckpointError {
    CheckpointError::Malformed { expected }
}

/// A decimal number in its only canonical form.
pub(super) fn read_decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = digits && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

fn read_signature(line: &str, origin: &str) -> Result<([u8; KEY_ID_LEN], [u8; SIGNATURE_LEN]), CheckpointError> {
    let expected = malformed("\"— <origin> <base64 of key id and signature>\"");
    let encoded = line
        .strip_prefix("— ")
        .and_then(|rest| rest.strip_prefix(origin))
        .and_then(|rest| rest.strip_prefix(' '))
        .ok_or(expected.clone())?;
    let bytes = STANDARD.decode(encoded).map_err(|_| expected.clone())?;
    let (key_id, signature) = bytes.split_first_chunk().ok_or(expected.clone())?;
    Ok((*key_id, signature.try_into().map_err(|_| expected)?))
}

#[cfg(test)]
mod tests;

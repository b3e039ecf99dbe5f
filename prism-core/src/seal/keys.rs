//! Who may open a file, and the key of the file itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize as _, Zeroizing};

use super::format::Stanza;
use super::{OpenError, SealError, SealKeyError, hybrid, text, x25519};
use crate::entropy::{Entropy, EntropyError};

/// What a recipient's protection rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecipientKind {
    /// ML-KEM-768 and X25519 together (`mlkem768x25519`): safe while either holds. The default.
    #[default]
    Hybrid,
    /// X25519 alone: for partners whose tools know nothing else. A quantum computer could open such a file later.
    X25519,
}

impl RecipientKind {
    /// What stands before the digit 1 in a recipient.
    const fn public_prefix(self) -> &'static str {
        match self {
            Self::Hybrid => "age1pq",
            Self::X25519 => "age",
        }
    }

    /// The same for an identity, in lower case; its text is in upper case.
    const fn secret_prefix(self) -> &'static str {
        match self {
            Self::Hybrid => "age-secret-key-pq-",
            Self::X25519 => "age-secret-key-",
        }
    }
}

/// Whom a file is sealed to: the public half of an [`Identity`]. Its text form is `age1pq1…` or `age1…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient(Public);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Public {
    Hybrid(Vec<u8>),
    X25519([u8; x25519::POINT_LEN]),
}

impl Recipient {
    /// What its protection rests on.
    #[must_use]
    pub const fn kind(&self) -> RecipientKind {
        match self.0 {
            Public::Hybrid(_) => RecipientKind::Hybrid,
            Public::X25519(_) => RecipientKind::X25519,
        }
    }

    pub(super) fn wrap(&self, key: &FileKey, entropy: &mut dyn Entropy) -> Result<Stanza, SealError> {
        match &self.0 {
            Public::Hybrid(public) => hybrid::wrap(public, key, entropy),
            Public::X25519(point) => x25519::wrap(point, key, entropy),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Public::Hybrid(public) => public,
            Public::X25519(point) => point,
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::encode(self.kind().public_prefix(), self.bytes()))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl FromStr for Recipient {
    type Err = SealKeyError;

    fn from_str(text: &str) -> Result<Self, SealKeyError> {
        if let Some(public) = text::decode(RecipientKind::Hybrid.public_prefix(), text) {
            return match public.len() {
                hybrid::PUBLIC_LEN if hybrid::is_sound(&public) => Ok(Self(Public::Hybrid(public.to_vec()))),
                hybrid::PUBLIC_LEN => Err(SealKeyError::Weak),
                _ => Err(SealKeyError::Recipient),
            };
        }
        let point = text::decode(RecipientKind::X25519.public_prefix(), text).ok_or(SealKeyError::Recipient)?;
        let point = point.as_slice().try_into().map_err(|_| SealKeyError::Recipient)?;
        if x25519::is_contributory(&point) { Ok(Self(Public::X25519(point))) } else { Err(SealKeyError::Weak) }
    }
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Recipient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What opens a file: the secret half of a [`Recipient`]. It does not show itself and leaves memory when dropped.
pub struct Identity {
    secret: Box<Zeroizing<[u8; 32]>>,
    recipient: Recipient,
}

impl Identity {
    /// Makes a fresh identity.
    ///
    /// # Errors
    /// [`SealError::Entropy`] when the source fails.
    pub fn generate(kind: RecipientKind, entropy: &mut dyn Entropy) -> Result<Self, SealError> {
        let mut secret = Box::new(Zeroizing::new([0; 32]));
        entropy.fill(secret.as_mut_slice())?;
        Self::new(kind, secret).ok_or(SealError::Provider)
    }

    fn new(kind: RecipientKind, secret: Box<Zeroizing<[u8; 32]>>) -> Option<Self> {
        let recipient = match kind {
            RecipientKind::Hybrid => Recipient(Public::Hybrid(hybrid::public(&secret))),
            RecipientKind::X25519 => Recipient(Public::X25519(x25519::public(&secret)?)),
        };
        Some(Self { secret, recipient })
    }

    /// The public half.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The secret text, `AGE-SECRET-KEY-PQ-1…` or `AGE-SECRET-KEY-1…`: for a file that only its owner can read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = text::encode(self.recipient.kind().secret_prefix(), self.secret.as_slice());
        text.make_ascii_uppercase();
        text
    }

    /// Reads an identity file as `age-keygen` writes it: one identity, with comments and empty lines around it.
    ///
    /// # Errors
    /// [`SealKeyError::Identity`] unless there is exactly one identity and nothing else.
    pub fn from_file(content: &str) -> Result<Self, SealKeyError> {
        let mut lines = content.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        match (lines.next(), lines.next()) {
            (Some(line), None) => line.parse(),
            _ => Err(SealKeyError::Identity),
        }
    }

    /// The file key, if the stanza is for this identity.
    pub(super) fn unwrap(&self, stanza: &Stanza) -> Result<Option<FileKey>, OpenError> {
        match &self.recipient.0 {
            Public::Hybrid(_) => hybrid::unwrap(&self.secret, stanza),
            Public::X25519(point) => x25519::unwrap(&self.secret, point, stanza),
        }
    }
}

impl FromStr for Identity {
    type Err = SealKeyError;

    fn from_str(text: &str) -> Result<Self, SealKeyError> {
        if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(SealKeyError::Identity);
        }
        let lower = Zeroizing::new(text.to_ascii_lowercase());
        for kind in [RecipientKind::Hybrid, RecipientKind::X25519] {
            let Some(bytes) = text::decode(kind.secret_prefix(), &lower) else { continue };
            let mut secret = Box::new(Zeroizing::new([0; 32]));
            if bytes.len() != secret.len() {
                return Err(SealKeyError::Identity);
            }
            secret.copy_from_slice(&bytes);
            return Self::new(kind, secret).ok_or(SealKeyError::Identity);
        }
        Err(SealKeyError::Identity)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?}, ..)", self.recipient.kind())
    }
}

/// The secret of one file: its payload is encrypted under it, its header wraps it. Used for one payload only.
pub struct FileKey(Box<[u8; Self::LEN]>);

impl FileKey {
    /// Length in bytes.
    pub(super) const LEN: usize = 16;

    /// Makes a fresh key.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut key = Self(Box::new([0; Self::LEN]));
        entropy.fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Box::new([0; Self::LEN]));
        if bytes.len() != Self::LEN {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    pub(super) const fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl Drop for FileKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(..)")
    }
}

//! Self-describing digests, computed in one streaming pass.
//!
//! The text form is the OCI grammar `algorithm ":" lowercase-hex`; it is the same in manifests, on
//! the wire and on the command line. There is no default algorithm when reading: an unknown one is an error.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize as _, Zeroizing};

use crate::entropy::{Entropy, EntropyError};
use crate::hexadecimal::Hex;

/// Domain separator of a salted asset digest (protocol, section 2).
const SALTED_DOMAIN: &[u8] = b"prism/asset/v1\0";

/// Length in bytes of every digest that Prism knows.
pub const DIGEST_LEN: usize = 32;

/// How a [`Digest`] was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// SHA-256 (FIPS 180-4), the default for new manifests.
    Sha256,
    /// SHA3-256 (FIPS 202), for interchange with Cocos AI.
    Sha3_256,
    /// `SHA-256("prism/asset/v1\0" ‖ salt[32] ‖ data)`: for data so small or guessable that its bare
    /// digest would betray it.
    Sha256Salted,
}

impl DigestAlgorithm {
    /// The word before the colon in the text form.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha3_256 => "sha3-256",
            Self::Sha256Salted => "sha256-salted",
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DigestAlgorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha3-256" => Ok(Self::Sha3_256),
            "sha256-salted" => Ok(Self::Sha256Salted),
            _ => Err(DigestError::UnknownAlgorithm),
        }
    }
}

/// Why a text is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// No colon between algorithm and value.
    #[error("expected a digest such as \"sha256:<64 hex digits>\", found no colon; put the algorithm in front")]
    NoAlgorithm,
    /// The algorithm is not one of [`DigestAlgorithm`].
    #[error(
        "expected one of sha256, sha3-256, sha256-salted before the colon, found another word; use a known algorithm"
    )]
    UnknownAlgorithm,
    /// The value is not exactly 64 lower-case hexadecimal digits.
    #[error("expected 64 lower-case hex digits after the colon, found something else; copy the whole digest")]
    BadValue,
}

/// An algorithm and the 32 bytes it produced. Comparison with `==` takes constant time.
///
/// ```
/// use prism_core::digest::Digest;
/// let digest = Digest::sha256(b"abc");
/// assert_eq!(digest.to_string(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
/// assert_eq!(digest.to_string().parse::<Digest>()?, digest);
/// # Ok::<(), prism_core::digest::DigestError>(())
/// ```
#[derive(Clone, Copy, PartialOrd, Ord)]
pub struct Digest {
    algorithm: DigestAlgorithm,
    bytes: [u8; DIGEST_LEN],
}

impl Digest {
    /// The SHA-256 digest of bytes that are already in memory.
    #[must_use]
    pub fn sha256(data: &[u8]) -> Self {
        let mut hasher = Hasher::sha256();
        hasher.update(data);
        hasher.finish()
    }

    /// A digest from its parts, for values computed elsewhere.
    #[must_use]
    pub const fn from_bytes(algorithm: DigestAlgorithm, bytes: [u8; DIGEST_LEN]) -> Self {
        Self { algorithm, bytes }
    }

    /// How it was computed.
    #[must_use]
    pub const fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; DIGEST_LEN] {
        &self.bytes
    }

    /// The value as 64 lower-case hex digits, without the algorithm.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.bytes)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.algorithm == other.algorithm && constant_time::verify_slices_are_equal(&self.bytes, &other.bytes).is_ok()
    }
}

impl Eq for Digest {}

impl std::hash::Hash for Digest {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.algorithm.hash(state);
        self.bytes.hash(state);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, Hex(&self.bytes))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, value) = text.split_once(':').ok_or(DigestError::NoAlgorithm)?;
        let algorithm = algorithm.parse()?;
        if value.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(DigestError::BadValue);
        }
        let mut bytes = [0; DIGEST_LEN];
        hex::decode_to_slice(value, &mut bytes).map_err(|_| DigestError::BadValue)?;
        Ok(Self { algorithm, bytes })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A salt that keeps a salted digest from being guessed. The provider keeps it and reveals it to the attested agent only.
/// It does not show itself and leaves memory when dropped.
pub struct Salt(Box<Zeroizing<[u8; Self::LEN]>>);

impl Salt {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// Draws a fresh salt.
    ///
    /// # Errors
    /// [`EntropyError`] when the source fails.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, EntropyError> {
        let mut salt = Self::blank();
        entropy.fill(salt.0.as_mut_slice())?;
        Ok(salt)
    }

    /// Takes 32 bytes that the caller drew from a secure source.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; Self::LEN]) -> Self {
        let mut salt = Self::blank();
        salt.0.copy_from_slice(&bytes);
        bytes.zeroize();
        salt
    }

    /// Takes the bytes from where they came, without a copy on the way; `None` unless there are exactly 32.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut salt = Self::blank();
        if bytes.len() != Self::LEN {
            return None;
        }
        salt.0.copy_from_slice(bytes);
        Some(salt)
    }

    /// Reads the text of its file: 64 lower-case hexadecimal digits, with space around them or none; `None` for any other.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut salt = Self::blank();
        let lower = text.bytes().all(|byte| !byte.is_ascii_uppercase());
        hex::decode_to_slice(text, salt.0.as_mut_slice()).ok().filter(|()| lower)?;
        Some(salt)
    }

    /// The text of its file, one line: for a file that only its owner can read.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * Self::LEN + 1));
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}", Hex(self.expose()));
        text
    }

    /// The secret bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    fn blank() -> Self {
        Self(Box::new(Zeroizing::new([0; Self::LEN])))
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

/// A digest in the making: feed it bytes in order, then [`finish`](Hasher::finish).
#[derive(Clone)]
pub struct Hasher {
    algorithm: DigestAlgorithm,
    context: digest::Context,
}

impl Hasher {
    /// A hasher for [`DigestAlgorithm::Sha256`].
    #[must_use]
    pub fn sha256() -> Self {
        Self { algorithm: DigestAlgorithm::Sha256, context: digest::Context::new(&digest::SHA256) }
    }

    /// A hasher for [`DigestAlgorithm::Sha3_256`].
    #[must_use]
    pub fn sha3_256() -> Self {
        Self { algorithm: DigestAlgorithm::Sha3_256, context: digest::Context::new(&digest::SHA3_256) }
    }

    /// A hasher for [`DigestAlgorithm::Sha256Salted`].
    #[must_use]
    pub fn salted(salt: &Salt) -> Self {
        let mut hasher = Self::sha256();
        hasher.algorithm = DigestAlgorithm::Sha256Salted;
        hasher.context.update(SALTED_DOMAIN);
        hasher.context.update(salt.expose());
        hasher
    }

    /// The hasher that recomputes digests of `algorithm`; `None` if the algorithm needs a salt and none is given,
    /// or a salt is given that the algorithm does not use.
    #[must_use]
    pub fn for_algorithm(algorithm: DigestAlgorithm, salt: Option<&Salt>) -> Option<Self> {
        match (algorithm, salt) {
            (DigestAlgorithm::Sha256, None) => Some(Self::sha256()),
            (DigestAlgorithm::Sha3_256, None) => Some(Self::sha3_256()),
            (DigestAlgorithm::Sha256Salted, Some(salt)) => Some(Self::salted(salt)),
            _ => None,
        }
    }

    /// Adds the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        self.context.update(data);
    }

    /// The digest of everything added so far.
    #[must_use]
    pub fn finish(self) -> Digest {
        let mut bytes = [0; DIGEST_LEN];
        bytes.copy_from_slice(self.context.finish().as_ref());
        Digest { algorithm: self.algorithm, bytes }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_has_its_published_value() {
        let mut sha3 = Hasher::sha3_256();
        sha3.update(b"abc");
        assert_eq!(
            sha3.finish().to_string(),
            "sha3-256:3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"
        );
        let mut salted = Hasher::salted(&Salt::from_bytes([7; 32]));
        salted.update(b"abc");
        let mut by_hand = b"prism/asset/v1\0".to_vec();
        by_hand.extend([7; 32]);
        by_hand.extend(b"abc");
        assert_eq!(salted.finish().as_bytes(), Digest::sha256(&by_hand).as_bytes());
    }

    #[test]
    fn text_that_is_not_exactly_a_digest_is_refused() {
        let good = Digest::sha256(b"").to_string();
        for (text, error) in [
            (good.replace("sha256:", ""), DigestError::NoAlgorithm),
            (good.replace("sha256", "md5"), DigestError::UnknownAlgorithm),
            (good.to_uppercase().replace("SHA256", "sha256"), DigestError::BadValue),
            (format!("{good}0"), DigestError::BadValue),
            (format!("{good} "), DigestError::BadValue),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_salt_does_not_show_itself() {
        assert_eq!(format!("{:?}", Salt::from_bytes([9; 32])), "Salt(..)");
    }

    #[test]
    fn a_salt_has_thirty_two_bytes() {
        assert_eq!(Salt::from_slice(&[9; 32]).unwrap().expose(), &[9; 32]);
        assert!([0, 31, 33].into_iter().all(|length| Salt::from_slice(&vec![9; length]).is_none()));
    }

    #[test]
    fn a_salt_is_read_from_its_text_and_from_nothing_else() {
        let salt = Salt::from_bytes([0xab; 32]);
        let text = salt.to_text();
        assert_eq!(*text, format!("{}\n", "ab".repeat(32)));
        assert_eq!(Salt::from_text(&text).unwrap().expose(), salt.expose());
        for other in [&text.to_uppercase(), &text[1..], "", &format!("{}ab", text.trim())] {
            assert!(Salt::from_text(other).is_none(), "{other}");
        }
    }
}

//! What a provider leaves at a key broker: the key that opens its object, and for which computations.
//!
//! A broker judges the machine, not the manifest, and the same agent serves every manifest. Without more, anybody could
//! write a manifest of their own that names somebody else's object and broker, and have an agent fetch it. So the secret
//! says itself for which manifests it is, and agents, whose code the broker attested, keep to that.
//!
//! A grant is a text: lines that name manifests, and one line with the key. That line is an age identity, or
//! `cobblestone-256:` and the key in 64 lower-case hex digits. The manifest's codec says which.

use zeroize::Zeroizing;

use super::Codec;
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::seal::{CobblestoneKey, Identity, SealKeyError};

/// What a line begins with that names a manifest. It is a comment to age.
const LINE: &str = "# prism-manifest: ";

/// What the line begins with that holds a symmetric key.
const SYMMETRIC: &str = "cobblestone-256:";

/// Longest grant in bytes.
pub const GRANT_MAX: usize = 16 * 1024;

/// What opens a sealed object, as its provider has it.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever opens objects has to know every kind of key")]
pub enum ObjectKey {
    /// The identity that an object of the codec [`Codec::Age`] is sealed to.
    Age(Identity),
    /// The key of an object of the codec [`Codec::Cobblestone256`].
    Cobblestone256(CobblestoneKey),
}

/// Why a broker's secret is not one that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// It is not an identity file.
    #[error(transparent)]
    Identity(#[from] SealKeyError),
    /// It does not hold a symmetric key.
    #[error(
        "expected one line cobblestone-256:… with a key in 64 lower-case hex digits, found something else; write it with `prism grant --symmetric-key`"
    )]
    Symmetric,
    /// It does not name this manifest.
    #[error(
        "expected a key for the manifest {0}, found one that does not name it; its provider adds the line \"# prism-manifest: …\""
    )]
    OtherManifest(Digest),
}

impl Coded for GrantError {
    fn code(&self) -> Code {
        Code::BrokerMisbehaved
    }
}

/// The text that a provider leaves at the broker for an age object: an age identity file that names the manifest.
#[must_use]
pub fn grant(identity: &Identity, manifest: Digest) -> Zeroizing<String> {
    write(manifest, &["", &identity.to_text()])
}

/// The text that a provider leaves at the broker for a Cobblestone-256 object: its key and the manifest's name.
#[must_use]
pub fn grant_cobblestone(key: &CobblestoneKey, manifest: Digest) -> Zeroizing<String> {
    write(manifest, &[SYMMETRIC, &Zeroizing::new(hex::encode(key.expose()))])
}

fn write(manifest: Digest, secret: &[&str; 2]) -> Zeroizing<String> {
    let [kind, secret] = secret;
    // Never too short: a string that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(GRANT_MAX));
    for part in [LINE, &manifest.to_string(), "\n", kind, secret, "\n"] {
        text.push_str(part);
    }
    text
}

/// The key in `text` for an object of this codec, if `text` names `manifest`; it may name several.
///
/// # Errors
/// [`GrantError`].
pub fn granted(text: &str, manifest: Digest, codec: Codec) -> Result<ObjectKey, GrantError> {
    let names = |line: &str| line.strip_prefix(LINE).and_then(|digest| digest.trim_end().parse::<Digest>().ok());
    if text.len() > GRANT_MAX || !text.lines().filter_map(names).any(|named| named == manifest) {
        return Err(GrantError::OtherManifest(manifest));
    }
    match codec {
        Codec::Age => Ok(ObjectKey::Age(Identity::from_file(text)?)),
        Codec::Cobblestone256 => symmetric(text).map(ObjectKey::Cobblestone256).ok_or(GrantError::Symmetric),
    }
}

fn symmetric(text: &str) -> Option<CobblestoneKey> {
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let digits = lines.next()?.strip_prefix(SYMMETRIC)?;
    if lines.next().is_some() || digits.bytes().any(|digit| digit.is_ascii_uppercase()) {
        return None;
    }
    let mut key = Box::new(Zeroizing::new([0; CobblestoneKey::LEN]));
    hex::decode_to_slice(digits, key.as_mut_slice()).ok()?;
    CobblestoneKey::from_bytes(key.as_slice()).ok()
}

#[cfg(test)]
mod tests;

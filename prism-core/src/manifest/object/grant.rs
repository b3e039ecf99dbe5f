//! What a provider leaves at a key broker: the identity that opens its object, and for which computations.
//!
//! A broker judges the machine, not the manifest, and the same agent serves every manifest. Without more, anybody could
//! write a manifest of their own that names somebody else's object and broker, and have an agent fetch it. So the secret
//! says itself for which manifests it is, and agents, whose code the broker attested, keep to that.

use zeroize::Zeroizing;

use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::seal::{Identity, SealKeyError};

/// What a line begins with that names a manifest. It is a comment to age.
const LINE: &str = "# prism-manifest: ";

/// Longest grant in bytes.
pub const GRANT_MAX: usize = 16 * 1024;

/// Why a broker's secret is not one that may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// It is not an identity file.
    #[error(transparent)]
    Identity(#[from] SealKeyError),
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

/// The text that a provider leaves at the broker: an age identity file that names the manifest.
#[must_use]
pub fn grant(identity: &Identity, manifest: Digest) -> Zeroizing<String> {
    let secret = identity.to_text();
    let mut text = Zeroizing::new(String::with_capacity(GRANT_MAX));
    for part in [LINE, &manifest.to_string(), "\n", &secret, "\n"] {
        text.push_str(part);
    }
    text
}

/// The identity in `text`, if `text` names `manifest`; it may name several.
///
/// # Errors
/// [`GrantError`].
pub fn granted(text: &str, manifest: Digest) -> Result<Identity, GrantError> {
    let names = |line: &str| line.strip_prefix(LINE).and_then(|digest| digest.trim_end().parse::<Digest>().ok());
    if text.len() > GRANT_MAX || !text.lines().filter_map(names).any(|named| named == manifest) {
        return Err(GrantError::OtherManifest(manifest));
    }
    Ok(Identity::from_file(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::seal::RecipientKind;

    fn identity() -> Identity {
        Identity::generate(RecipientKind::Hybrid, &mut SystemEntropy).unwrap()
    }

    #[test]
    fn a_grant_opens_for_the_manifests_that_it_names_and_for_no_other() {
        let (identity, own, other) = (identity(), Digest::sha256(b"own"), Digest::sha256(b"other"));
        let text = grant(&identity, own);
        assert_eq!(granted(&text, own).unwrap().recipient(), identity.recipient());
        assert!(matches!(granted(&text, other), Err(GrantError::OtherManifest(_))));
        let both = format!("# prism-manifest: {other}\r\n{}", text.as_str());
        assert!(granted(&both, own).is_ok() && granted(&both, other).is_ok());
    }

    #[test]
    fn a_bare_identity_is_no_grant() {
        let (identity, own) = (identity(), Digest::sha256(b"own"));
        let bare = identity.to_text();
        assert!(matches!(granted(&bare, own), Err(GrantError::OtherManifest(_))));
        for line in [format!("# manifest: {own}"), format!("prism-manifest: {own}"), "# prism-manifest: any".to_owned()]
        {
            assert!(granted(&format!("{line}\n{}\n", bare.as_str()), own).is_err(), "{line}");
        }
        assert!(matches!(granted(&format!("# prism-manifest: {own}\n"), own), Err(GrantError::Identity(_))));
        let two = format!("{}{}", grant(&identity, own).as_str(), bare.as_str());
        assert!(matches!(granted(&two, own), Err(GrantError::Identity(_))));
        let long = format!("{}#{}", grant(&identity, own).as_str(), "x".repeat(GRANT_MAX));
        assert!(granted(&long, own).is_err());
    }
}

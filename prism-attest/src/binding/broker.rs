//! What a report for a key broker stands for: one answer to one challenge, for one key.

use aws_lc_rs::digest::{SHA384, digest};
use prism_core::jwe::PublicJwk;

use super::{BindingError, ReportData};

/// Longest nonce of a broker in bytes.
const NONCE_MAX: usize = 1024;

/// An agent's answer to a key broker of the Confidential Containers project: the broker's nonce and the key that it is
/// to wrap a secret to (KBS attestation protocol 0.4, "Attestation").
///
/// The signed bytes are `SHA-384(runtime data) ‖ 0¹⁶`, where the runtime data are canonical JSON that begins with
/// `{"additional-evidence":`. A session's report ends with `H(B)` instead, which nobody can make end with sixteen zeros:
/// neither report can be taken for the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerBinding {
    nonce: String,
    key: PublicJwk,
}

impl BrokerBinding {
    /// The answer to this nonce, for this key.
    ///
    /// # Errors
    /// [`BindingError::Nonce`] for anything but 1 to 1,024 printable characters of ASCII that JSON does not escape.
    pub fn new(nonce: String, key: PublicJwk) -> Result<Self, BindingError> {
        let plain = nonce.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        if nonce.is_empty() || nonce.len() > NONCE_MAX || !plain {
            return Err(BindingError::Nonce);
        }
        Ok(Self { nonce, key })
    }

    /// The broker's nonce.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicJwk {
        &self.key
    }

    /// The runtime data that are hashed, in canonical JSON (RFC 8785).
    #[must_use]
    pub fn runtime_data(&self) -> String {
        let (nonce, key) = (&self.nonce, self.key.to_json());
        format!(r#"{{"additional-evidence":"","nonce":"{nonce}","tee-pubkey":{key}}}"#)
    }
}

impl ReportData {
    /// The bytes of a report for a key broker.
    #[must_use]
    pub fn for_broker(binding: &BrokerBinding) -> Self {
        let mut bytes = [0; 64];
        let hash = digest(&SHA384, binding.runtime_data().as_bytes());
        for (place, byte) in bytes.iter_mut().zip(hash.as_ref()) {
            *place = *byte;
        }
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"{"alg":"ECDH-ES+A256KW","crv":"P-256","kty":"EC","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}"#;

    fn binding(nonce: &str) -> Result<BrokerBinding, BindingError> {
        BrokerBinding::new(nonce.to_owned(), serde_json::from_str(KEY).unwrap())
    }

    #[test]
    fn the_signed_bytes_are_the_published_hash_and_zeros() {
        let binding = binding("nonce+/=").unwrap();
        let expected = format!(r#"{{"additional-evidence":"","nonce":"nonce+/=","tee-pubkey":{KEY}}}"#);
        assert_eq!(binding.runtime_data(), expected);
        // Members in the order of their names, no spaces, nothing escaped: as RFC 8785 writes it.
        let value: serde_json::Value = serde_json::from_str(&expected).unwrap();
        let sorted: std::collections::BTreeMap<_, _> = value.as_object().unwrap().iter().collect();
        assert_eq!(serde_json::to_string(&sorted).unwrap(), expected);
        let data = ReportData::for_broker(&binding);
        assert_eq!(&data.as_bytes()[..48], digest(&SHA384, expected.as_bytes()).as_ref());
        assert_eq!(data.as_bytes()[48..], [0; 16]);
    }

    #[test]
    fn another_nonce_or_key_is_another_report() {
        let one = ReportData::for_broker(&binding("a").unwrap());
        assert_ne!(one, ReportData::for_broker(&binding("b").unwrap()));
        let mut other = binding("a").unwrap();
        other.key = serde_json::from_str(&KEY.replace("weNJ", "weNK")).unwrap();
        assert_ne!(one, ReportData::for_broker(&other));
    }

    #[test]
    fn a_nonce_that_json_would_write_otherwise_is_refused() {
        for nonce in ["", " ", "a b", "a\"b", "a\\b", "a\n", "\u{e9}", &"a".repeat(1025)] {
            assert_eq!(binding(nonce), Err(BindingError::Nonce), "{nonce}");
        }
    }
}

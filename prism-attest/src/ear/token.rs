//! Signatures around the claims: JWS (RFC 7515) and `COSE_Sign1` (RFC 9052, section 4.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prism_core::key::{KeyAlgorithm, KeyError, SigningKey};
use serde_json::json;

use super::{EarClaims, entry};
use crate::cbor::Value;

const COSE_SIGN1: u64 = 18;

impl EarClaims {
    /// The claims as a JSON web token in compact form, signed with `EdDSA`, ES256 or ES384 (RFC 7518, RFC 8037) as the key
    /// is. The header's `kid` is the key's fingerprint.
    ///
    /// # Errors
    /// [`KeyError::Provider`] when the crypto provider fails.
    pub fn to_jwt(&self, key: &SigningKey) -> Result<String, KeyError> {
        let (algorithm, _) = algorithm(key)?;
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": key.public().fingerprint().to_string() });
        let parts = [header, self.to_json()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = parts.join(".");
        let signature = key.sign_fixed(signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims as a CBOR web token in a tagged `COSE_Sign1`, signed with `EdDSA`, ES256 or ES384 (RFC 9053) as the key
    /// is. The protected header's key identifier is the SHA-256 of the key's SPKI.
    ///
    /// # Errors
    /// [`KeyError::Provider`] when the crypto provider fails.
    pub fn to_cwt(&self, key: &SigningKey) -> Result<Vec<u8>, KeyError> {
        let (_, algorithm) = algorithm(key)?;
        let fingerprint = Value::Bytes(key.public().fingerprint().as_bytes().to_vec());
        let protected = Value::Map(vec![entry(1, Value::Int(algorithm)), entry(4, fingerprint)]).encode();
        let protected = Value::Bytes(protected);
        let payload = Value::Bytes(self.to_cbor().encode());
        let external = Value::Bytes(Vec::new());
        let signed = Value::Array(vec![Value::text("Signature1"), protected.clone(), external, payload.clone()]);
        let signature = Value::Bytes(key.sign_fixed(&signed.encode())?);
        let message = Value::Array(vec![protected, Value::Map(Vec::new()), payload, signature]);
        Ok(Value::Tag(COSE_SIGN1, Box::new(message)).encode())
    }
}

/// The algorithm's name in JOSE and its number in COSE.
fn algorithm(key: &SigningKey) -> Result<(&'static str, i64), KeyError> {
    match key.public().algorithm() {
        KeyAlgorithm::Ed25519 => Ok(("EdDSA", -8)),
        KeyAlgorithm::EcdsaP256 => Ok(("ES256", -7)),
        KeyAlgorithm::EcdsaP384 => Ok(("ES384", -35)),
        _ => Err(KeyError::Provider),
    }
}

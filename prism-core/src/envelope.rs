//! Envelopes (DSSE v1, secure-systems-lab/dsse): exact bytes, their type and signatures. The only thing people ever sign.
//!
//! The payload type separates domains: an approval can never pass for a stop. Who may sign what is decided by whoever
//! calls [`Envelope::verify`] with the key that is expected; nothing in an envelope is believed before that.
//!
//! ```
//! use prism_core::entropy::SystemEntropy;
//! use prism_core::envelope::{Envelope, PayloadType};
//! use prism_core::key::{KeyAlgorithm, SigningKey};
//!
//! let key = SigningKey::generate(KeyAlgorithm::Ed25519, &mut SystemEntropy::default())?;
//! let json = Envelope::sign(PayloadType::Stop, b"{}", &key)?.to_json();
//! let envelope = Envelope::read(&json)?;
//! assert_eq!(envelope.verify(PayloadType::Stop, key.public())?, b"{}");
//! assert!(envelope.verify(PayloadType::Manifest, key.public()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::code::{Code, Coded};
use crate::digest::{Digest, DigestAlgorithm};
use crate::key::{KeyError, PublicKey, SigningKey};
use crate::strict::{self, JsonError};

/// Longest JSON form of an envelope in bytes.
pub const ENVELOPE_MAX: usize = 2 << 20;
/// Longest payload in bytes.
pub const PAYLOAD_MAX: usize = 1 << 20;

macro_rules! payload_types {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What the signed bytes are. The text form is a media type, `application/vnd.prism.….v1+json`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum PayloadType { $($(#[$doc])* $name,)* }

        impl PayloadType {
            /// Every payload type there is.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The media type as text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => concat!("application/vnd.prism.", $word, ".v1+json"),)* }
            }
        }
    };
}

payload_types! {
    /// The terms of a computation; a signature is a participant's approval.
    Manifest = "manifest";
    /// A participant's authentication on one attested connection.
    Auth = "auth";
    /// The announcement of an asset that is about to be uploaded.
    Asset = "asset";
    /// A consumer's request for the key of its result.
    ResultRequest = "result-request";
    /// A consumer's word that it holds its result.
    ResultAck = "result-ack";
    /// An order to stop a run.
    Stop = "stop";
    /// A reviewer's decision on a result.
    Review = "review";
    /// A member's request to a workspace.
    Request = "request";
}

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PayloadType {
    type Err = EnvelopeError;

    fn from_str(text: &str) -> Result<Self, EnvelopeError> {
        Self::ALL.iter().copied().find(|known| known.as_str() == text).ok_or(EnvelopeError::UnknownType)
    }
}

/// Why an envelope was not read, made, joined or believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Not the strict JSON of an envelope.
    #[error("expected a signed envelope (DSSE), found other JSON; give a file that Prism signed")]
    Json(#[source] JsonError),
    /// A payload type that Prism does not know.
    #[error("expected a payload type of Prism's version 1, found another; check that this is the right file")]
    UnknownType,
    /// A field is not canonical base64.
    #[error("expected canonical base64 in \"{field}\", found something else; copy the file unchanged")]
    Base64 {
        /// The field, `payload` or `sig`.
        field: &'static str,
    },
    /// A key identifier that is not the fingerprint of a key.
    #[error("expected \"sha256:<64 hex digits>\" as key identifier, found something else; sign again with Prism")]
    KeyId,
    /// Longer than [`PAYLOAD_MAX`] or, with signatures, [`ENVELOPE_MAX`].
    #[error("expected a payload of at most {PAYLOAD_MAX} bytes, found a longer one; shorten it")]
    TooLong,
    /// No signature at all.
    #[error("expected at least one signature, found none; sign it first")]
    Unsigned,
    /// Two signatures under one key identifier.
    #[error("expected one signature of key {keyid}, found two; keep one of them")]
    Duplicate {
        /// The key's fingerprint.
        keyid: Digest,
    },
    /// Envelopes of different bytes cannot be joined.
    #[error("expected two envelopes of the same bytes and type, found different ones; sign the same file")]
    OtherPayload,
    /// The envelope is of another type than this place asks for.
    #[error("expected an envelope of type {expected}, found {found}; give the right file")]
    OtherType {
        /// The type that this place asks for.
        expected: PayloadType,
        /// The type that the envelope states.
        found: PayloadType,
    },
    /// The key has not signed.
    #[error("expected a signature of key {keyid}, found none; ask its owner to sign")]
    NotSigned {
        /// The key's fingerprint.
        keyid: Digest,
    },
    /// The key's signature does not hold.
    #[error("expected a valid signature of key {keyid}, found one that does not hold; ask its owner to sign again")]
    Signature {
        /// The key's fingerprint.
        keyid: Digest,
    },
    /// Signing failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Coded for EnvelopeError {
    fn code(&self) -> Code {
        match self {
            Self::NotSigned { .. } | Self::Signature { .. } => Code::SignatureInvalid,
            Self::Key(error) => error.code(),
            _ => Code::EnvelopeMalformed,
        }
    }
}

/// Exact bytes, their type, and at least one signature, none of which is believed before [`verify`](Envelope::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: PayloadType,
    payload: Vec<u8>,
    signatures: BTreeMap<Digest, Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Reads the JSON form. Nothing is verified yet.
    ///
    /// # Errors
    /// [`EnvelopeError`] for JSON that is not strict, unknown types, non-canonical base64, no or doubled signatures.
    pub fn read(json: &[u8]) -> Result<Self, EnvelopeError> {
        let wire: Wire = strict::read(json, ENVELOPE_MAX).map_err(EnvelopeError::Json)?;
        let payload_type = wire.payload_type.parse()?;
        let payload = decode(&wire.payload, "payload")?;
        if payload.len() > PAYLOAD_MAX {
            return Err(EnvelopeError::TooLong);
        }
        let mut signatures = BTreeMap::new();
        for WireSignature { keyid, sig } in wire.signatures {
            let keyid = read_keyid(&keyid)?;
            if signatures.insert(keyid, decode(&sig, "sig")?).is_some() {
                return Err(EnvelopeError::Duplicate { keyid });
            }
        }
        if signatures.is_empty() {
            return Err(EnvelopeError::Unsigned);
        }
        Ok(Self { payload_type, payload, signatures })
    }

    /// Signs `body` as a `payload_type`.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLong`] for more than [`PAYLOAD_MAX`] bytes, [`EnvelopeError::Key`] when signing fails.
    pub fn sign(payload_type: PayloadType, body: &[u8], key: &SigningKey) -> Result<Self, EnvelopeError> {
        if body.len() > PAYLOAD_MAX {
            return Err(EnvelopeError::TooLong);
        }
        let signature = key.sign(&pae(payload_type, body))?;
        let signatures = BTreeMap::from([(key.public().fingerprint(), signature)]);
        Ok(Self { payload_type, payload: body.to_vec(), signatures })
    }

    /// An envelope from a payload and one signature that were kept apart. Nothing is verified yet.
    pub(crate) fn from_parts(payload_type: PayloadType, payload: Vec<u8>, keyid: Digest, signature: Vec<u8>) -> Self {
        Self { payload_type, payload, signatures: BTreeMap::from([(keyid, signature)]) }
    }

    /// An envelope of `body` with the signatures of several keys.
    pub(crate) fn sign_with(t: PayloadType, body: &[u8], keys: &[&SigningKey]) -> Result<Self, EnvelopeError> {
        let (first, others) = keys.split_first().ok_or(EnvelopeError::Unsigned)?;
        let mut envelope = Self::sign(t, body, first)?;
        others.iter().try_for_each(|key| envelope.merge(Self::sign(t, body, key)?))?;
        Ok(envelope)
    }

    /// The canonical JSON form: no white space, signatures in the order of their key identifiers.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let signature =
            |(keyid, sig): (&Digest, &Vec<u8>)| WireSignature { keyid: keyid.to_string(), sig: STANDARD.encode(sig) };
        let wire = Wire {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.as_str().to_owned(),
            signatures: self.signatures.iter().map(signature).collect(),
        };
        serde_json::to_vec(&wire).unwrap_or_default() // strings alone cannot fail
    }

    /// The type that the envelope states; a signature covers it.
    #[must_use]
    pub const fn payload_type(&self) -> PayloadType {
        self.payload_type
    }

    /// The bytes, **before** any signature was checked: for showing them, or for finding out whose signature to check.
    #[must_use]
    pub fn payload_unverified(&self) -> &[u8] {
        &self.payload
    }

    /// Fingerprints of the keys that claim to have signed, with their unchecked signatures, in order.
    #[must_use]
    pub fn signatures(&self) -> impl ExactSizeIterator<Item = (&Digest, &[u8])> {
        self.signatures.iter().map(|(keyid, sig)| (keyid, sig.as_slice()))
    }

    /// Adds the signatures of another envelope of the same bytes and type. A refusal changes nothing.
    ///
    /// # Errors
    /// [`EnvelopeError::OtherPayload`], [`EnvelopeError::Duplicate`] if one key has two different signatures, or
    /// [`EnvelopeError::TooLong`] if the two together exceed [`ENVELOPE_MAX`].
    pub fn merge(&mut self, other: Self) -> Result<(), EnvelopeError> {
        if (self.payload_type, &self.payload) != (other.payload_type, &other.payload) {
            return Err(EnvelopeError::OtherPayload);
        }
        let differs = |(keyid, sig): &(&Digest, &Vec<u8>)| self.signatures.get(keyid).is_some_and(|ours| ours != *sig);
        if let Some((keyid, _)) = other.signatures.iter().find(differs) {
            return Err(EnvelopeError::Duplicate { keyid: *keyid });
        }
        let mut joined = self.clone();
        joined.signatures.extend(other.signatures);
        if joined.to_json().len() > ENVELOPE_MAX {
            return Err(EnvelopeError::TooLong);
        }
        *self = joined;
        Ok(())
    }

    /// The payload, if `key` signed exactly these bytes as `expected`.
    ///
    /// # Errors
    /// [`EnvelopeError::OtherType`], [`EnvelopeError::NotSigned`] or [`EnvelopeError::Signature`].
    pub fn verify(&self, expected: PayloadType, key: &PublicKey) -> Result<&[u8], EnvelopeError> {
        if self.payload_type != expected {
            return Err(EnvelopeError::OtherType { expected, found: self.payload_type });
        }
        let keyid = key.fingerprint();
        let signature = self.signatures.get(&keyid).ok_or(EnvelopeError::NotSigned { keyid })?;
        key.verify(&pae(expected, &self.payload), signature).map_err(|_| EnvelopeError::Signature { keyid })?;
        Ok(&self.payload)
    }
}

/// DSSE's pre-authentication encoding: the bytes that are signed.
fn pae(payload_type: PayloadType, payload: &[u8]) -> Vec<u8> {
    let name = payload_type.as_str();
    let mut bytes = format!("DSSEv1 {} {name} {} ", name.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

fn decode(text: &str, field: &'static str) -> Result<Vec<u8>, EnvelopeError> {
    STANDARD.decode(text).map_err(|_| EnvelopeError::Base64 { field })
}

fn read_keyid(text: &str) -> Result<Digest, EnvelopeError> {
    let keyid: Digest = text.parse().map_err(|_| EnvelopeError::KeyId)?;
    if keyid.algorithm() == DigestAlgorithm::Sha256 { Ok(keyid) } else { Err(EnvelopeError::KeyId) }
}

#[cfg(test)]
mod tests;

//! Requests: what a member signs to have something done.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::action::Action;
use crate::UnixSeconds;
use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::envelope::{Envelope, EnvelopeError, PAYLOAD_MAX, PayloadType};
use crate::key::{PublicKey, SigningKey};
use crate::name::Name;
use crate::strict::{self, JsonError};

/// The body of a request: one action, once, by one key, in one workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format is closed: version 1 has these parts")]
pub struct Request {
    /// Format tag.
    pub format: RequestFormat,
    /// The workspace that it is for.
    pub workspace: Name,
    /// The key that signs it.
    pub key: PublicKey,
    /// The key's own running number, higher than in every request of this key before.
    pub number: u64,
    /// When it was signed, Unix time in seconds by the signer's clock.
    pub at: UnixSeconds,
    /// What is asked for.
    pub action: Action,
}

/// The request's format tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RequestFormat {
    /// Version 1.
    #[serde(rename = "prism.request/v1")]
    V1,
}

/// Why bytes are not a request, or none that its key signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not an envelope around a request, or a signature does not hold.
    #[error("expected a request that its key signed, found another envelope; sign it with the key that it names")]
    Envelope(#[from] EnvelopeError),
    /// The body is not strict JSON of a request.
    #[error("expected the body of a request, found something else; sign it with a current client: {0}")]
    Json(#[from] JsonError),
    /// The same content in another text.
    #[error("expected a request in its one canonical form, found another text; sign it with a current client")]
    NotCanonical,
    /// Somebody else signed too, or the new key did not.
    #[error(
        "expected the signatures of {expected} and no other, found others; the signer and a key that is added sign"
    )]
    Signers {
        /// The fingerprints of the keys that have to sign.
        expected: String,
    },
    /// The request could not be written as JSON.
    #[error("expected a request that can be written as JSON, found another")]
    Unwritable(#[source] serde_json::Error),
}

impl Coded for RequestError {
    fn code(&self) -> Code {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Signers { .. } => Code::SignatureInvalid,
            Self::Json(_) | Self::NotCanonical => Code::EnvelopeMalformed,
            Self::Unwritable(_) => Code::Internal,
        }
    }
}

impl Request {
    /// The request of `key` to have `action` done.
    #[must_use]
    pub const fn new(workspace: Name, key: PublicKey, number: u64, at: UnixSeconds, action: Action) -> Self {
        Self { format: RequestFormat::V1, workspace, key, number, at, action }
    }

    /// The bytes that are signed: canonical JSON.
    ///
    /// # Errors
    /// [`RequestError::Unwritable`] never, in practice: every field has a JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RequestError> {
        serde_json::to_vec(self).map_err(RequestError::Unwritable)
    }

    /// Reads the body of an envelope.
    ///
    /// # Errors
    /// [`RequestError`] for anything but what [`to_bytes`](Self::to_bytes) writes.
    pub fn read(body: &[u8]) -> Result<Self, RequestError> {
        let request: Self = strict::read(body, PAYLOAD_MAX)?;
        if request.to_bytes()? == body { Ok(request) } else { Err(RequestError::NotCanonical) }
    }

    /// The keys that have to sign: the one it names, and one that it adds.
    fn signers(&self) -> Vec<&PublicKey> {
        std::iter::once(&self.key).chain(self.action.new_key()).collect()
    }
}

/// A request whose signatures hold. Whether its key may ask for this is the workspace's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    text: String,
    request: Request,
}

impl SignedRequest {
    /// Signs a request: with its key, and with the key that it adds if it adds one.
    ///
    /// # Errors
    /// [`RequestError::Signers`] when `keys` are not exactly those.
    pub fn sign(request: &Request, keys: &[&SigningKey]) -> Result<Self, RequestError> {
        let envelope = Envelope::sign_with(PayloadType::Request, &request.to_bytes()?, keys)?;
        Self::read(&envelope.to_json())
    }

    /// Reads an envelope and verifies its signatures.
    ///
    /// # Errors
    /// [`RequestError`] when it is not canonical, not a request, or not signed by exactly the keys that have to sign.
    pub fn read(bytes: &[u8]) -> Result<Self, RequestError> {
        let envelope = Envelope::read(bytes)?;
        let json = envelope.to_json();
        if json != bytes {
            return Err(RequestError::NotCanonical);
        }
        let request = Request::read(envelope.payload_unverified())?;
        let expected: BTreeSet<Digest> = request.signers().into_iter().map(PublicKey::fingerprint).collect();
        if !envelope.signatures().map(|(keyid, _)| keyid).eq(expected.iter()) {
            let shown: Vec<String> = expected.iter().map(Digest::to_string).collect();
            return Err(RequestError::Signers { expected: shown.join(", ") });
        }
        for key in request.signers() {
            envelope.verify(PayloadType::Request, key)?;
        }
        let text = String::from_utf8(json).map_err(|_| RequestError::NotCanonical)?;
        Ok(Self { text, request })
    }

    /// What is asked for.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// The envelope's JSON, as it is stored and sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

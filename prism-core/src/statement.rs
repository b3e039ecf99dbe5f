//! What participants say under their signature in a session: the bodies of `auth.v1`, `asset.v1`, `result-request.v1`,
//! `result-ack.v1` and `stop.v1` (protocol, sections 1, 5 and 7).
//!
//! Every body repeats the facts of the connection it is made for, so that a signature is worthless on any other
//! connection, agent or computation. The envelope around a body is [`crate::envelope`]'s business.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::code::{Code, Coded};
use crate::digest::Digest;
use crate::name::Name;
use crate::strict::{self, JsonError};

/// Longest body in bytes.
pub const STATEMENT_MAX: usize = 16 * 1024;

/// A body is not strict JSON of the right form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("expected the body of a {kind} statement, found something else; sign it with a current client")]
pub struct StatementError {
    /// Which statement was expected, for example `auth.v1`.
    pub kind: &'static str,
    /// What is wrong, and where.
    #[source]
    pub source: JsonError,
}

impl Coded for StatementError {
    fn code(&self) -> Code {
        Code::EnvelopeMalformed
    }
}

/// The facts of one attested connection: what both its ends know, and nobody else can arrange twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// The agent's `boot_id`.
    pub boot: [u8; 16],
    /// The id of the computation in its manifest.
    pub computation: Name,
    /// The manifest's digest, `MD`.
    pub manifest: Digest,
    /// The session's leaf, `H(0x00 ‖ S)`.
    pub session: [u8; 32],
    /// The agent's nonce of this connection.
    pub agent_nonce: [u8; 32],
}

/// The part that every statement has: the connection, who speaks, and until when the words count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The connection that the statement is made for.
    pub facts: SessionFacts,
    /// The participant who speaks.
    pub participant: Name,
    /// Unix time in seconds after which the statement is void.
    pub exp: u64,
}

/// A statement was made for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// Another boot of an agent.
    #[error("expected a statement for this boot of the agent, found another boot; attest and sign again")]
    Boot,
    /// Another computation.
    #[error("expected a statement for this computation, found another; use the manifest that the agent serves")]
    Computation,
    /// Another manifest.
    #[error("expected a statement for this manifest, found another; use the manifest that the agent serves")]
    Manifest,
    /// Another connection.
    #[error("expected a statement for this connection, found another session; attest and sign again")]
    Session,
    /// Another challenge of the agent.
    #[error("expected this connection's agent nonce, found another; attest and sign again")]
    AgentNonce,
    /// It is too late.
    #[error("expected a statement that has not expired, found one that ended at {exp}; sign again")]
    Expired {
        /// When it ended, Unix time in seconds.
        exp: u64,
    },
}

impl Coded for ContextError {
    fn code(&self) -> Code {
        Code::AuthRefused
    }
}

impl Context {
    /// Compares every field with the agent's own view of the connection.
    ///
    /// # Errors
    /// [`ContextError`] names the first field that differs.
    pub fn check(&self, own: &SessionFacts, now: u64) -> Result<(), ContextError> {
        let said = &self.facts;
        let comparisons = [
            (said.boot == own.boot, ContextError::Boot),
            (said.computation == own.computation, ContextError::Computation),
            (said.manifest == own.manifest, ContextError::Manifest),
            (said.session == own.session, ContextError::Session),
            (said.agent_nonce == own.agent_nonce, ContextError::AgentNonce),
            (now <= self.exp, ContextError::Expired { exp: self.exp }),
        ];
        comparisons.into_iter().find(|(equal, _)| !equal).map_or(Ok(()), |(_, error)| Err(error))
    }
}

/// Defines a statement: its public type, and the flat JSON object that is signed.
macro_rules! statement {
    ($(#[$doc:meta])* $name:ident, $kind:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            #[serde(with = "hex_text")]
            boot: [u8; 16],
            computation: Name,
            manifest: Digest,
            participant: Name,
            #[serde(with = "hex_text")]
            session: [u8; 32],
            #[serde(with = "hex_text")]
            agent_nonce: [u8; 32],
            exp: u64,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// Makes the statement for a connection.
            #[must_use]
            pub fn new(context: &Context, $($field: $type),*) -> Self {
                let SessionFacts { boot, computation, manifest, session, agent_nonce } = context.facts.clone();
                let (participant, exp) = (context.participant.clone(), context.exp);
                Self { boot, computation, manifest, participant, session, agent_nonce, exp, $($field),* }
            }

            /// Reads the body of a verified envelope.
            ///
            /// # Errors
            /// [`StatementError`] for anything but strict JSON with exactly these fields.
            pub fn read(body: &[u8]) -> Result<Self, StatementError> {
                strict::read(body, STATEMENT_MAX).map_err(|source| StatementError { kind: $kind, source })
            }

            /// The bytes to sign.
            ///
            /// # Errors
            /// [`StatementError`] never, in practice: every field has a JSON form.
            pub fn to_json(&self) -> Result<Vec<u8>, StatementError> {
                serde_json::to_vec(self).map_err(|source| StatementError {
                    kind: $kind,
                    source: JsonError::Content { path: "statement".to_owned(), source },
                })
            }

            /// The connection, the speaker and the expiry that the statement names.
            #[must_use]
            pub fn context(&self) -> Context {
                Context {
                    facts: SessionFacts {
                        boot: self.boot,
                        computation: self.computation.clone(),
                        manifest: self.manifest,
                        session: self.session,
                        agent_nonce: self.agent_nonce,
                    },
                    participant: self.participant.clone(),
                    exp: self.exp,
                }
            }
        }
    };
}

statement! {
    /// `auth.v1`: "on this connection, I am this participant".
    AuthBody, "auth.v1" {}
}

statement! {
    /// `asset.v1`: "I bring this asset on this connection"; authorises one upload, or one release of the asset's key.
    AssetBody, "asset.v1" {
        /// The asset's name in the manifest.
        asset: Name,
        /// The asset's digest, as the manifest has it.
        digest: Digest,
        /// The asset's size in bytes.
        size: u64,
    }
}

statement! {
    /// `result-request.v1`: "release my result to this recipient, and to no other ever".
    ResultRequestBody, "result-request.v1" {
        /// The age recipient, `age1…`. The consumer has its identity on disk before it signs.
        recipient: String,
        /// Digest of the sealed payload that the consumer wants the key of.
        ciphertext: Digest,
    }
}

statement! {
    /// `result-ack.v1`: "my result is safe with me; destroy yours".
    ResultAckBody, "result-ack.v1" {
        /// Digest of the opened result archive.
        plaintext: Digest,
    }
}

statement! {
    /// `stop.v1`: "stop the computation".
    StopBody, "stop.v1" {}
}

/// Fixed-length bytes as lower-case hex text of exactly that length.
mod hex_text {
    use super::{Deserialize, Deserializer, Serializer};
    use serde::de::Error as _;

    pub(super) fn serialize<const N: usize, S: Serializer>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub(super) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; N];
        let wrong = || D::Error::custom(format_args!("expected {} lower-case hex digits, found another text", 2 * N));
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(wrong());
        }
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| wrong())?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests;
